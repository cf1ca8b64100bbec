"""Read-only SQL over the database that the loader is writing to.

The layers, each enough for most attacks and none trusted alone: `harden` takes files, network and
settings away from the whole engine; `query_guard.check` lets one reading statement through;
a READ ONLY transaction that is always rolled back; and caps on time, rows and bytes.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

import duckdb
import pyarrow as pa

from .query_error import FORBIDDEN_HINT, Kind, QueryError, from_engine
from .query_guard import check

_BATCH_ROWS = 8192
_INTERRUPT_EVERY_S = 0.05
_ABANDON_AFTER_S = 2.0
_EXPLAIN = "EXPLAIN "

Truncated = Literal["rows", "bytes"]


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """The caps of one query, and how many may run at once."""

    seconds: float = 30.0
    """Run time; past it the query is interrupted."""
    rows: int = 1_000_000
    """Rows of a result; further ones are cut off, and the result says so."""
    result_bytes: int = 128 * 1024 * 1024
    """Size of a result as Arrow in memory; further rows are cut off likewise."""
    sql_bytes: int = 256 * 1024
    """Length of the query itself, in UTF-8."""
    concurrent: int = 4
    """Queries at once; further ones wait."""
    wait_seconds: float = 10.0
    """How long a query waits for its turn before it is refused as busy."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A whole result, held in memory: what reads it slowly holds no transaction open."""

    schema: pa.Schema
    """Column names are unique: a repeated `a` becomes `a_1`."""
    batches: list[pa.RecordBatch]
    truncated: Truncated | None = None
    """Which cap cut it short; None when it is complete."""

    @property
    def rows(self) -> int:
        """Rows held, after truncation."""
        return sum(batch.num_rows for batch in self.batches)

    @property
    def notice(self) -> str | None:
        """What a person must be told about a result that was cut short."""
        if self.truncated is None:
            return None
        return (
            f"The result was cut off after {self.rows:,} rows by the limit on {self.truncated}: "
            "narrow it by WHERE or LIMIT, or aggregate."
        )


def harden(connection: duckdb.DuckDBPyConnection) -> None:
    """Take files, network, extensions and settings away from every connection of the database.

    Global and final until the database is closed: call it once after opening, attaching and
    setting whatever the process needs. Registered Arrow tables, transactions, temporary tables,
    spilling to `temp_directory` and CHECKPOINT go on working; COPY, ATTACH of a file, SET, LOAD and
    reading Python variables by name do not.
    """
    # One SQL, one answer: casts of TIMESTAMPTZ would follow the time zone of the machine.
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


class RunningQuery:
    """A query on a thread of its own, stopped by its time limit or by `cancel`.

    `future` gives the QueryResult or raises QueryError. It is done only when the engine has let go,
    which can be later than the limit: some functions do not look up while they work on one value.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, sql: str, limits: QueryLimits
    ) -> None:
        self.future: Future[QueryResult] = Future()
        self.future.set_running_or_notify_cancel()
        self._cursor = connection.cursor()
        self._sql = sql
        self._limits = limits
        self._wake = threading.Event()  # the end of the work, or cancel()
        self._worked = threading.Event()
        self._cancelled = False
        self._expired = False
        self._watcher = threading.Thread(target=self._watch, name="query watch", daemon=True)
        self._worker = threading.Thread(target=self._work, name="query", daemon=True)
        self._watcher.start()
        self._worker.start()

    def cancel(self) -> None:
        """Ask the query to stop; returns at once, and may be called at any time and repeatedly."""
        self._cancelled = True
        self._wake.set()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until the query and its threads have ended, or `timeout_s` has passed."""
        self._worker.join(timeout_s)

    def _watch(self) -> None:
        self._expired = not self._wake.wait(self._limits.seconds)
        # Again and again: an interrupt that falls between two statements is forgotten.
        while not self._worked.wait(_INTERRUPT_EVERY_S):
            self._cursor.interrupt()

    def _work(self) -> None:
        outcome: QueryResult | BaseException
        try:
            outcome = _run(self._cursor, self._sql, self._limits)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the future
            outcome = self._explain(error)
        self._worked.set()
        self._wake.set()
        self._watcher.join()  # it must not interrupt a closed cursor
        self._cursor.close()
        if isinstance(outcome, QueryResult):
            self.future.set_result(outcome)
        else:
            self.future.set_exception(outcome)

    def _explain(self, error: BaseException) -> BaseException:
        if self._expired:
            return too_slow(self._limits)
        if self._cancelled:
            return QueryError("cancelled", "the query was cancelled")
        return error


