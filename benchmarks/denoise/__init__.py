"""Compare `napari_xanes.ops.denoise` with strong rivals on simulated measurements whose truth is known.

Run ``python -m benchmarks.denoise`` from the repository's root. The simulation shares no code with the one that the
network was trained on.
"""
