"""How the denoising network is trained: random samples, examples made of them, the training itself."""
