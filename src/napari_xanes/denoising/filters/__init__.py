"""Classical image filters that the denoiser compares and combines."""
