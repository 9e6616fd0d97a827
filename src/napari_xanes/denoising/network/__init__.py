"""The denoising networks and their trained weights."""
