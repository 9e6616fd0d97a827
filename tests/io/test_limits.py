"""Damaged and malicious files need at most twice their size plus 200 MB of memory, do not hang or crash Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.io import bombs, samples

from napari_xanes import io
from napari_xanes.io.unpacked_size import unpacked_size

SAMPLES = {"stack": samples.STACKS, "spectra": samples.SPECTRA, "maps": samples.MAPS}
BOMBS = {"stack": bombs.STACKS, "spectra": bombs.SPECTRA, "maps": {}}
GROUPS = {
    "hdf5": (
        "nexus",
        "als_stxm",
        "hermes",
        "mistral",
        "pyxas",
        "fxi",
        "exchange",
        "exchange_mantis",
        "hdf5_maps",
        "nxxas",
    ),
    "series": ("fxi_tomography", "pyxas_series", "ptychography", "xrf_maps", "xrm_series", "txrm_series", "edf_series"),
    "images": ("tiff", "tiff_maps", "zeiss", "itex", "mrc", "arrays", "stony_brook", "stony_brook_netcdf", "axis"),
    "text": (
        "zarr_folder",
        "sdf",
        "texts",
        "athena",
        "xdi",
        "csv",
        "columns",
        "cls",
        "photon_factory",
        "rex",
        "npy",
        "xaslib",
        "lytle",
        "exported",
    ),
}
"""Groups of readers. One process reads the files of a group, because loading the libraries takes most of the time."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory of a process can be limited on Linux only")


def test_every_reader_is_tried():
    assert set(samples.STACKS) == {reader.name for reader in io.READERS}
    assert set(samples.SPECTRA) == {reader.name for reader in io.SPECTRA_READERS}
    assert set(samples.MAPS) == {reader.name for reader in io.MAP_READERS}
    tried = [name for names in GROUPS.values() for name in names]
    assert sorted(tried) == sorted({name for table in (SAMPLES, BOMBS) for kind in table.values() for name in kind})


@linux
@pytest.mark.parametrize("group", GROUPS)
def test_memory_and_time(group, tmp_path):
    cases = []
    for kind, table in (("samples", SAMPLES), ("bombs", BOMBS)):
        for what, writers in table.items():
            for name in set(GROUPS[group]) & set(writers):
                folder = tmp_path / kind / name
                folder.mkdir(parents=True)
                for written in writers[name](folder):
                    opened, target = written if kind == "samples" else (written, None)
                    cases.append((what, str(folder), opened, target))
    done = _read(sorted(cases, key=lambda case: case[3] is None))
    *flaws, seen = done.stdout.splitlines() or [""]
    last = "\n".join(done.stderr.splitlines()[-60:])
    assert done.returncode == 0, f"the interpreter ended with {done.returncode} while reading\n{last}"
    assert not flaws, "\n".join(flaws)
    assert min(json.loads(seen).values()) > 50, seen


def _read(cases: list[tuple[str, str, str, str | None]]) -> subprocess.CompletedProcess[str]:
    # Each thread reserves memory for itself, which does not count as memory of the file.
    alone = {"MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1", "ZARR_THREADING__MAX_WORKERS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "tests.io.limited"],
        cwd=Path(__file__).parents[2],
        env=os.environ | alone,
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("codec", ["zlib", "gzip", "bz2", "lzma", "blosc", "lz4", "zstd"])
@pytest.mark.parametrize("size", [100, 5_000, 3 << 20])
def test_unpacked_size(codec, size):
    import numcodecs

    content = bytes(range(100)) * (size // 100)
    packed = bytes(numcodecs.get_codec({"id": codec}).encode(content))
    assert unpacked_size(codec, packed, size) == len(content)
    assert unpacked_size(codec, packed, 50) > 50
    assert 0 <= unpacked_size(codec, packed[: len(packed) // 2], size) <= len(content)
    assert unpacked_size(codec, b"", size) == 0


def test_unpacked_size_of_zstandard_without_a_stored_size():
    """The size of a stored block is its length; that of a repeated byte is the number of its repeats."""
    head, block = b"\x28\xb5\x2f\xfd\0\x58", 128 << 10
    stored, repeated = (700 << 3).to_bytes(3, "little") + bytes(700), (block << 3 | 1 << 1).to_bytes(3, "little") + b"a"
    compressed = (5 << 3 | 2 << 1 | 1).to_bytes(3, "little") + bytes(5)
    assert unpacked_size("zstd", head + stored + repeated + compressed + stored, 1 << 20) == 700 + 2 * block
    assert unpacked_size("zstd", head + repeated * 1000, 1 << 20) > 1 << 20
    assert unpacked_size("zstd", head + stored[:2], 1 << 20) == 0
