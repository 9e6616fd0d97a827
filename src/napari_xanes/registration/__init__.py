"""Registration: how far the content of each frame lies from a common grid, with errors, and resampling onto it."""
