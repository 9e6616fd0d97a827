"""The rules of the house: light imports, one direction, a valid manifest, nothing of the window outside gui."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_costs_next_to_nothing() -> None:
    assert not loaded_by("import napari_xanes") & {"numpy", "torch", "napari", "qtpy", "PyQt6", "h5py", "scipy", "dask"}


@pytest.mark.parametrize("code", ["import napari_xanes as nx; nx.ops.crop; nx.maps.fit_references; nx.read; nx.run"])
def test_the_core_needs_no_window_and_no_torch(code: str) -> None:
    assert not loaded_by(code) & {"torch", "napari", "qtpy", "PyQt6", "matplotlib", "h5py", "skimage"}


def test_imports_point_down_only() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_manifest_is_valid_and_every_command_exists() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(ROOT / "src" / "napari_xanes" / "napari.yaml")
    manifest.validate_imports()
    titles = {widget.display_name for widget in manifest.contributions.widgets or ()}
    assert {"Spectra", "Prepare", "Map"} <= titles


def test_the_manifest_at_the_top_is_the_one_in_the_package() -> None:
    assert (ROOT / "napari.yaml").resolve() == (ROOT / "src" / "napari_xanes" / "napari.yaml").resolve()


def test_the_manifest_offers_what_the_readers_and_writers_know() -> None:
    from npe2 import PluginManifest

    from napari_xanes import io

    contributions = PluginManifest.from_file(ROOT / "napari.yaml").contributions
    patterns = {pattern for reader in contributions.readers or () for pattern in reader.filename_patterns}
    assert {pattern for reader in io.READERS for pattern in reader.patterns} <= patterns
    suffixes = {suffix for writer in contributions.writers or () for suffix in writer.filename_extensions}
    assert suffixes == {suffix for writer in io.WRITERS for suffix in writer.suffixes}


def test_every_sample_is_in_the_manifest() -> None:
    from npe2 import PluginManifest

    from napari_xanes.sample import SAMPLES

    contributions = PluginManifest.from_file(ROOT / "napari.yaml").contributions
    assert {sample.key for sample in contributions.sample_data or ()} == set(SAMPLES)
