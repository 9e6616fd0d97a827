"""What makes a typed function an operation or an estimator.

An operation takes a stack and gives a stack; an estimator takes a stack and gives a set of maps. Decorated, the
function checks its parameters, learns from the whole stack what has to be learned once, and writes itself into the
history of what it returns.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, update_wrapper
from importlib import import_module
from typing import Any, Generic, TypeVar

from napari_xanes.history import Step, to_plain
from napari_xanes.parameter_map import MapSet
from napari_xanes.parameters import Parameter, parameters_of, validator
from napari_xanes.progress import Progress, part
from napari_xanes.stack import SpectralStack

R = TypeVar("R", bound=SpectralStack | MapSet)


class Method(Generic[R]):
    """A registered function: callable as written, and with `apply` from a recipe.

    Parameters
    ----------
    function : callable
        ``function(stack, /, *, ...)``, parameters keyword-only and annotated.
    fit : callable, optional
        ``fit(stack, **parameters)`` returns the parameters that the data decide (an automatic E0), as a mapping of
        names to values. They are found once on the whole stack, kept in the history as the step's state, and
        replace what was asked for; so the function itself can work block by block. A fit that takes long has a
        keyword ``progress`` and is given one.
    """

    def __init__(self, function: Callable[..., R], fit: Callable[..., Mapping[str, Any]] | None = None) -> None:
        self.function = function
        self.fit = fit
        update_wrapper(self, function)  # its name, docstring and signature

    @property
    def name(self) -> str:
        """Name in the registry."""
        return str(self.function.__name__)

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").split("\n")[0]

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The declared parameters, by name."""
        return parameters_of(self.function)

    @cached_property
    def _check(self) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        return validator(self.name, self.parameters)

    def validated(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters checked, converted and completed with their defaults.

        Raises
        ------
        ValueError
            If one is unknown, missing, of the wrong kind or out of bounds.
        """
        return self._check(parameters)

    def __call__(self, stack: SpectralStack, /, *, progress: Progress | None = None, **parameters: Any) -> R:
        """Run the function; the parameters are its own."""
        return self.apply(stack, Step(self.name, parameters), progress=progress)

    def apply(self, stack: SpectralStack, step: Step, *, progress: Progress | None = None) -> R:
        """Carry out a step: learn its state, unless it has one, then run the function.

        Raises
        ------
        TypeError
            If `stack` is not a SpectralStack.
        ValueError
            If the parameters do not fit, or not the stack.
        """
        if not isinstance(stack, SpectralStack):
            raise TypeError(f"{self.name} works on a SpectralStack, not on a {type(stack).__name__}")
        asked = self.validated(step.parameters)
        state, rest = step.state, progress
        if state is None:
            state = {}
            if self.fit:
                told = "progress" in inspect.signature(self.fit).parameters
                early, rest = (part(progress, 0.0, 0.2), part(progress, 0.2, 1.0)) if told else (None, progress)
                state = self.fit(stack, **asked, **({"progress": early} if told else {}))
        settled = self.validated({**asked, **state})
        if "progress" in inspect.signature(self.function).parameters:
            settled["progress"] = rest
        result: R = self.function(stack, **settled)
        from napari_xanes.version import __version__

        done = Step(self.name, _plain(asked), _plain(state) if self.fit else None, __version__)
        return replace(result, history=(*stack.history, done), source=stack.source)

    def __repr__(self) -> str:
        return f"<{self.name}: {self.summary}>"


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_plain(value) for name, value in values.items()}


def method(*, fit: Callable[..., Mapping[str, Any]] | None = None) -> Callable[[Callable[..., R]], Method[R]]:
    """Make a typed function an operation or an estimator; see `Method`."""

    def decorate(function: Callable[..., R]) -> Method[R]:
        return Method(function, fit)

    return decorate


class Registry(Mapping[str, Method[Any]]):
    """Methods by name, each imported when first asked for.

    Parameters
    ----------
    package : str
        Package that the modules lie in.
    homes : mapping of str to str
        Module (within the package) of each method, by the method's name.
    """

    def __init__(self, package: str, homes: Mapping[str, str]) -> None:
        self._package, self._homes = package, dict(homes)

    def __getitem__(self, name: str) -> Method[Any]:
        if name not in self._homes:
            raise KeyError(f"{name!r} is none of {', '.join(self._homes)}")
        found = getattr(import_module(f"{self._package}.{self._homes[name]}"), name)
        assert isinstance(found, Method)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)
