"""The denoising network: its input, weights, application in tiles and adaptation to one stack."""
