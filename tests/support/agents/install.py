"""Installs an agent from the npm registry, once, into a cache folder that outlives the tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

CACHE_SETTING = "SPANSCORE_TEST_AGENTS_DIR"
_TIMEOUT_S = 300
_SHOWN_CHARS = 2000
_OPTIONS = (
    "--no-package-lock",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--fetch-retries=1",
)


class AgentInstallError(Exception):
    """npm could not install a package; the message names it and says what to do."""

    def __init__(self, package: str, reason: object) -> None:
        super().__init__(
            f"npm could not install {package}: {reason}\n"
            "The tests of the group `agents` need Node 20 or newer, npm and its registry; "
            "leave them out with: pytest -m 'not agents'"
        )


def install(package: str) -> Path:
    """The folder with the commands of a package such as `@openai/codex@0.169.0`.

    An install gets its final name only when it is whole, so an interrupted one is never used;
    of two processes that install at once, one wins. Raises `AgentInstallError` within 5 minutes.
    """
    cache = _cache()
    final = cache / re.sub(r"[^\w.-]+", "-", package).strip("-")
    if not final.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".installing-", dir=cache))
        try:
            _npm_install(package, fresh)
            with suppress(OSError):  # the other process won
                fresh.rename(final)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return final / "node_modules" / ".bin"


def _cache() -> Path:
    chosen = os.environ.get(CACHE_SETTING)
    return Path(chosen) if chosen else Path.home() / ".cache" / "spanscore-tests" / "agents"


def _npm_install(package: str, folder: Path) -> None:
    command = ["npm", "install", *_OPTIONS, "--prefix", str(folder), package]
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise AgentInstallError(package, error.stderr[-_SHOWN_CHARS:]) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentInstallError(package, error) from error
