"""Temporary names beside a target, who owns them, and clearing those whose owner is gone.

While a file or folder is written it has a name such as ``.scan.h5.1f2e3d-0a1b2c3d.part``: the target, the computer, and
a random number. ``.lock`` of the same name is made first and removed last, and its owner holds a lock of the system on
it. So whoever gets that lock knows that the owner is gone, also after a kill or a power failure. Names of another
computer are left alone: locks do not reach across all shared file systems.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from napari_xanes.saving.termination import deferred

try:
    import fcntl
except ImportError:  # Windows, where nobody can remove a file that another process has open.
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

_NAME = re.compile(r"\.(?P<target>.+)\.(?P<computer>[0-9a-f]{6})-(?P<token>[0-9a-f]{8})\.(?:part|undo|old|lock)", re.S)
_LONGEST_NAME = 100
"""Bytes of a target's name in its temporary names: some file systems take 143 bytes, ours add 22."""
_ATTEMPTS = 10
_BETWEEN_ATTEMPTS = 0.05  # s
_OPEN_LOCK = os.O_RDWR
for _flag in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"):
    _OPEN_LOCK |= getattr(os, _flag, 0)

_own_claims: set[Path] = set()
"""Locks of this process: a shared file system may give a process the same lock twice."""


@dataclass(frozen=True)
class Claim:
    """The temporary names of one target; all of them are removed when the claim ends.

    Parameters
    ----------
    target : Path
        The file or folder to be written, links followed.
    stem : str
        What the temporary names have in common.
    """

    target: Path
    stem: str

    @property
    def draft(self) -> Path:
        """What is being written."""
        return self.target.with_name(f"{self.stem}.part")

    @property
    def undo(self) -> Path:
        """A copy of the former target, to go back to."""
        return self.target.with_name(f"{self.stem}.undo")

    @property
    def old(self) -> Path:
        """A folder that the former target is moved into, which keeps its name: `stem` may have only a part of it."""
        return self.target.with_name(f"{self.stem}.old")

    @property
    def lock(self) -> Path:
        """The file whose lock the owner holds."""
        return self.target.with_name(f"{self.stem}.lock")

    def move_away(self) -> None:
        """Move the former target into `old`. Clearing moves it back if nothing else has its name.

        Raises
        ------
        OSError
            If it can't be moved.
        """
        self.old.mkdir()
        os.rename(self.target, self.old / self.target.name)

    def clear(self) -> None:
        """Remove what is left under the temporary names, except the lock.

        Raises
        ------
        OSError
            If something can't be removed.
        """
        for former in self.old.iterdir() if self.old.is_dir() else ():
            if not (target := self.target.with_name(former.name)).exists():
                os.rename(former, target)
        for path in (self.draft, self.undo, self.old):
            if path.is_dir() and not path.is_symlink():
                _remove_folder(path)
            else:
                path.unlink(missing_ok=True)


def _remove_folder(path: Path) -> None:
    """Remove a folder; threads of an interrupted writer may still be adding a file or two."""
    for _ in range(_ATTEMPTS):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(_BETWEEN_ATTEMPTS)
    shutil.rmtree(path)


@contextmanager
def claimed(target: Path) -> Iterator[Claim]:
    """Give temporary names for a target that nobody else clears, and clear those that are left over in its folder.

    Parameters
    ----------
    target : Path
        The file or folder to be written, links followed.

    Raises
    ------
    OSError
        If the folder can't be written.
    """
    clear_leftovers(target.parent)
    with ExitStack() as stack:
        with deferred():
            claim, descriptor = _locked(target)
            stack.callback(_end, claim, descriptor)
        yield claim


def _end(claim: Claim, descriptor: int) -> None:
    with deferred():
        try:
            with suppress(OSError):  # of a clean-up after an error, or after success: the next writer tries again
                claim.clear()
        finally:
            _release(claim, descriptor)


def clear_leftovers(folder: Path) -> None:
    """Remove what writers of this computer left in a folder, if they are gone.

    A former target that such a writer had moved away moves back if its name is free.

    Parameters
    ----------
    folder : Path
        Where to look.
    """
    try:
        with os.scandir(folder) as entries:
            matches = [match for entry in entries if (match := _NAME.fullmatch(entry.name))]
    except OSError:
        return
    for name, target in {match[0].rpartition(".")[0]: match["target"] for match in matches}.items():
        claim = Claim(folder / target, name)
        if name.rpartition(".")[2].startswith(f"{_computer()}-"):
            try:
                _clear_if_left(claim)
            except OSError as error:
                logger.info("%s is left over and can't be removed: %s", claim.draft, error)
        else:
            logger.info("%s may be left over on another computer", claim.draft)


def _clear_if_left(claim: Claim) -> None:
    if claim.lock in _own_claims:
        return
    try:
        descriptor = os.open(claim.lock, _OPEN_LOCK)
    except FileNotFoundError:
        # The lock is made first and removed last.
        claim.clear()
        return
    if fcntl is None:
        os.close(descriptor)
        claim.lock.unlink()
        claim.clear()
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        claim.clear()
        claim.lock.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _locked(target: Path) -> tuple[Claim, int]:
    """Return new temporary names and the descriptor of their lock."""
    name = target.name
    while len(os.fsencode(name)) > _LONGEST_NAME:
        name = name[:-1]
    while True:
        claim = Claim(target, f".{name}.{_computer()}-{secrets.token_hex(4)}")
        _own_claims.add(claim.lock)
        descriptor, is_held = -1, False
        try:
            descriptor = os.open(claim.lock, _OPEN_LOCK | os.O_CREAT | os.O_EXCL, 0o600)
            is_held = _holds(descriptor)
        finally:
            if not is_held:
                _release(claim, descriptor)
        if is_held:
            return claim, descriptor


def _holds(descriptor: int) -> bool:
    """Lock the file; False if another process took it for a leftover in the moment after it was made."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # The file system has no locks, so nobody else will get this one.
        return True
    return os.fstat(descriptor).st_nlink > 0


def _release(claim: Claim, descriptor: int) -> None:
    if fcntl is not None and descriptor >= 0:
        claim.lock.unlink(missing_ok=True)
    if descriptor >= 0:
        os.close(descriptor)
    if fcntl is None:  # Windows removes no file that is open.
        claim.lock.unlink(missing_ok=True)
    _own_claims.discard(claim.lock)


@cache
def _computer() -> str:
    """Return a short name of this computer, the same after it starts again."""
    identity = platform.node()
    with suppress(OSError):
        identity += Path("/etc/machine-id").read_text(encoding="ascii", errors="replace").strip()
    return hashlib.sha256(identity.encode()).hexdigest()[:6]
