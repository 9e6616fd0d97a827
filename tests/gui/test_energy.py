"""The energy that is shown over the image, and the stack that it belongs to."""

from __future__ import annotations

import numpy as np

from napari_xanes.gui.energy import energy_of_step, go_to_step, step_of_energy
from napari_xanes.gui.state.workspace import workspace_of


def text_of(viewer):
    overlay = viewer.canvas.overlays.text
    return overlay.text if overlay.visible else ""


def test_energy_follows_the_slider(viewer, add_stack, stack):
    follower = workspace_of(viewer).stacks
    assert workspace_of(viewer).stacks is follower
    assert text_of(viewer) == ""
    layer = add_stack()
    viewer.dims.set_current_step(0, 7)
    assert text_of(viewer) == f"{stack.energy[7]:.1f} eV"
    assert follower.step == 7
    go_to_step(viewer, layer, 3)
    assert viewer.dims.current_step[0] == 3
    assert text_of(viewer) == f"{stack.energy[3]:.1f} eV"


def test_the_text_is_not_hidden_in_the_turn_in_which_layers_are_exchanged(viewer, add_stack, rng, wait, settle):
    workspace_of(viewer)
    add_stack()
    overlay, hidden = viewer.canvas.overlays.text, []
    overlay.events.visible.connect(lambda event: hidden.append(overlay.visible))
    viewer.layers.clear()
    viewer.add_image(rng.random((24, 32)))
    assert not hidden
    wait(lambda: text_of(viewer) == "")
    viewer.layers.clear()
    add_stack()
    viewer.layers.clear()
    add_stack()
    settle()
    assert text_of(viewer).endswith(" eV"), "there is a stack again"


def test_steps_and_energies_of_a_layer(viewer, add_stack, stack):
    layer = add_stack()
    assert energy_of_step(layer, 4) == stack.energy[4]
    assert energy_of_step(layer, 999) == stack.energy[-1]
    assert step_of_energy(layer, stack.energy[9] + 0.1) == 9
    assert step_of_energy(layer, 0.0) == 0


def test_the_current_stack(viewer, add_stack, stack, wait):
    follower = workspace_of(viewer).stacks
    received = []
    follower.layer_changed.connect(received.append)
    first = add_stack()
    second = add_stack(name="second")
    assert follower.layer is second
    viewer.layers.selection.active = first
    labels = viewer.add_labels(np.zeros((24, 32), int))
    assert viewer.layers.selection.active is labels
    assert follower.layer is first  # selecting a labels layer changes nothing
    viewer.layers.remove(first)
    assert follower.layer is second
    viewer.layers.clear()
    assert follower.layer is None
    wait(lambda: text_of(viewer) == "")
    assert received == [first, second, first, second, None]


def test_no_energy_is_shown_if_the_energy_axis_is_displayed(viewer, add_stack, wait):
    workspace_of(viewer)
    add_stack()
    viewer.dims.order = (1, 0, 2)
    wait(lambda: text_of(viewer) == "")
    viewer.dims.order = (0, 1, 2)
    assert text_of(viewer).endswith(" eV")


def test_energies_with_a_shifted_axis(viewer, add_stack, stack):
    workspace_of(viewer)
    layer = add_stack(translate=(100, 0, 0), scale=(2, 0.05, 0.05))
    go_to_step(viewer, layer, 5)
    assert text_of(viewer) == f"{stack.energy[5]:.1f} eV"


def test_an_image_without_energies_says_how_to_give_them(viewer, add_stack, rng):
    workspace_of(viewer)
    add_stack()
    frames = viewer.add_image(rng.random((3, 24, 32)))
    assert text_of(viewer) == "No photon energies: press Attach energies… in XANES"
    viewer.layers.selection.active = viewer.layers[0]
    assert text_of(viewer).endswith(" eV")
    viewer.layers.selection.active = frames
    viewer.layers.remove(frames)
    viewer.add_image(rng.random((24, 32)))
    assert text_of(viewer).endswith(" eV"), "a photo is no stack without energies"
