"""Reads a library's source distribution: who it is, and its files, taken out safely."""

from __future__ import annotations

import email.parser
import hashlib
import tarfile
from dataclasses import dataclass
from pathlib import Path

from ..load import TaskError

MAX_BYTES = 200 << 20
MAX_FILES = 20_000

_LEFT_OUT = (".egg-info", ".git", "PKG-INFO")


@dataclass(frozen=True, slots=True)
class Sdist:
    """A source distribution that was taken out into `folder`."""

    library: str
    version: str
    sha256: str
    folder: Path


def take_out(file: Path, target: Path) -> Sdist:
    """Take an sdist (.tar.gz) out below `target`. Raises TaskError if it is none."""
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        with tarfile.open(file, "r:gz") as archive:
            # Python before 3.11.4 has no filters; what this one would refuse is refused below.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(target, _checked(file, archive))
    except (OSError, tarfile.TarError, EOFError) as error:
        raise TaskError(
            f"{file}: is no source distribution that can be read ({error}); "
            "`pip download --no-deps --no-binary :all: LIBRARY` gets one"
        ) from error
    tops = [path for path in target.iterdir() if (path / "PKG-INFO").is_file()]
    if len(tops) != 1:
        raise TaskError(f"{file}: has no PKG-INFO, so it is no source distribution of a library")
    text = (tops[0] / "PKG-INFO").read_text(encoding="utf-8", errors="replace")
    head = email.parser.HeaderParser().parsestr(text)
    for path in list(tops[0].iterdir()):
        if path.name.endswith(_LEFT_OUT) and path.is_file():
            path.unlink()
    return Sdist(head["Name"].lower(), head["Version"], digest, tops[0])


def _checked(file: Path, archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """Its files and folders, of which there are not too many; links stay behind."""
    members: list[tarfile.TarInfo] = []
    size = 0
    for member in archive:
        size += member.size
        if size > MAX_BYTES or len(members) > MAX_FILES:
            raise TaskError(f"{file}: holds more than {MAX_BYTES:,} bytes or {MAX_FILES:,} files")
        parts = Path(member.name).parts
        if Path(member.name).is_absolute() or ".." in parts:
            raise TaskError(f"{file}: {member.name!r} reaches out of its folder")
        if (member.isfile() or member.isdir()) and not any(p.endswith(".egg-info") for p in parts):
            members.append(member)
    return members
