"""Make a picture of the form of each step, for the page of steps: ``python docs/form_pictures.py [NAME ...]``."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent / "pictures" / "forms"
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")  # not the user's own settings
WIDTH = 380
"""Width of a form in pixels, about that of the dock."""


def main(names: list[str]) -> None:
    """Make the pictures of these steps, by default of all."""
    import napari
    from napari.qt import get_stylesheet
    from PIL import Image

    from napari_xanes.gui.forms.form import Form
    from napari_xanes.gui.forms.stack_box import StackBox
    from napari_xanes.gui.forms.viewer_fields import viewer_fields
    from napari_xanes.gui.layers import stack_to_layer
    from napari_xanes.gui.screenshot import settle
    from napari_xanes.gui.state.workspace import workspace_of
    from napari_xanes.maps import ESTIMATORS
    from napari_xanes.ops import OPERATIONS
    from napari_xanes.sample import nmc_ni_k

    viewer = napari.Viewer(show=False)
    data, keywords, _kind = stack_to_layer(nmc_ni_k(size=32).stack)
    viewer.add_image(data, **keywords)
    stacks = StackBox(viewer)
    workspace_of(viewer).references.offer(viewer.layers[0])
    settle(1.0)
    for name, method in {**OPERATIONS, **ESTIMATORS}.items():
        if names and name not in names:
            continue
        form = Form(method, viewer_fields(viewer, stacks))
        form.setStyleSheet(get_stylesheet("light"))
        form.resize(WIDTH, form.sizeHint().height())
        form.show()
        settle(0.3)
        path = HERE / f"{name}.png"
        form.grab().save(str(path))
        with Image.open(path) as picture:
            picture.convert("RGB").quantize(64).save(path, optimize=True)
        form.hide()
        form.deleteLater()
    viewer.close()


if __name__ == "__main__":
    HERE.mkdir(parents=True, exist_ok=True)
    main(sys.argv[1:])
