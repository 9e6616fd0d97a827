"""Files that appear whole or not at all: written under another name, checked, brought to the disk, then renamed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from napari_xanes.saving.checked_file import CheckedFile
from napari_xanes.saving.claims import Claim, claimed
from napari_xanes.saving.termination import cleaning_up, deferred

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_COMPARED_BYTES = 4 << 20
_ACCESS_LIST = "system.posix_acl_access"


@dataclass(frozen=True)
class _Draft:
    claim: Claim
    file: CheckedFile


@contextmanager
def replacing(path: Path) -> Iterator[CheckedFile]:
    """Open a file under a temporary name, which takes the place of the target when the block has succeeded.

    If the block fails the target is as it was and nothing is left beside it. A file that is replaced keeps its
    permissions; a link stays, and the file that it leads to is replaced.

    Parameters
    ----------
    path : Path
        The file to write.

    Raises
    ------
    OSError
        If the folder does not exist or can't be written, the target is read-only or no file, or a write failed, also
        one whose error the writing library lost.
    """
    with replacing_together() as files:
        yield files.open(path)


class Drafts:
    """Files that take their places together.

    Parameters
    ----------
    stack : ExitStack
        Closes and removes them.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._locked: set[Path] = set()
        self.drafts: list[_Draft] = []

    def open(self, path: Path) -> CheckedFile:
        """Open a file as `replacing` does.

        Raises
        ------
        OSError
            As `replacing`.
        """
        claim = self._stack.enter_context(claimed(target_of(path)))
        file = self._stack.enter_context(_opened(claim))
        self.drafts.append(_Draft(claim, file))
        return file

    def lock(self, folder: Path) -> None:
        """Let nobody else replace several files of a folder until these have taken their places.

        What depends on the files that are there is decided after this. Drafts that are open are finished first, so that
        nobody waits for them.

        Raises
        ------
        OSError
            If a write to one of them failed.
        """
        for draft in self.drafts:
            draft.file.finish()
        folder = Path(os.path.realpath(folder))
        if folder not in self._locked:
            self._stack.enter_context(_folder_locked(folder))
            self._locked.add(folder)


@contextmanager
def replacing_together() -> Iterator[Drafts]:
    """Give files as `replacing` does, all of which take their places together when the block has succeeded.

    If a step fails, all targets are as they were. A process that is killed between two steps leaves the first file new
    and the others missing, never old.

    Raises
    ------
    OSError
        As `replacing`.
    """
    with cleaning_up() as interruption, ExitStack() as stack:
        files = Drafts(stack)
        try:
            yield files
        except BaseException as error:
            # Libraries may raise errors of their own after these.
            for first in (interruption.error, *(draft.file.error for draft in files.drafts)):
                if first is not None and first is not error:
                    raise first from error
            raise
        if len(files.drafts) > 1:
            files.lock(files.drafts[0].claim.target.parent)
        for draft in files.drafts:
            draft.file.finish()
        with deferred():
            interruption.check()
            _commit([draft.claim for draft in files.drafts])


def write_whole(path: Path, content: bytes) -> None:
    """Write bytes to a file that appears whole or not at all; see `replacing`.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    with replacing(path) as file:
        file.write(content)


def target_of(path: Path) -> Path:
    """Return where to write, links followed.

    Raises
    ------
    OSError
        If there is no such folder, or something is there that can't be replaced by a file.
    """
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(f"{path}: its links lead in a circle; name another file")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target}: there is no folder {target.parent}; make it first, or name another")
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder; name a file")
    if target.exists():
        if not target.is_file():
            raise OSError(f"{target} is a device or a pipe; name a file")
        refuse_read_only(target)
    return target


def refuse_read_only(target: Path) -> None:
    """Refuse to replace what its owner protects.

    Raises
    ------
    PermissionError
        If a file or folder is read-only.
    """
    if not target.stat().st_mode & 0o222 or not os.access(target, os.W_OK):
        raise PermissionError(f"{target} is read-only; make it writable, or choose another name")


def keep_permissions(draft: Path, target: Path) -> None:
    """Give a draft the permissions of its target, and group, owner and access lists where the system lets us.

    Parameters
    ----------
    draft, target : Path
        A file or folder, and the one that it will replace, if that is there.

    Raises
    ------
    OSError
        If the permissions can't be set.
    """
    try:
        wanted = target.stat()
    except FileNotFoundError:
        return
    if hasattr(os, "chown"):
        for owner, group in ((-1, wanted.st_gid), (wanted.st_uid, -1)):
            with suppress(OSError):
                os.chown(draft, owner, group)
    draft.chmod(stat.S_IMODE(wanted.st_mode))
    if hasattr(os, "getxattr"):
        with suppress(OSError):
            os.setxattr(draft, _ACCESS_LIST, os.getxattr(target, _ACCESS_LIST))


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        with suppress(OSError):  # Many network file systems can't.
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def _opened(claim: Claim) -> Iterator[CheckedFile]:
    # Nobody else reads a draft before it has the permissions of its target.
    file = CheckedFile(claim.draft, 0o600 if claim.target.exists() else 0o666)
    try:
        keep_permissions(claim.draft, claim.target)
        yield file
    finally:
        file.close()


def _commit(claims: list[Claim]) -> None:
    if len(claims) == 1:
        os.replace(claims[0].draft, claims[0].target)
    elif claims:
        _replace_all(claims[0], [claim for claim in claims[1:] if not _is_there_already(claim)])
    for folder in {claim.target.parent for claim in claims}:
        sync_folder(folder)


def _replace_all(first: Claim, others: list[Claim]) -> None:
    """Replace the first file while the others are away, so that no moment shows an old one beside a new one."""
    was_there = first.target.exists()
    try:
        for claim in others:
            with suppress(FileNotFoundError):
                os.replace(claim.target, claim.undo)
        if others and was_there:
            with suppress(OSError):  # a file system without links
                os.link(first.target, first.undo)
        for claim in (first, *others):
            os.replace(claim.draft, claim.target)
    except BaseException:
        _go_back([first, *others], can_go_back=first.undo.exists() or not was_there or first.draft.exists())
        raise


def _go_back(claims: list[Claim], *, can_go_back: bool) -> None:
    """Bring the former files back, or leave the first one new and the others away if it is lost already."""
    for claim in claims if can_go_back else claims[1:]:
        is_placed = not claim.draft.exists()
        if can_go_back and claim.undo.exists():
            os.replace(claim.undo, claim.target)
        elif is_placed:
            claim.target.unlink()


def _is_there_already(claim: Claim) -> bool:
    try:
        size = claim.target.stat().st_size
    except OSError:
        return False
    is_small = size == claim.draft.stat().st_size <= _COMPARED_BYTES
    return is_small and claim.target.read_bytes() == claim.draft.read_bytes()


@contextmanager
def _folder_locked(folder: Path) -> Iterator[None]:
    """Keep two writers from mixing their files, where the system can lock a folder and lets us read it."""
    with ExitStack() as stack:
        if fcntl is not None:
            with suppress(OSError):
                descriptor = os.open(folder, os.O_RDONLY)
                stack.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
