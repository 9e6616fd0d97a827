"""Classical filters that the denoiser compares and combines."""
