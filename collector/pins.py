"""Pins a run so that retention leaves it alone: through the collector, or in the file itself."""

from __future__ import annotations

from . import running
from .answers import web_of
from .client import change_pin_over_http
from .config import Settings, require_file
from .keys import read_token
from .store import retention
from .store.database import open_database


def set_pin(settings: Settings, run_id: str, *, pinned: bool) -> None:
    """Pin the run, or let it go; doing so twice is no error.

    Raises ClientError, ConfigError and DatabaseError.
    """
    require_file(settings.db, "a pin")
    collector = running.find(settings.db)
    if collector:
        url = web_of(collector, settings.db)
        change_pin_over_http(url, read_token(settings.db), run_id, pinned=pinned)
        return
    with open_database(settings.db, memory_limit=settings.memory_limit) as connection:
        (retention.pin if pinned else retention.unpin)(connection, run_id)
