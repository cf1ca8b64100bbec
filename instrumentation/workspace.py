"""What is in a workspace, what an agent changed in it, and a copy of it that is safe to make.

No link is followed and nothing outside is touched, whatever an agent left behind.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import conventions as c
from .patterns import CACHES, compile_patterns
from .tasks.task import Task

MAX_ENTRIES = 1_000_000
"""What a snapshot takes in; the rest of a workspace is cut off, which `complete` tells."""

MAX_DEPTH = 200
"""Folders that lie deeper are told as unreadable, so that all of it can be copied and removed."""

HUGE_BYTES = 1 << 30
"""A larger file is told by its size, its time and its first and last MiB."""

COPY_LIMIT_BYTES = 4 << 30

LISTED_PATHS = 200
"""How many paths of a kind an attribute holds; the counts are of all."""

_CHUNK_BYTES = 1 << 20
_READABLE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class WorkspaceError(Exception):
    """A workspace cannot be set up or copied, for a reason that is not the agent's."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was in a workspace: by relative path, a text that differs when the content does.

    A link is told by its target, anything else by what it is; folders are not entries. Paths are
    as the operating system has them, so they may hold bytes that are no UTF-8.
    """

    files: Mapping[str, str]
    exists: bool
    complete: bool = True

    @property
    def count(self) -> int:
        """How many files, links and special files there were."""
        return len(self.files)

    @property
    def baseline_hash(self) -> str:
        """One sha256 over all paths and contents."""
        total = hashlib.sha256()
        for path, fingerprint in sorted(self.files.items()):
            total.update(f"{path}\0{fingerprint}\n".encode(errors="surrogateescape"))
        return total.hexdigest()


@dataclass(frozen=True, slots=True)
class Diff:
    """What changed, sorted paths: by what happened to them, and by what the task makes of it.

    Each changed path is once in the first three and once in the last four.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    artefact: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    destroyed: bool = False

    @property
    def changes(self) -> int:
        """How many paths changed."""
        return len(self.added) + len(self.removed) + len(self.modified)

    def attributes(self) -> dict[str, int | bool | list[str]]:
        """What the span `workspace_diff` carries; long lists are cut, counts are not."""
        told: dict[str, int | bool | list[str]] = {c.WORKSPACE_DESTROYED: self.destroyed}
        for key, count_key, paths in (
            (c.WORKSPACE_ADDED, c.WORKSPACE_ADDED_COUNT, self.added),
            (c.WORKSPACE_REMOVED, c.WORKSPACE_REMOVED_COUNT, self.removed),
            (c.WORKSPACE_MODIFIED, c.WORKSPACE_MODIFIED_COUNT, self.modified),
            (c.WORKSPACE_EXPECTED, c.WORKSPACE_EXPECTED_COUNT, self.expected),
            (c.WORKSPACE_ARTEFACT, c.WORKSPACE_ARTEFACT_COUNT, self.artefact),
            (c.WORKSPACE_UNEXPECTED, c.WORKSPACE_UNEXPECTED_COUNT, self.unexpected),
            (c.WORKSPACE_FORBIDDEN, c.WORKSPACE_FORBIDDEN_COUNT, self.forbidden),
        ):
            told[count_key] = len(paths)
            if paths:
                told[key] = list(paths[:LISTED_PATHS])
        return told


def snapshot(folder: Path) -> Snapshot:
    """What is in `folder` now, in bounded memory for files of any size.

    What cannot be read is told as such. A folder that is missing, or is none, is a snapshot
    without files that does not exist; nothing that an agent did raises.
    """
    if not _is_folder(folder):
        return Snapshot({}, exists=False)
    files: dict[str, str] = {}
    for entry, path in _walk(folder):
        if len(files) >= MAX_ENTRIES:
            return Snapshot(files, exists=True, complete=False)
        files[path] = "unreadable folder" if entry is None else _fingerprint(entry)
    return Snapshot(files, exists=True)


def compare(before: Snapshot, after: Snapshot, task: Task, artefacts: Sequence[str] = ()) -> Diff:
    """What changed between two snapshots. `artefacts` are the patterns of the agent's adapter.

    A path counts for the first that fits of forbidden, artefact, expected; else it is unexpected.
    What a snapshot that was cut off lacks is not told as removed.
    """
    was, now = before.files, after.files
    removed = was.keys() - now.keys() if after.complete else set[str]()
    kinds: dict[str, list[str]] = {
        "added": sorted(now.keys() - was.keys()),
        "removed": sorted(removed),
        "modified": sorted(p for p in was.keys() & now.keys() if was[p] != now[p]),
    }
    judges = (
        ("forbidden", compile_patterns(task.forbidden)),
        ("artefact", compile_patterns(artefacts)),
        ("expected", compile_patterns(task.expected)),
    )
    classes: dict[str, list[str]] = {
        name: [] for name in ("expected", "artefact", "unexpected", "forbidden")
    }
    for path in sorted(path for paths in kinds.values() for path in paths):
        name = next((name for name, spec in judges if spec.match_file(path)), "unexpected")
        classes[name].append(path)
    gone = bool(was) and removed == was.keys()
    gone = gone or (bool(task.files) and all(path in removed for path in task.files))
    told = {name: tuple(map(_shown, paths)) for name, paths in (kinds | classes).items()}
    return Diff(**told, destroyed=gone or not after.exists)


