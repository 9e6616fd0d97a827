"""Operations: stack in, stack out. Adding one is a file here and a line below."""

from __future__ import annotations

from typing import Any

from napari_xanes.registry import Registry

OPERATIONS = Registry(
    "napari_xanes.ops",
    {
        "crop": "cropping",
        "denoise": "denoising",
        "denoise_blind_spot": "denoising_blind_spot",
        "denoise_nlm": "denoising_nlm",
        "denoise_pca": "denoising_pca",
        "optical_depth": "absorbance",
        "align": "alignment",
        "normalize": "scaled_spectra",
        "normalize_edge": "normalization",
        "repair": "repairing",
        "correct_beam": "beam",
        "correct_dead_time": "dead_time",
        "remove_stripes": "stripes",
        "drop_frames": "frame_choice",
        "calibrate_energy": "energy_calibration",
        "interpolate_energy": "energy_interpolation",
        "bin": "binning",
        "smooth": "smoothing",
        "derivative": "slopes",
        "complete_sparse": "completion",
    },
)

__all__ = [
    "OPERATIONS",
    "align",
    "bin",
    "calibrate_energy",
    "complete_sparse",
    "correct_beam",
    "correct_dead_time",
    "crop",
    "denoise",
    "denoise_blind_spot",
    "denoise_nlm",
    "denoise_pca",
    "derivative",
    "drop_frames",
    "interpolate_energy",
    "normalize",
    "normalize_edge",
    "optical_depth",
    "remove_stripes",
    "repair",
    "smooth",
]


def __getattr__(name: str) -> Any:
    try:
        return OPERATIONS[name]
    except KeyError:
        raise AttributeError(f"there is no operation {name!r}; there are {', '.join(OPERATIONS)}") from None
