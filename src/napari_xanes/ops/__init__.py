"""Operations: stack in, stack out. Adding one is a file here and a line below, in the order of the work."""

from __future__ import annotations

from typing import Any

from napari_xanes.registry import Registry

OPERATIONS = Registry(
    "napari_xanes.ops",
    {
        "optical_depth": "absorbance",
        "correct_dead_time": "dead_time",
        "correct_beam": "beam",
        "repair": "repairing",
        "remove_stripes": "stripes",
        "drop_frames": "frame_choice",
        "align": "alignment",
        "crop": "cropping",
        "bin": "binning",
        "calibrate_energy": "energy_calibration",
        "interpolate_energy": "energy_interpolation",
        "normalize_edge": "normalization",
        "normalize": "scaled_spectra",
        "smooth": "smoothing",
        "derivative": "slopes",
        "denoise": "denoising",
        "denoise_pca": "denoising_pca",
        "denoise_nlm": "denoising_nlm",
        "denoise_blind_spot": "denoising_blind_spot",
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
