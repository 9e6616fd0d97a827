"""The valence map of a drifting sample after `align`, beside that of the same sample without drift."""

from __future__ import annotations

from benchmarks.registration.valence import still_and_aligned


def test_the_valence_map_after_align_is_as_good_as_without_drift() -> None:
    """Energies are averaged in pairs after `align`, so errors of resampling must be those of means, too."""
    still, drifting, aligned = still_and_aligned("same", energies=2, size=96, frames=60)
    assert aligned.error < 1.1 * still.error < drifting.error
    assert 0.92 < aligned.coverage < 0.98
