"""Fill the form of an estimator as a recipe says."""

from __future__ import annotations

from napari_xanes.gui.forms.form import Form
from napari_xanes.gui.state.references import ReferenceSet
from napari_xanes.history import Step
from napari_xanes.reference_arguments import load_references


def fill_from_recipe(form: Form, step: Step, references: ReferenceSet) -> None:
    """Put the parameters of a step into its form; of the references, those of the step are ticked and no others.

    Parameters
    ----------
    form : Form
        The form of the estimator.
    step : Step
        The step of the recipe; files that it names are read.
    references : ReferenceSet
        The references of the window.

    Raises
    ------
    OSError, ValueError
        If a reference can't be read.
    """
    values = dict(step.parameters)
    for name, value in values.items():
        if form.method.parameters[name].kind in ("references", "calibration") and value is not None:
            values[name] = spectra = load_references(value)
            known = references.add(spectra)
            wanted = {spectrum.name for spectrum in (*known, *spectra)}
            for other in references.spectra:
                references.set_checked(other.name, other.name in wanted)
    form.fill(values)
