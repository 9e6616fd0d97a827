"""Tabulated edges."""

from __future__ import annotations

import pytest

from napari_xanes.edge import elements


def test_an_edge_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import xraydb

    asked: list[tuple[str, str]] = []
    look_up = xraydb.xray_edge
    monkeypatch.setattr(xraydb, "xray_edge", lambda *edge: asked.append(edge) or look_up(*edge))
    elements._energy_of.cache_clear()
    energies = {elements.tabulated_e0("Ni", edge) for edge in (None, "K", None)}
    assert energies == {8333.0}
    assert asked == [("Ni", "K")]
    assert elements.tabulated_e0(["Ni"]) is elements.tabulated_e0(None) is elements.tabulated_e0("Ni", "K9") is None
