"""The secret beside the database, and the keys made from it."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from .config import beside


class KeyFileError(Exception):
    """The key file holds no key; the message names the file and the fix."""


def master_key(db: Path) -> bytes:
    """The 32 random bytes in `FILE.key` (mode 0600), made on first use, whole or not at all.

    Whoever can read this file can read the database anyway. Nothing on the wire is the key itself:
    the read token and the key that signs ingest tokens are derived from it. Raises KeyFileError: an
    empty or cut file must not pass for a key that anyone could guess.
    """
    path = beside(db, "key")
    if not path.exists():
        _make(path)
    text = path.read_text(errors="replace").strip()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise KeyFileError(
            f"{path} is damaged. Delete it: a new one is made, and all tokens become void"
        )
    return bytes.fromhex(text)


def _make(path: Path) -> None:
    """Complete under another name first; of two that make it at once, the first one counts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)


def read_token(db: Path) -> str:
    """What a reader of the web port must show."""
    return hmac.digest(master_key(db), b"spanscore read", "sha256").hex()[:40]


def ingest_key(db: Path) -> bytes:
    """What signs ingest tokens (receiver/origin.py)."""
    return hmac.digest(master_key(db), b"spanscore ingest", "sha256")
