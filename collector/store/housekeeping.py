"""What the loader does while nothing arrives: forgets old digests, keeps the file small."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb

from . import conversations, load_windows, retention
from .loader import DIGEST_LIFE_NS

EVERY_S = 60.0

IDLE_CHECKPOINT_BYTES = 16 << 20
"""A WAL above this is checkpointed in a quiet moment, so that no commit has to wait for it."""


class Housekeeper:
    """Small upkeep on the loader's thread, at most once a minute."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        db: Path,
        *,
        max_age_s: float | None,
        max_bytes: int | None,
    ) -> None:
        self._connection = connection
        self._wal = db.with_name(f"{db.name}.wal")
        self._max_age_s = max_age_s
        self._max_bytes = max_bytes
        self._last_s = time.monotonic()

    def tick(self) -> None:
        """Do what is due; cheap when nothing is."""
        if time.monotonic() - self._last_s < EVERY_S:
            return
        self._connection.execute(
            "DELETE FROM request_digest WHERE origin <> 'import' AND received_ns < ?",
            [time.time_ns() - DIGEST_LIFE_NS],
        )
        conversations.merge(self._connection)
        load_windows.merge(self._connection, time.time_ns() - DIGEST_LIFE_NS)
        retention.apply(self._connection, max_age_s=self._max_age_s, max_bytes=self._max_bytes)
        if self._wal.exists() and self._wal.stat().st_size > IDLE_CHECKPOINT_BYTES:
            self._connection.execute("CHECKPOINT")
        self._last_s = time.monotonic()
