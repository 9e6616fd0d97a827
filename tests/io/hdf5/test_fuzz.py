"""250 damaged files of each HDF5 layout, 80 of large ones, give a correct result or a documented error."""

from __future__ import annotations

import shutil
import warnings

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests.io.fuzzing import assert_documented
from tests.io.hdf5.layouts import ENERGY, FRAMES, LARGE, LAYOUTS, SERIES

from napari_xanes import io

VALUES = [
    np.float32(3),
    np.int8(-1),
    b"text",
    "[1, {",
    np.zeros((0, 2)),
    np.zeros((0, 3, 5), np.float32),
    np.full(4, np.nan),
    np.full((4, 3, 5), np.nan, np.float32),
    np.zeros((4, 3, 5), np.uint16),
    np.array([7.1, np.inf, 7.2, -np.inf]),
    np.array([1e300, -1e300, 0, 5]),
    np.full(4, 7.1),
    np.arange(24.0),
    np.arange(60.0).reshape(3, 5, 4),
    np.arange(15, dtype=">u2").reshape(1, 3, 5),
    np.array([b"a", b"b"]),
    np.ones((2, 3, 5, 4)),
    np.ones((4, 3, 5), bool),
    np.ones((4, 3, 5), np.complex64),
    np.ones((3, 5), np.complex64),
    np.ones((4, 3, 5), np.float16),
    np.zeros(4, [("a", "i4"), ("b", "f8")]),
    h5py.Empty("f4"),
    h5py.SoftLink("/nowhere"),
    h5py.SoftLink("/"),
    h5py.ExternalLink("other.h5", "/"),
    "huge",
    "group",
]
FLAWS = st.lists(
    st.tuples(
        st.sampled_from(["delete", "replace", "rename", "shorten", "empty end", "attribute", "unit"]),
        st.integers(0, 99),
        st.integers(0, len(VALUES) - 1),
    ),
    min_size=1,
    max_size=3,
)


def _damage(path, flaws):
    """Apply flaws; return the names of the changed objects."""
    touched = set()
    with h5py.File(path, "a") as file:
        names = []
        file.visit(names.append)
        for what, which, value in flaws:
            name = names[which % len(names)]
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                continue
            touched.add(name)
            item = file[name]
            if what == "attribute":
                attribute = ["axes", "axis", "units", "signal", "NX_class"][which % 5]
                item.attrs[attribute] = VALUES[value] if isinstance(VALUES[value], np.ndarray | bytes | str) else 3
            elif what == "unit":
                item.attrs["units"] = ["eV", "keV", "J", "nm", "furlong"][value % 5]
            elif what in ("shorten", "empty end"):
                if not isinstance(item, h5py.Dataset) or not item.shape or item.shape[0] < 2:
                    continue
                content = item[()]
                if what == "shorten":
                    content = content[: 1 + value % len(content)]
                elif content.dtype.kind in "fiuc":
                    content[-1 - value % len(content) :] = np.nan if content.dtype.kind in "fc" and which % 2 else 0
                del file[name]
                file[name] = content
            else:
                if what == "rename":
                    file[f"{name} of old"] = item
                del file[name]
                if what == "replace":
                    _put(file, name, VALUES[value])
    return touched


def _put(file, name, value):
    if isinstance(value, str) and value == "huge":
        file.create_dataset(name, (4, 100_000, 100_000), "f4", chunks=(1, 100, 100))
    elif isinstance(value, str) and value == "group":
        file.create_group(name)
    else:
        file[name] = value


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__[1:])
def test_damaged(layout, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    images, keys = layout(folder / "a1.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = io.read(folder if layout in SERIES else folder / "a1.h5")
    np.testing.assert_allclose(whole.energy, np.sort(ENERGY))
    first = whole.data.reshape(4, -1, 3, 5)[:, 0]
    np.testing.assert_allclose(first, FRAMES[np.argsort(ENERGY)], rtol=1e-6)
    seen = {"read": 0, "refused": 0}

    @seed(0)  # always the same examples, also after a change of this function
    @settings(
        max_examples=80 if layout in LARGE else 250,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        flaws=FLAWS,
        cut=st.one_of(st.none(), st.none(), st.none(), st.floats(0.0, 0.999)),
        lazy=st.booleans(),
        select=st.sampled_from([None, None, None, 1, "b"]),
    )
    def damaged(flaws, cut, lazy, select):
        target = folder.with_name("damaged")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
        path = target / "a1.h5"
        touched = _damage(path, flaws)
        if cut is not None:
            content = path.read_bytes()
            path.write_bytes(content[: int(len(content) * cut)])
        opened = target if layout in SERIES else path
        reader = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                if cut is None and select is not None:
                    reader = next((r for r in io.READERS if r.can_select and r.why_not_readable(opened) is None), None)
                stack = io.read(opened, memory_limit=50 if lazy else None, select=select if reader else None)
                data = np.asarray(stack.data)
            except (OSError, ValueError) as error:
                assert_documented(error, opened.name)
                seen["refused"] += 1
                return
        # A series skips a file that it cannot use, and reads the others.
        seen["refused" if layout in SERIES and len(data) < len(whole.data) else "read"] += 1
        assert data.shape[0] == stack.energy.size > 0
        parents = {name.rsplit("/", n)[0] for name in (images, keys) for n in range(name.count("/") + 1)}
        if cut is None and not touched & (parents | {images, keys}) and reader is None:
            assert {tuple(frame.ravel()) for frame in data} <= {tuple(frame.ravel()) for frame in whole.data}

    damaged()
    assert min(seen.values()) > 5, seen
