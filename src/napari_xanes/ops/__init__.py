"""Operations: stack in, stack out. Adding one is a file here and a line below."""

from __future__ import annotations

from typing import Any

from napari_xanes.registry import Registry

OPERATIONS = Registry(
    "napari_xanes.ops",
    {
        "crop": "cropping",
        "denoise": "denoising",
        "optical_depth": "absorbance",
        "normalize_edge": "normalization",
    },
)

__all__ = ["OPERATIONS", "crop", "denoise", "normalize_edge", "optical_depth"]


def __getattr__(name: str) -> Any:
    try:
        return OPERATIONS[name]
    except KeyError:
        raise AttributeError(f"there is no operation {name!r}; there are {', '.join(OPERATIONS)}") from None
