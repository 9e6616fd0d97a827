"""Training of the denoising network: random samples, examples made from them, and the training itself."""
