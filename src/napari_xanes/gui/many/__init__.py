"""Run a recipe on a folder: the window with its fields and its table of files."""
