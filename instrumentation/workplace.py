"""The folders of one run: the workspace, the agent's home, its output."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .container.owner import is_gone, owner

_PREFIX = "spanscore-run-"
_OWNER = "owner"


class Workplace:
    """One run's folders below a new one that only its owner can enter; `remove` ends it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        (self.folder / _OWNER).write_text(owner())
        self.home.mkdir()

    @property
    def workspace(self) -> Path:
        """What the agent works in."""
        return self.folder / "workspace"

    @property
    def home(self) -> Path:
        """The agent's home folder, with nothing in it but what its adapter puts there."""
        return self.folder / "home"

    @property
    def stdout(self) -> Path:
        """What the agent said."""
        return self.folder / "stdout"

    @property
    def stderr(self) -> Path:
        """What the agent said beside it."""
        return self.folder / "stderr"

    def write_home(self, files: Mapping[str, str]) -> None:
        """Write files below the home folder, for their owner alone."""
        for name, text in files.items():
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o600)

    def give_to(self, user: str | None) -> None:
        """Make workspace and home the property of `UID:GID`, who works in them."""
        if user is None or os.getuid() != 0:
            return
        uid, _, gid = user.partition(":")
        for top in (self.workspace, self.home):
            for folder, _, files in os.walk(top):
                for path in (folder, *(os.path.join(folder, name) for name in files)):
                    os.chown(path, int(uid), int(gid or uid), follow_symlinks=False)

    def keep_in(self, folder: Path) -> Path:
        """Copy workspace and output to `folder`, which is made; returns it."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(shutil.Error):  # what an agent left that cannot be copied
            shutil.copytree(self.workspace, folder / "workspace", symlinks=True, dirs_exist_ok=True)
        for path in (self.stdout, self.stderr):
            if path.exists():
                shutil.copyfile(path, folder / path.name)
        return folder

    def remove(self) -> None:
        """Remove everything, also what an agent made unreadable. Raises OSError for what stays."""
        remove_tree(self.folder)


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, whatever its modes are. Raises OSError."""

    def unlock(function: Callable[..., Any], path: str, _: Any) -> None:
        for locked in (os.path.dirname(path), path):
            with suppress(OSError):
                if not stat.S_ISLNK(os.lstat(locked).st_mode):
                    os.chmod(locked, stat.S_IRWXU)
        if function in (os.scandir, os.open, os.listdir):
            shutil.rmtree(path)
        else:
            function(path)

    shutil.rmtree(folder, onerror=unlock)


def remove_leftovers() -> list[str]:
    """Remove the folders of harnesses that were killed; the names of what was removed.

    Only our own user's: what lies in a folder of all may be there to lead us astray.
    """
    removed = []
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.lstat().st_uid == os.getuid() and is_gone((folder / _OWNER).read_text()):
                remove_tree(folder)
                removed.append(f"folder {folder}")
    return removed


def end_of(file: Path, limit_bytes: int) -> str:
    """The end of a text file; empty if there is none."""
    try:
        with file.open("rb") as source:
            source.seek(max(file.stat().st_size - limit_bytes, 0))
            return source.read(limit_bytes).decode(errors="replace")
    except OSError:
        return ""
