"""What a user can do about a file that is refused: one text for each kind of reason, to end messages with."""

from __future__ import annotations

COPY = "copy it again from where it was written"
"""Of a file whose numbers contradict each other."""

SAVE_AS = "save the images and their energies again as TIFF with a text of energies, or as .npz"
"""Of images that are laid out in a way that is not read."""

NAME_ENERGIES = "pass energies=, or put them beside the file in a text, one a line"
"""Of images without energies that can be used."""

ONE_EACH = "give one energy for each image"

WRITE_COLUMNS = "write its energies in eV and mu(E) as two columns of a text"
"""Of spectra that are laid out in a way that is not read."""

EXPORT_SPECTRA = "open it in Athena or Larch, and save mu(E) as columns of text"
"""Of files of other programs for spectra."""

SPLIT = "split it into several files"
"""Of files that are longer than any of their kind."""

CORRECT_LINE = "correct that line, or remove it"
"""Of texts, where one line is wrong."""

NOT_FOLLOWED = "put the files themselves into the folder, not links"
"""Of links out of what the user named."""

WRITE_ZARR = "write it again with zarr-python and one usual codec (zstd, gzip, blosc)"
"""Of stores of Zarr that are laid out in a way that is not read."""

OTHER_VERSION = "install the version that wrote it"
"""Of files of a later napari-xanes."""

MAPS_ONLY = "read_maps takes what napari-xanes wrote as maps; open others with napari_xanes.read"
