"""Patterns of the beam that changed between sample and flat field."""
