"""Multiplet theory of 2p to 3d absorption."""