def too_slow(limits: QueryLimits) -> QueryError:
    """The error of a query that ran into its time limit."""
    return QueryError(
        "timeout",
        f"the query was stopped after {limits.seconds:g} s",
        hint="Narrow it: a WHERE on run_id or start_ns, a LIMIT, fewer joins.",
    )


def run_query(connection: duckdb.DuckDBPyConnection, sql: str, limits: QueryLimits) -> QueryResult:
    """Run one reading query and return its whole, capped result; raise QueryError.

    `connection` is any connection to the database: the query uses a cursor of its own, so that
    neither another query nor the loader is disturbed. Ctrl-C interrupts the query.
    """
    running = RunningQuery(connection, sql, limits)
    try:
        result = running.future.result()
        running.join()
        return result
    except KeyboardInterrupt:
        running.cancel()
        running.join(_ABANDON_AFTER_S)
        raise


def _run(cursor: duckdb.DuckDBPyConnection, sql: str, limits: QueryLimits) -> QueryResult:
    _check_text(sql, limits)
    try:
        check(cursor, sql)
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        return _collect(cursor, sql, limits)
    except (duckdb.Error, OSError) as error:
        raise as_query_error(cursor, sql, error) from error
    finally:
        # None was begun yet, or an aborted one is rolled back already.
        with contextlib.suppress(duckdb.Error):
            cursor.execute("ROLLBACK")


def _check_text(sql: str, limits: QueryLimits) -> None:
    try:
        size = len(sql.encode())
    except UnicodeEncodeError as error:
        raise QueryError("sql", f"the query is not valid Unicode: {error}") from error
    if size > limits.sql_bytes:
        raise QueryError("sql", f"the query is longer than {limits.sql_bytes} bytes")
    if "\0" in sql:
        raise QueryError("sql", "the query contains a NUL character")


def _collect(cursor: duckdb.DuckDBPyConnection, sql: str, limits: QueryLimits) -> QueryResult:
    # A relation streams; execute() would hold the whole result before the first cap applies.
    reader = cursor.sql(sql).to_arrow_reader(_BATCH_ROWS)
    try:
        schema = _with_unique_names(reader.schema)
        batches: list[pa.RecordBatch] = []
        rows = size = 0
        for batch in reader:
            if batch.num_rows == 0:
                continue
            if size + batch.nbytes > limits.result_bytes:
                return QueryResult(schema, batches, "bytes")
            room = limits.rows - rows
            kept = pa.RecordBatch.from_arrays(batch.slice(0, room).columns, schema=schema)
            if kept.num_rows:
                batches.append(kept)
            if batch.num_rows > room:
                return QueryResult(schema, batches, "rows")
            rows += batch.num_rows
            size += batch.nbytes
        return QueryResult(schema, batches)
    finally:
        reader.close()


def _with_unique_names(schema: pa.Schema) -> pa.Schema:
    taken: set[str] = set()
    fields = []
    for field in schema:
        name, number = field.name, 0
        while name in taken:
            number += 1
            name = f"{field.name}_{number}"
        taken.add(name)
        fields.append(field.with_name(name))
    return pa.schema(fields)


def as_query_error(
    cursor: duckdb.DuckDBPyConnection, sql: str, error: duckdb.Error | OSError
) -> QueryError:
    """What the engine said of `sql`; the cursor's transaction is ended."""
    message = str(error)
    if "Out of Memory Error" in message:
        return QueryError(
            "memory",
            "the query needs more memory than the store may use",
            hint="Aggregate or filter first, or add a LIMIT.",
        )
    if "Permission Error" in message:
        return QueryError("forbidden", message, hint=FORBIDDEN_HINT)
    kind: Kind = "write" if "read-only mode" in message else "sql"
    if "\nLINE " not in message:
        return _planned_again(cursor, sql, message, kind) or from_engine(kind, message, sql)
    return from_engine(kind, message, sql)


def _planned_again(
    cursor: duckdb.DuckDBPyConnection, sql: str, message: str, kind: Kind
) -> QueryError | None:
    """The engine names no position for a relation; planning the bare text again does."""
    with contextlib.suppress(duckdb.Error):
        cursor.execute("ROLLBACK")
    try:
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        cursor.execute(_EXPLAIN + sql).fetchall()
    except duckdb.Error as error:
        again = str(error)
        if again.partition("\n")[0] == message.partition("\n")[0]:
            return from_engine(kind, again, sql, prefix=_EXPLAIN)
    return None
