"""The secret beside the database, and the keys made from it."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from .config import beside


def master_key(db: Path) -> bytes:
    """The 32 random bytes in `FILE.key` (mode 0600), made on first use.

    Whoever can read this file can read the database anyway. Nothing on the wire is the key itself:
    the read token and the key that signs ingest tokens are derived from it.
    """
    path = beside(db, "key")
    try:
        return bytes.fromhex(path.read_text().strip())
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return master_key(db)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    return master_key(db)


def read_token(db: Path) -> str:
    """What a reader of the web port must show."""
    return hmac.digest(master_key(db), b"spanscore read", "sha256").hex()[:40]


def ingest_key(db: Path) -> bytes:
    """What signs ingest tokens (receiver/origin.py)."""
    return hmac.digest(master_key(db), b"spanscore ingest", "sha256")