def copy(source: Path, target: Path, limit_bytes: int = COPY_LIMIT_BYTES) -> list[str]:
    """Copy a workspace into `target`, which is made; links stay links, caches stay behind.

    Returns what was left out, each with the reason: special files, what cannot be read, and what
    is beyond `limit_bytes` in all. Raises WorkspaceError if `target` cannot be written.
    """
    left_out: list[str] = []
    done_bytes = 0
    try:
        target.mkdir(parents=True, exist_ok=True)
        for entry, path in _walk(source, folders=True):
            size_bytes = _size_bytes(entry)
            if entry is None or size_bytes is None:
                reason: str | None = "cannot be read"
            elif done_bytes + size_bytes > limit_bytes:
                reason = f"beyond {limit_bytes:,} bytes in all"
            else:
                reason = _copy_entry(entry, target / path)
                done_bytes += size_bytes
            if reason:
                left_out.append(f"{_shown(path)}: {reason}")
    except OSError as error:
        raise WorkspaceError(f"{target}: cannot copy the workspace: {error}") from error
    return left_out


def lay_over(source: Path, target: Path, only: Sequence[str] | None = None) -> None:
    """Put the files of `source` into `target`, in place of whatever an agent left there.

    A link or file in the place of a folder is replaced, never followed. `only` are patterns of
    the files to take.
    """
    spec = None if only is None else compile_patterns(only)
    for entry, path in _walk(source):
        if entry is None or (spec is not None and not spec.match_file(path)):
            continue
        for parent in reversed(Path(path).parents[:-1]):
            if not _is_folder(target / parent):
                _remove(target / parent)
                (target / parent).mkdir()
        _remove(target / path)
        reason = _copy_entry(entry, target / path)
        if reason:
            raise WorkspaceError(f"{entry.path}: {reason}")


def remove_matching(folder: Path, patterns: Sequence[str]) -> None:
    """Remove every file of a workspace that fits one of the patterns."""
    spec = compile_patterns(patterns)
    for _, path in list(_walk(folder)):
        if spec.match_file(path):
            _remove(folder / path)


def _walk(folder: Path, *, folders: bool = False) -> Iterator[tuple[os.DirEntry[str] | None, str]]:
    """Everything in a folder with its relative path, a folder (on demand) before what is in it.

    None stands for a folder that cannot be listed. Caches are left out.
    """
    waiting = [(str(folder), "", 0)]
    while waiting:
        place, prefix, depth = waiting.pop()
        try:
            if depth > MAX_DEPTH:
                raise OSError(errno.ENAMETOOLONG, "too deep", place)
            with os.scandir(place) as found:
                entries = list(found)
        except OSError:
            yield None, prefix.rstrip("/") or "."
            continue
        for entry in entries:
            path = prefix + entry.name
            if not entry.is_dir(follow_symlinks=False):
                yield entry, path
            elif entry.name not in CACHES:
                if folders:
                    yield entry, path
                waiting.append((entry.path, f"{path}/", depth + 1))


def _fingerprint(entry: os.DirEntry[str]) -> str:
    """A text that differs when a file's kind, content or right to be executed does."""
    try:
        if entry.is_symlink():
            return f"link to {os.readlink(entry.path)}"
        if not entry.is_file(follow_symlinks=False):
            return f"special file {stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode):o}"
        handle = os.open(entry.path, _READABLE)
    except OSError as error:
        return f"unreadable: {error.strerror}"
    try:
        return _read_fingerprint(handle)
    except OSError as error:
        return f"unreadable: {error.strerror}"
    finally:
        os.close(handle)


def _read_fingerprint(handle: int) -> str:
    status = os.fstat(handle)
    mode = "executable" if status.st_mode & stat.S_IXUSR else "file"
    total = hashlib.sha256()
    if status.st_size > HUGE_BYTES:
        total.update(os.pread(handle, _CHUNK_BYTES, 0))
        total.update(os.pread(handle, _CHUNK_BYTES, status.st_size - _CHUNK_BYTES))
        return f"huge {mode} {status.st_size} {status.st_mtime_ns} {total.hexdigest()}"
    while piece := os.read(handle, _CHUNK_BYTES):
        total.update(piece)
    return f"{mode} {total.hexdigest()}"


def _copy_entry(entry: os.DirEntry[str], target: Path) -> str | None:
    """Make a folder, copy a file or a link as it is; the reason when that cannot be."""
    if entry.is_symlink():
        os.symlink(os.readlink(entry.path), target)
        return None
    if entry.is_dir(follow_symlinks=False):
        target.mkdir(exist_ok=True)
        return None
    if not entry.is_file(follow_symlinks=False):
        return "neither a file nor a link"
    try:
        handle = os.open(entry.path, _READABLE)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    with os.fdopen(handle, "rb") as source, target.open("xb") as copied:
        shutil.copyfileobj(source, copied, _CHUNK_BYTES)
        os.fchmod(copied.fileno(), stat.S_IMODE(os.fstat(handle).st_mode) | stat.S_IRUSR)
    return None


def _size_bytes(entry: os.DirEntry[str] | None) -> int | None:
    try:
        return None if entry is None else entry.stat(follow_symlinks=False).st_size
    except OSError:
        return None


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _remove(path: Path) -> None:
    """Remove what is there, a folder with all that is in it; links are not followed."""
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _shown(path: str) -> str:
    """A path as valid text, whatever bytes it has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
