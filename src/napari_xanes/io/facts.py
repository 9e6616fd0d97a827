"""What a user says of a stack: it replaces what the file says, or what was guessed from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.alignment import Alignment
from napari_xanes.history import to_plain
from napari_xanes.io.energies import NO_ENERGY, ev_per_unit
from napari_xanes.parameter_map import checked_pixel_size
from napari_xanes.spectrum import KEV_LIMIT
from napari_xanes.stack import Quantity, SpectralStack

EnergyUnit = Literal["eV", "keV", "J"]


@dataclass(frozen=True)
class Facts:
    """Corrections of what reading found; None leaves it as it is.

    The fields are keywords of `napari_xanes.read`, options of the command line and lines of the card in the window;
    sources and recipes keep them.

    Parameters
    ----------
    quantity : str, optional
        What the values are.
    energy_unit : {"eV", "keV", "J"}, optional
        Unit of the energies in the file.
    pixel_size : float or tuple of float, optional
        Length of a pixel in µm, for all axes or for each, (Y, X) or (Z, Y, X).
    exposure : float, optional
        Exposure time of each frame in s.
    absorber : str, optional
        Element and edge, such as ``"Ni K"``.

    Raises
    ------
    ValueError
        If a value can't be what it says.
    """

    quantity: Quantity | None = None
    energy_unit: EnergyUnit | None = None
    pixel_size: float | tuple[float, ...] | None = None
    exposure: float | None = None
    absorber: str | None = None

    def __post_init__(self) -> None:
        for name, kind in (("quantity", Quantity), ("energy_unit", EnergyUnit)):
            value = getattr(self, name)
            if value is not None and value not in get_args(kind):
                raise ValueError(f"{name} {value!r} is none of {', '.join(get_args(kind))}; choose one of them")
        if self.pixel_size is not None:
            checked_pixel_size(self.pixel_size, np.size(self.pixel_size))
        if self.exposure is not None and (
            isinstance(self.exposure, bool) or not (np.isreal(self.exposure) and 0 < self.exposure < np.inf)
        ):
            raise ValueError(f"exposure={self.exposure!r} must be a time in s, more than 0")
        if self.absorber is not None:
            _element_and_edge(self.absorber)

    def to_plain(self) -> dict[str, Any]:
        """Return what is given, for sources and recipes."""
        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: to_plain(value) for name, value in given.items() if value is not None}


NO_FACTS = Facts()

_LOWEST, _HIGHEST = 10.0, 2e5
"""Edges lie between these energies, in eV: M edges of metals, K edges of the heaviest elements."""


def _element_and_edge(absorber: str) -> tuple[str, str]:
    from napari_xanes.edge.elements import named_absorber

    element, edge = named_absorber(str(absorber), {})
    return str(element), edge or "K"


def _factor(read_as: str, unit: str) -> float:
    """Return what energies are multiplied by that were read in one unit and are of another."""
    assumed, wanted = 1.0 if read_as.endswith(NO_ENERGY) else ev_per_unit(read_as), ev_per_unit(unit)
    if assumed is None or wanted is None:
        raise ValueError(
            f"energy_unit={unit!r}: the energies do not come from numbers of one unit ({read_as}); give them as "
            "energies="
        )
    return wanted / assumed


def usable_energies(energy: Float64Array, read_as: str, unit: str | None) -> tuple[Float64Array, str]:
    """Return energies of a file where X-ray edges lie, and their unit: the one that was given, if they need it.

    Parameters
    ----------
    energy : array of float64, shape (E,)
        In eV, as they were read, in increasing order.
    read_as : str
        The unit that they were read in.
    unit : str or None
        The unit that the user says.

    Raises
    ------
    ValueError
        If they lie where no edge is, in the unit that was given, too, or the file says that they are no energies.

    Examples
    --------
    >>> usable_energies(np.array([7.1, 7.2]), "eV", "keV")
    (array([7100., 7200.]), 'keV (given)')
    """
    if read_as.endswith(NO_ENERGY):
        if unit is None:
            raise ValueError(
                f"the file says that its energies, {energy[0]:.5g} to {energy[-1]:.5g}, are in "
                f"{read_as.split(',')[0]}: pass energies= in eV, or energy_unit= if the unit is wrong"
            )
    elif energy[-1] >= KEV_LIMIT and energy[0] < _HIGHEST:
        return energy, read_as
    range_read = f"{energy[0]:.4g} to {energy[-1]:.4g} eV"
    if unit is None:
        other = "keV" if energy[0] < KEV_LIMIT else "eV"
        raise ValueError(
            f"energies of {range_read}, where no X-ray edge lies; they were read as {read_as}: pass "
            f"energy_unit={other!r} if they are in {other}, else energies="
        )
    converted = np.round(energy * _factor(read_as, unit), 9)
    if not (converted[-1] >= KEV_LIMIT and converted[0] < _HIGHEST):
        raise ValueError(
            f"energies of {range_read}, where no X-ray edge lies, nor with energy_unit={unit!r}; pass energies="
        )
    return converted, f"{unit} (given)"


def with_facts(stack: SpectralStack, facts: Facts) -> SpectralStack:
    """Return a stack with what a user says of it.

    Parameters
    ----------
    stack : SpectralStack
        As it was read. Energies are converted from the unit in ``metadata["energy_unit"]``, which is kept.
    facts : Facts
        What the user says.

    Raises
    ------
    ValueError
        If a value does not fit the stack.

    Examples
    --------
    >>> stack = SpectralStack(np.ones((2, 1, 1)), [55000, 56000], metadata={"energy_unit": "keV (guessed: below 100)"})
    >>> stack = with_facts(stack, Facts(energy_unit="eV", pixel_size=0.5, exposure=2.0))
    >>> stack.energy.tolist(), stack.pixel_size, stack.metadata["exposure"]
    ([55.0, 56.0], (0.5, 0.5), 2.0)
    """
    metadata = dict(stack.metadata)
    energy = stack.energy
    if facts.energy_unit is not None:
        factor = _factor(str(metadata.get("energy_unit") or "eV"), facts.energy_unit)
        energy = energy if factor == 1 else np.round(energy * factor, 9)
        if factor != 1 and not _LOWEST < energy[0] <= energy[-1] < _HIGHEST:
            raise ValueError(
                f"energy_unit={facts.energy_unit!r} would make the energies {energy[0]:.4g} to {energy[-1]:.4g} eV, "
                f"where no X-ray edge lies; as read they are {stack.energy[0]:.4g} to {stack.energy[-1]:.4g} eV"
            )
        metadata["energy_unit"] = f"{facts.energy_unit} (given)"
    if facts.quantity is not None:
        metadata["quantity_source"] = "given"
    if facts.exposure is not None:
        metadata["exposure"] = float(facts.exposure)
    if facts.absorber is not None:
        metadata["element"], metadata["edge"] = _element_and_edge(facts.absorber)
    if facts.pixel_size is not None and np.size(facts.pixel_size) not in (1, len(stack.shape) - 1):
        raise ValueError(
            f"pixel_size={facts.pixel_size!r} has {np.size(facts.pixel_size)} lengths, but {stack.name!r} has "
            f"{len(stack.shape) - 1} spatial axes; give one length for all, or one for each"
        )
    pixel_size = checked_pixel_size(facts.pixel_size, len(stack.shape) - 1) or stack.pixel_size
    if isinstance(found := metadata.get("align"), Alignment):
        metadata["align"] = replace(found, energy=None if found.energy is None else energy, pixel_size=pixel_size)
    quantity = facts.quantity or stack.quantity
    return replace(stack, energy=energy, quantity=quantity, pixel_size=pixel_size, metadata=metadata)


def used_by_steps(stack: SpectralStack) -> tuple[str, ...]:
    """Return the names of the facts that the steps of a stack have used: a replay would use them in another way.

    Binning changes the pixel size, so that of the result is not the one that the file was read with.

    Examples
    --------
    >>> used_by_steps(SpectralStack(np.ones((2, 1, 1)), [700, 710]))
    ()
    """
    if not stack.history:
        return ()
    is_binned = any(step.name == "bin" for step in stack.history)
    return ("quantity", "energy_unit", "exposure", *(("pixel_size",) if is_binned else ()))


def corrected(stack: SpectralStack, facts: Facts) -> SpectralStack:
    """Return a stack as if it had been read with what the user says of it.

    The source keeps the keywords, so that recipes and scripts read the file in the same way.

    Raises
    ------
    ValueError
        If a value does not fit the stack, or steps have used what is to be corrected.
    """
    used = [name for name in used_by_steps(stack) if getattr(facts, name) not in (None, getattr(stack, name, None))]
    if used:
        steps = ", ".join(step.name for step in stack.history)
        raise ValueError(
            f"{stack.name!r} went through {steps}, so its {used[0].replace('_', ' ')} can't be changed any more; "
            "correct the stack that it was made from, and run the steps again"
        )
    changed = with_facts(stack, facts)
    if stack.source is None:
        return changed
    return replace(changed, source=replace(stack.source, reading={**stack.source.reading, **facts.to_plain()}))
