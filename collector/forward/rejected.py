"""What destinations refused, from the forwarder's own file into the table `forward_rejected`."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb

from .ledger import Ledger, LedgerError

EVERY_S = 1.0
BATCH = 1000

_INSERT = """
INSERT INTO forward_rejected
SELECT ?, make_timestamp(?::BIGINT // 1000), ?, ?, ?, ?, ?, ?, ?, ?, ?
WHERE ? NOT IN (SELECT rejection_id FROM forward_rejected)
"""


class RejectionLoader:
    """Takes rejections over exactly once: they leave the file when the table has them.

    `connection` is a cursor of the store's; the forwarder itself cannot open the database.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._ledger: Ledger | None = None
        self._last_s = 0.0

    def tick(self) -> None:
        """Take over what there is, at most once in EVERY_S; cheap when there is nothing."""
        if time.monotonic() - self._last_s >= EVERY_S:
            self.load()
            self._last_s = time.monotonic()

    def load(self) -> int:
        """Take over all that there is now; how many rejections. Raises duckdb.Error."""
        if self._ledger is None:
            if not self._path.exists():
                return 0
            self._ledger = Ledger(self._path)
        loaded = 0
        try:
            while rows := self._ledger.rejections(BATCH):
                self._connection.execute("BEGIN")
                for row in rows:
                    self._connection.execute(_INSERT, [*row, row[0]])
                self._connection.execute("COMMIT")
                self._ledger.loaded([row[0] for row in rows])
                loaded += len(rows)
        except LedgerError:
            # Said by the forwarder, whose file it is; loading must not stop for it.
            self._ledger.close()
            self._ledger = None
        return loaded
