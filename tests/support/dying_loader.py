"""A loader that is killed at its nth statement: run as a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from spanscore.collector.inbox import Inbox
from spanscore.collector.store.database import open_database
from spanscore.collector.store.loader import Loader


class DyingConnection:
    """A DuckDB connection that kills its process, without warning, before its nth statement."""

    def __init__(self, connection: Any, statements: int) -> None:
        self._connection = connection
        self._left = statements

    def __getattr__(self, name: str) -> Any:
        if name in ("execute", "sql"):
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return getattr(self._connection, name)


def main() -> None:
    """Arguments: the folder of a store, and how many statements the loader may run."""
    folder, statements = Path(sys.argv[1]), int(sys.argv[2])
    with Inbox(folder / "s.duckdb.inbox") as inbox:
        connection = DyingConnection(open_database(folder / "s.duckdb"), statements)
        Loader(connection, inbox).drain(time.monotonic() + 60)  # type: ignore[arg-type]  # a fake


if __name__ == "__main__":
    main()
