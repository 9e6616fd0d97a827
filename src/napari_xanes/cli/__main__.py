"""``python -m napari_xanes.cli``."""

from napari_xanes.cli import main

if __name__ == "__main__":
    main()
