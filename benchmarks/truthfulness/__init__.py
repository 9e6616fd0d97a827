"""Simulated and measured data with known truth, and the judgement of every map: right, told, or wrong and silent."""
