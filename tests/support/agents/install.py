"""Installs an agent from npm's registry or PyPI, once, into a cache that outlives the tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from spanscore.instrumentation.adapters.adapter import Install

CACHE_SETTING = "SPANSCORE_TEST_AGENTS_DIR"
NODE = Install("npm", ("node@22.23.3",))  # Claude Code and Qwen Code want Node 22 or newer
_TIMEOUT_S = 500
_SHOWN_CHARS = 2000
_NPM = (
    *("npm", "install", "--no-package-lock", "--no-audit", "--no-fund"),
    *("--loglevel=error", "--fetch-retries=1", "--prefix"),
)
# Python's own version is the one that the image of the tests has.
_PIP = (
    *(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:"),
    *("--python-version", "3.11", "--root-user-action=ignore", "--target"),
)
# A command of pip's names the Python that installed it; this one finds its packages anywhere.
_PYTHON_COMMAND = """\
#!/usr/bin/env python3
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
"""


class AgentInstallError(Exception):
    """A package could not be installed; the message names it and says what to do."""

    def __init__(self, packages: Sequence[str], reason: object) -> None:
        super().__init__(
            f"could not install {' '.join(packages)}: {reason}\n"
            "The tests of the group `agents` need Node 20 or newer, npm, pip and their "
            "registries; leave them out with: pytest -m 'not agents'"
        )


def install(wanted: Install) -> Path:
    """The folder with the commands of an agent's packages.

    An install gets its final name only when it is whole, so an interrupted one is never used;
    of two processes that install at once, one wins. Raises `AgentInstallError` within 9 minutes.
    """
    cache = _cache()
    final = cache / re.sub(r"[^\w.-]+", "-", wanted.packages[0]).strip("-")
    if not final.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".installing-", dir=cache))
        try:
            _run([*(_NPM if wanted.registry == "npm" else _PIP), str(fresh)], wanted.packages)
            for command in fresh.glob("bin/*"):
                _unbind(command)
            with suppress(OSError):  # the other process won
                fresh.rename(final)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return final / ("node_modules/.bin" if wanted.registry == "npm" else "bin")


def _cache() -> Path:
    chosen = os.environ.get(CACHE_SETTING)
    return Path(chosen) if chosen else Path.home() / ".cache" / "spanscore-tests" / "agents"


def _run(command: Sequence[str], packages: Sequence[str]) -> None:
    try:
        subprocess.run(
            [*command, *packages],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise AgentInstallError(packages, error.stderr[-_SHOWN_CHARS:]) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentInstallError(packages, error) from error


def _unbind(command: Path) -> None:
    first, _, rest = command.read_bytes().partition(b"\n")
    if first.startswith(b"#!") and b"python" in first:
        command.write_bytes(_PYTHON_COMMAND.encode() + rest)
