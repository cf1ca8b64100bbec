"""A small hardened database to run queries on, and a web server for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from aiohttp import web

from spanscore.collector.store.query import harden

ROWS = [(1, "one"), (2, "two"), (3, None)]


def small_database(folder: Path) -> duckdb.DuckDBPyConnection:
    """A database file with a table `kept` of ROWS, a view `names` and a table macro `above`."""
    connection = duckdb.connect(
        folder / "small.duckdb",
        config={"memory_limit": "200MB", "temp_directory": str(folder / "spill"), "threads": 2},
    )
    connection.execute("CREATE TABLE kept (id BIGINT, name VARCHAR)")
    connection.executemany("INSERT INTO kept VALUES (?, ?)", ROWS)
    connection.execute("CREATE VIEW names AS SELECT name FROM kept WHERE name IS NOT NULL")
    connection.execute("CREATE MACRO above(n) AS TABLE SELECT * FROM kept WHERE id > n")
    connection.execute("CREATE SEQUENCE counter")
    harden(connection)
    return connection


def everything(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What an attack could change: rows, objects, attached databases and settings."""
    ask = {
        "rows": "SELECT * FROM kept ORDER BY id",
        "tables": "SELECT table_name, sql, comment FROM duckdb_tables() ORDER BY ALL",
        "views": "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
        "sequences": "SELECT sequence_name, last_value FROM duckdb_sequences() ORDER BY ALL",
        "databases": "SELECT database_name FROM duckdb_databases() ORDER BY ALL",
        "settings": "SELECT name, value FROM duckdb_settings() ORDER BY ALL",
        "variables": "SELECT name FROM duckdb_variables() ORDER BY ALL",
    }
    return {what: connection.execute(sql).fetchall() for what, sql in ask.items()}


@contextmanager
def serving(app: web.Application) -> Iterator[str]:
    """Serve `app` from a thread of its own; gives the base URL."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        port = asyncio.run_coroutine_threadsafe(start(), loop).result(timeout=10)
        yield f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(timeout=10)
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()
