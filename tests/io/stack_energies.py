"""Energies of the small stacks that the tests write."""

from __future__ import annotations

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)


KEV = tuple(e / 1000 for e in ENERGY)
