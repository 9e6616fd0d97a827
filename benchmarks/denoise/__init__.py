"""How well `napari_xanes.ops.denoise` does beside strong rivals, on simulated measurements with known truth.

Run ``python -m benchmarks.denoise`` from the repository's root. The simulation shares nothing with the one that the
network was trained on.
"""
