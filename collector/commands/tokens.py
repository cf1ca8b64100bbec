"""`spanscore tokens`: what a harness of one's own needs to send runs that are scored."""

from __future__ import annotations

import secrets
import shlex

from spanscore.instrumentation.recording import (
    AGENT_TOKEN,
    COLLECTOR,
    DEFAULT_COLLECTOR,
    HARNESS_TOKEN,
)

from .. import running
from ..config import Settings
from ..keys import ingest_key
from ..receiver.origin import mint


def print_tokens(settings: Settings) -> None:
    """Print three export lines. Raises KeyFileError."""
    key, identity = ingest_key(settings.db), secrets.token_hex(6)
    note = running.find(settings.db)
    values = {
        COLLECTOR: note.http if note else DEFAULT_COLLECTOR,
        HARNESS_TOKEN: mint(key, "harness", identity),
        AGENT_TOKEN: mint(key, "agent", identity),
    }
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")
