"""What makes a typed function an operation or an estimator.

An operation takes a stack and returns a stack; an estimator takes a stack and returns a set of maps. The decorator
`method` makes such a function check its parameters, estimate once from the whole stack what was left out, and record
itself in the history of its result.
"""

from __future__ import annotations

import ast
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, update_wrapper
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any, Generic, Literal, TypeVar

from napari_xanes.history import Step, to_plain
from napari_xanes.parameter_map import MapSet
from napari_xanes.parameters import Parameter, parameters_of, validator
from napari_xanes.progress import Progress, part
from napari_xanes.stack import SpectralStack
from napari_xanes.step_files import changed_files, current_files, files_read_once
from napari_xanes.version import __version__

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=SpectralStack | MapSet)
T = TypeVar("T")

LooksAt = Literal["pixel", "frame", "neighbours", "stack"]
"""What the result in a pixel depends on, apart from what `Method.fit` estimated once.

- ``frame``: on the same value of the same frame. One frame of a lazy stack can be computed alone.
- ``pixel``: on the spectrum of this pixel. Tiles of an image give the same as the whole image.
- ``neighbours``: also on pixels around it in the image.
- ``stack``: on all pixels of the image.

For ``neighbours`` and ``stack``, each slice of a volume is an image.
"""

_FIT_SHARE = 0.2
"""Share of the progress that a fit with progress takes."""


class Method(Generic[R]):
    """A registered function: call it with a stack and keywords, or `apply` it as a step of a recipe.

    Parameters
    ----------
    function : callable
        ``function(stack, /, *, ...)``; its parameters are keyword-only and annotated.
    looks_at : {"pixel", "frame", "neighbours", "stack"}
        What the result in a pixel depends on; see `LooksAt`.
    fit : callable, optional
        ``fit(stack, **parameters)`` estimates parameters that were left out (such as E0) from the whole stack, and
        returns them as a mapping of names to values. They replace what was given, and the history keeps them as the
        state of the step. So the function itself can work block by block. A fit that takes long has a keyword
        ``progress``.
    """

    def __init__(
        self,
        function: Callable[..., R],
        looks_at: LooksAt,
        fit: Callable[..., Mapping[str, Any]] | None = None,
    ) -> None:
        self.function = function
        self.looks_at = looks_at
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
        """Return the parameters checked, converted and completed with their defaults.

        Raises
        ------
        ValueError
            If one is unknown, missing, of the wrong kind or out of bounds.
        """
        return self._check(parameters)

    def __call__(self, stack: SpectralStack, /, *, progress: Progress | None = None, **parameters: Any) -> R:
        """Run the function with its own parameters."""
        return self.apply(stack, Step(self.name, parameters), progress=progress)

    def apply(self, stack: SpectralStack, step: Step, *, progress: Progress | None = None) -> R:
        """Carry out a step: fit its state, unless the step has one, then run the function.

        Raises
        ------
        OSError
            If a file that the step names can't be read, or changes meanwhile.
        TypeError
            If `stack` is not a SpectralStack.
        ValueError
            If the parameters are not valid, or do not fit the stack.
        """
        if not isinstance(stack, SpectralStack):
            raise TypeError(f"{self.name} works on a SpectralStack, not on a {type(stack).__name__}")
        with files_read_once(self.parameters, step):
            step_parameters = self.validated(step.parameters)
            contents = current_files(self.parameters, step)
        files, changed = {**step.files, **contents}, changed_files(self.parameters, step, contents)
        state = step.state
        if not state:  # Somebody may have emptied it, so that it is estimated again.
            fits_long = self.fit is not None and _takes_progress(self.fit)
            share = _FIT_SHARE if fits_long else 0.0
            state = self._fitted(stack, step_parameters, part(progress, 0.0, share))
            progress = part(progress, share, 1.0)
        parameters = self.validated({**step_parameters, **state})
        if _takes_progress(self.function):
            parameters["progress"] = progress
        start = perf_counter()
        result: R = self.function(stack, **parameters)
        logger.debug("%s: %.3f s on %r", self.name, perf_counter() - start, stack)
        done = Step(self.name, _plain(step_parameters), _plain(state) if self.fit else None, __version__, files)
        metadata = with_warnings(result.metadata, changed)
        return replace(result, history=(*stack.history, done), source=stack.source, metadata=metadata)

    def _fitted(
        self, stack: SpectralStack, parameters: Mapping[str, Any], progress: Progress | None
    ) -> Mapping[str, Any]:
        """Estimate the parameters that `fit` takes from the stack."""
        if self.fit is None:
            return {}
        start = perf_counter()
        state = self.fit(stack, **parameters, **({"progress": progress} if _takes_progress(self.fit) else {}))
        if logger.isEnabledFor(logging.INFO):
            # Arrays as text take longer than some fits.
            logger.info("%s: from %r: %s", self.name, stack.name, _short_text(state))
        logger.debug("%s: fit took %.3f s", self.name, perf_counter() - start)
        return state

    def __repr__(self) -> str:
        return f"<{self.name}: {self.summary}>"


