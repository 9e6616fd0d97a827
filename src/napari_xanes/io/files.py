"""Files as such: their content hash, and their text."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from napari_xanes.io import ways_out
from napari_xanes.io.special_files import refuse_special_file

WHOLE_BYTES = 64 << 20
"""Files up to this size are hashed whole."""

END_BYTES = 1 << 20
"""How much of each end of a larger file is hashed."""

_HEAD_BYTES = 4096

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

TEXT_BYTES = 16 << 20
"""No text file of spectra is larger than this; what is made of text takes several times its size."""


def fingerprint(path: str | Path) -> str:
    """Return a hash that tells whether a file has changed since it was read.

    Parameters
    ----------
    path : path
        A file, or a folder.

    Returns
    -------
    str
        ``sha256:...`` of the whole content up to 64 MB; ``sha256-ends:...`` of size, first and last MiB of a larger
        file; ``sha256-listing:...`` of the names and sizes in a folder.

    Raises
    ------
    OSError
        If the file can't be read.
    """
    path = Path(path)
    refuse_special_file(path)
    digest = hashlib.sha256()
    if path.is_dir():
        for item in sorted(path.iterdir()):
            size = item.stat().st_size if item.is_file() else ""
            digest.update(encodable(f"{item.name}\0{size}\n").encode())
        return f"sha256-listing:{digest.hexdigest()}"
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size <= WHOLE_BYTES:
            while block := file.read(1 << 20):
                digest.update(block)
            return f"sha256:{digest.hexdigest()}"
        digest.update(f"{size}\n".encode())
        digest.update(file.read(END_BYTES))
        file.seek(-END_BYTES, os.SEEK_END)
        digest.update(file.read(END_BYTES))
    return f"sha256-ends:{digest.hexdigest()}"


def starts_with(path: Path, n_bytes: int) -> bytes:
    """Return the first bytes of a file; no bytes for a folder.

    Raises
    ------
    OSError
        If the file can't be read.
    """
    status = refuse_special_file(path)
    if status and stat.S_ISDIR(status.st_mode):
        return b""
    if status and n_bytes <= _HEAD_BYTES:
        # Ten readers ask for the first bytes of each file of a folder.
        return _head(path, status.st_ino, status.st_dev, status.st_size, status.st_mtime_ns, status.st_ctime_ns)[
            :n_bytes
        ]
    with path.open("rb") as file:
        return file.read(n_bytes)


@lru_cache(maxsize=2)
def _head(path: Path, *_state: int) -> bytes:
    """The first bytes of a file in a state."""
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def inside(folder: Path, path: Path) -> bool:
    """Whether a file lies in a folder where links lead; folder and file may themselves be reached through links."""
    # Unlike Path.resolve, realpath takes links that lead in a circle.
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def files_in(
    folder: Path, suffixes: tuple[str, ...], *, user_file: Path | None = None
) -> tuple[list[Path], list[Path]]:
    """List the files of a folder, and its links that lead out of it, which nobody asked to open.

    Parameters
    ----------
    folder : Path
        As the user named it.
    suffixes : tuple of str
        Ends of the names of the files to list, lower case.
    user_file : Path, optional
        A file in it that the user named. If it is a link, it is followed.

    Returns
    -------
    files, links : list of Path, list of Path
        By name, with 2 before 10, which is the order that given energies are meant in; hidden ones are left out.

    Raises
    ------
    OSError
        If the folder can't be read.
    """
    files: list[Path] = []
    links: list[Path] = []
    for path, is_link in iter_files(folder, suffixes, user_file=user_file):
        (links if is_link else files).append(path)
    return sorted(files, key=natural_order), sorted(links, key=natural_order)


def iter_files(
    folder: Path, suffixes: tuple[str, ...], *, user_file: Path | None = None
) -> Iterator[tuple[Path, bool]]:
    """Yield the files that `files_in` lists, in no order, each with whether it is a link that leads out of the folder.

    Thousands of files may lie in a folder, and the first few often tell enough.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or not entry.name.lower().endswith(suffixes):
                continue
            path = folder / entry.name
            is_link = entry.is_symlink() and path != user_file and not inside(folder, path)
            if is_link or entry.is_file(follow_symlinks=False) or path.is_file():
                yield path, is_link


def natural_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Return what to sort paths by so that numbers in their names count as numbers."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts], path.name


def first_names(names: Sequence[str]) -> str:
    """Return the first few of some names, for messages."""
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")


def link_warnings(links: Sequence[Path]) -> list[str]:
    """Return the warning about links that lead out of a folder; no warning if there are none."""
    if not links:
        return []
    names = first_names([link.name for link in links])
    return [f"links out of the folder are not followed: {names}; open the files where they lie, or copy them"]


def read_text(path: Path, *, limit: int = TEXT_BYTES) -> str:
    """Read the text of a file in UTF-8 (with or without a byte order mark), UTF-16 or Latin-1.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it is larger than `limit` bytes, or not text.
    """
    refuse_special_file(path)
    with path.open("rb") as file:
        content = file.read(4096)
        if b"\0" not in content or content[:2] in _UTF_16:
            content += file.read(limit + 1 - len(content))
    if len(content) > limit:
        raise ValueError(f"{path}: more than {limit >> 20} MB is too long for such a text file; {ways_out.SPLIT}")
    return decoded(content, path)


def decoded(content: bytes, path: Path) -> str:
    """Bytes of a text file as text; see `read_text`."""
    if content[:2] in _UTF_16:
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: not text ({error.reason}); save it again as UTF-8") from None
    if b"\0" in content:
        raise ValueError(f"{path}: not text, it holds zero bytes; save it again as plain text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def lines_of(text: str) -> Iterator[str]:
    """Yield the lines of a text one by one, so that a long text is not in memory twice."""
    start = 0
    for end in re.finditer(r"\r\n?|\n", text):
        yield text[start : end.start()]
        start = end.end()
    if start < len(text):
        yield text[start:]


def encodable(text: str) -> str:
    """Return a text that UTF-8 can encode: bytes of file names that are no text become escapes.

    Examples
    --------
    >>> print(encodable("Fe\\udcb3O"))
    Fe\\udcb3O
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def one_line(text: str, *, without: str = "") -> str:
    """Return a text as one line of printable characters, for headers that people read.

    Examples
    --------
    >>> one_line("NiO,\\n  annealed", without=",")
    'NiO annealed'
    """
    return " ".join("".join(c if c.isprintable() and c not in without else " " for c in text).split())
