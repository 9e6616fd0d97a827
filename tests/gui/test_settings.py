"""Settings: kept by napari, checked, with effect; a broken file is said and replaced by defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_xanes import MapSet, ParameterMap, limits
from napari_xanes.gui import settings as module
from napari_xanes.gui.job import Job
from napari_xanes.gui.map_layers import maps_to_layers
from napari_xanes.gui.settings import Settings, settings, why_broken

DEFAULTS = Settings(2.0, 0, "viridis", 5)

Written = Callable[[str], Path]


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr(module, "show_warning", messages.append)
    return messages


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, viewer: Any) -> Iterator[Written]:
    """Return a function that writes the file of settings, as if napari started afterwards."""
    import napari.settings

    monkeypatch.setattr(napari.settings, "_CFG_PATH", tmp_path / "settings.yaml")
    monkeypatch.setattr(napari.settings.get_settings(), "config_path", tmp_path / "settings.yaml")

    def write(content: str) -> Path:
        path = tmp_path / "napari-xanes.yaml"
        path.write_text(content)
        napari.settings._clear_plugin_settings_cache()
        module._looked_at.clear()
        return path

    yield write
    napari.settings._clear_plugin_settings_cache()
    limits.limit()


def test_without_a_file_the_defaults_hold(written: Written, warnings: list[str]) -> None:
    written("").unlink()
    assert settings() == DEFAULTS
    assert not warnings


def test_what_napari_saves_comes_back(written: Written, warnings: list[str]) -> None:
    from napari.settings import get_plugin_settings

    path = written("")
    preferences = get_plugin_settings("napari-xanes")
    preferences.opening.memory_gib = 0.5
    preferences.maps.colours = "plasma"
    preferences.projects.autosave_minutes = 0
    assert settings() == Settings(0.5, 0, "plasma", 0)
    with pytest.raises(ValueError, match="rainbow"):
        preferences.maps.colours = "rainbow"
    written(path.read_text())
    assert settings() == Settings(0.5, 0, "plasma", 0)
    assert settings().memory_bytes == 2**29
    assert not warnings


@pytest.mark.parametrize(
    ("content", "expected", "reason"),
    [
        ("maps: {colours: jet}\nopening: {memory_gib: 1}", DEFAULTS._replace(memory_gib=1), "Colours of maps: 'jet'"),
        ("computing: {threads: -3}", DEFAULTS, "Threads (0 for all cores): -3"),
        ("computing: {threads: many}", DEFAULTS, "'many' is not of type 'integer'"),
        ("projects: 7", DEFAULTS, "projects is 7, no group of settings"),
        ("maps: {colours: [", DEFAULTS, "it is no YAML"),
        ("- a\n- list", DEFAULTS, "it holds no settings but ['a', 'list']"),
        ("opening: !!python/object/apply:os.getcwd []", DEFAULTS, "it is no YAML"),
    ],
)
def test_a_broken_file_is_said_once_and_replaced_by_defaults(
    written: Written, warnings: list[str], content: str, expected: Settings, reason: str
) -> None:
    path = written(content)
    assert settings() == settings() == expected
    (message,) = warnings
    assert message.startswith("Default settings are used where napari-xanes.yaml can't be: ")
    assert reason in message
    assert str(path) in message


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "napari-xanes.yaml"
    path.write_text("#" * (2 << 20))
    assert "is longer" in why_broken(path)


def test_every_job_keeps_the_limits(written: Written, wait: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_xanes.limits.cores", lambda: 8)
    written("computing: {threads: 3}\nopening: {memory_gib: 0.5}")
    job, found = Job(), []
    job.done.connect(found.append)
    job.start(lambda progress: (limits.threads(), limits.bytes_at_once(1 << 40)), "look at the limits")
    wait(lambda: not job.running)
    assert found == [(3, 2**27)]


def test_maps_have_the_chosen_colours_and_errors_others(written: Written, rng: np.random.Generator) -> None:
    values = rng.random((4, 5), np.float32)
    maps = MapSet({"valence": ParameterMap(values, "1", values)})
    for chosen, error in (("viridis", "magma"), ("plasma", "magma"), ("magma", "viridis")):
        written(f"maps: {{colours: {chosen}}}")
        layers = {one["metadata"]["xanes"]["role"]: one["colormap"] for _, one, _ in maps_to_layers(maps)}
        assert layers == {"value": chosen, "sigma": error}
