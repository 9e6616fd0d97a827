"""Errors, coverage and cost of `align` on drifting samples: ``python -m benchmarks.registration``."""