def estimated(name: str, value: T | None) -> T:
    """Return the value of a parameter that `Method.fit` estimates, or refuse a state that lacks it.

    Raises
    ------
    ValueError
        If it is None: somebody took a part out of the state of a step.
    """
    if value is None:
        raise ValueError(f"the state of the step lacks {name}; take the whole state out, then it is estimated again")
    return value


def with_warnings(metadata: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    """Return metadata with warnings added that are not there yet."""
    known = list(metadata.get("warnings", ()))
    told = [text for text in dict.fromkeys(texts) if text not in known]
    return {**metadata, "warnings": [*told, *known]} if told else dict(metadata)


def _takes_progress(function: Callable[..., Any]) -> bool:
    return "progress" in inspect.signature(function).parameters


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_plain(value) for name, value in values.items()}


def _short_text(values: Mapping[str, Any], width: int = 60) -> str:
    """Return ``name = value`` of each entry, with long values cut off, for the log."""
    texts = {name: " ".join(repr(value).split()) for name, value in values.items()}
    return ", ".join(f"{name} = {text if len(text) <= width else text[:width] + '...'}" for name, text in texts.items())


def method(
    *, looks_at: LooksAt, fit: Callable[..., Mapping[str, Any]] | None = None
) -> Callable[[Callable[..., R]], Method[R]]:
    """Make a typed function an operation or an estimator; see `Method`."""

    def decorate(function: Callable[..., R]) -> Method[R]:
        return Method(function, looks_at, fit)

    return decorate


class Registry(Mapping[str, Method[Any]]):
    """Methods by name. Those of the package are imported when first asked for; others can be registered.

    Parameters
    ----------
    package : str
        Package that the modules lie in.
    homes : mapping of str to str
        Module (within the package) of each method, by the method's name.

    Examples
    --------
    >>> registry = Registry("napari_xanes.ops", {"crop": "cropping"})
    >>> @registry.register
    ... @method(looks_at="frame")
    ... def invert(stack, /):
    ...     "Change the sign."
    ...     return stack.with_data(-stack.data)
    >>> list(registry)
    ['crop', 'invert']
    """

    def __init__(self, package: str, homes: Mapping[str, str]) -> None:
        self._package, self._homes = package, dict(homes)
        self._registered: dict[str, Method[Any]] = {}

    def register(self, method: Method[R]) -> Method[R]:
        """Add a method that another package defines; usable as a decorator above `method`.

        Raises
        ------
        TypeError
            If it is not a method.
        ValueError
            If its name is taken.
        """
        if not isinstance(method, Method):
            raise TypeError(f"{method!r} is not a method: decorate the function with napari_xanes.registry.method")
        if method.name in self:
            raise ValueError(f"there is a method {method.name!r} already; give the function another name")
        self._registered[method.name] = method
        return method

    def unregister(self, name: str) -> None:
        """Remove a method that was added by `register`."""
        del self._registered[name]

    def summary(self, name: str) -> str:
        """Return what a method does in one line, from its source: importing all methods takes seconds, and torch.

        Raises
        ------
        KeyError
            If there is no such method.

        Examples
        --------
        >>> Registry("napari_xanes.ops", {"crop": "cropping"}).summary("crop")
        'Keep ranges of energies and a box of pixels.'
        """
        if name in self._registered:
            return self._registered[name].summary
        source = find_spec(f"{self._package}.{self._homes[name]}")
        if source is None or source.origin is None:
            return self[name].summary
        functions = ast.parse(Path(source.origin).read_text(encoding="utf-8")).body
        texts = (ast.get_docstring(f) for f in functions if isinstance(f, ast.FunctionDef) and f.name == name)
        return next((text for text in texts if text), "").split("\n")[0]

    def __getitem__(self, name: str) -> Method[Any]:
        if name in self._registered:
            return self._registered[name]
        if name not in self._homes:
            raise KeyError(f"{name!r} is none of {', '.join(self)}")
        method = getattr(import_module(f"{self._package}.{self._homes[name]}"), name)
        assert isinstance(method, Method)
        return method

    def __iter__(self) -> Iterator[str]:
        yield from self._homes
        yield from self._registered

    def __len__(self) -> int:
        return len(self._homes) + len(self._registered)

    def __contains__(self, name: object) -> bool:
        return name in self._homes or name in self._registered
