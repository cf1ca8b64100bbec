"""For notebooks: ask a store's file, a lake or a collector, and get what notebooks work with."""

from __future__ import annotations

import hmac
import json
import re
import urllib.error
import urllib.request
import warnings
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import duckdb
import pyarrow as pa

from . import catalog
from .engines import duckdb as engine
from .lake.snapshot import take
from .lake.storage import StorageError, is_lake, open_storage

if TYPE_CHECKING:
    import pandas
    import polars


class OpenError(Exception):
    """The store cannot be asked; the message names it and says what to do."""


class Answers:
    """A store to ask. Close it, or use it in a `with` block: a file that is open is not writable.

    Each method runs one reading SQL statement over the views and gives its rows as the method's
    name says. Raises duckdb.Error (a file) or OpenError (a collector) for SQL that is wrong.
    """

    def __init__(self, source: _Source) -> None:
        self._source = source

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        """A relation, to go on working with; it lives as long as this is open."""
        return self._source.relation(query)

    def arrow(self, query: str) -> pa.Table:
        """A pyarrow table."""
        return self._source.relation(query).to_arrow_table()

    def pandas(self, query: str) -> pandas.DataFrame:
        """A pandas data frame; pandas must be installed."""
        frame: pandas.DataFrame = self._source.relation(query).df()
        return frame

    def polars(self, query: str) -> polars.DataFrame:
        """A polars data frame; polars must be installed."""
        frame: polars.DataFrame = self._source.relation(query).pl()
        return frame

    def close(self) -> None:
        """Let go of the store; again changes nothing."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_store(path_or_url: str | Path, *, token: str | None) -> Answers:
    """What `spanscore.queries.open` does."""
    text = str(path_or_url)
    if re.match(r"https?://", text):
        if token is None:
            raise OpenError(f"{text} asks for its read token: open(url, token=...)")
        return Answers(_Collector(text, token))
    path = Path(path_or_url)
    if is_lake(text):
        return Answers(_open_lake(text))
    if not path.is_file():
        raise OpenError(f"there is no file {path}; `spanscore serve --db {path}` makes it")
    return Answers(_open_file(path))


class _Source(Protocol):
    def relation(self, query: str) -> duckdb.DuckDBPyRelation: ...

    def close(self) -> None: ...


class _File:
    """The file itself, read-only."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def relation(self, query: str) -> duckdb.DuckDBPyRelation:
        return self._connection.sql(query)

    def close(self) -> None:
        self._connection.close()


class _Lake:
    """The files of a lake as of now; a view of runs is computed when a question first names it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._computed: set[str] = set()

    def relation(self, query: str) -> duckdb.DuckDBPyRelation:
        named = set(re.findall(r"\w+", query.lower()))
        views = [
            view
            for view in catalog.needed(catalog.builtin(), named)
            if view.name not in self._computed
        ]
        catalog.create_tables(self._connection, views)
        self._computed |= {view.name for view in views}
        return self._connection.sql(query)

    def close(self) -> None:
        self._connection.close()


class _Collector:
    """A running collector, asked over HTTP; answers are held in memory."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._connection = duckdb.connect()
        self.relation("SELECT 1")

    def relation(self, query: str) -> duckdb.DuckDBPyRelation:
        return self._connection.from_arrow(self._ask(query))

    def close(self) -> None:
        self._connection.close()

    def _ask(self, query: str) -> pa.Table:
        request = urllib.request.Request(
            f"{self._url}/api/sql",
            data=json.dumps({"sql": query, "format": "arrow"}).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request) as response:
                cut = response.headers.get("Spanscore-Truncated")
                body = response.read()
        except urllib.error.HTTPError as error:
            raise OpenError(_reason(error)) from None
        except urllib.error.URLError as error:
            raise OpenError(f"no collector answers at {self._url}: {error.reason}") from None
        if cut:
            warnings.warn(f"the collector cut the result off by its limit on {cut}", stacklevel=4)
        with pa.ipc.open_stream(body) as reader:
            return reader.read_all()


def _reason(error: urllib.error.HTTPError) -> str:
    """What the collector says, or the bare status."""
    try:
        said: dict[str, Any] = json.loads(error.read())["error"]
        hint = said.get("hint")
        return f"{said['message']}. {hint}" if hint else str(said["message"])
    except (ValueError, KeyError, TypeError):
        return f"the collector answered HTTP {error.code}"


def _open_file(path: Path) -> _Source:
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.IOException as error:
        if "lock" not in str(error):
            raise OpenError(f"{path} cannot be opened: {error}") from None
        return _holder(path)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SELECT 1 FROM runs LIMIT 0")
    except duckdb.Error as error:
        connection.close()
        raise OpenError(f"{path} is no store of this version of spanscore: {error}") from None
    return _File(connection)


def _open_lake(place: str) -> _Source:
    connection: duckdb.DuckDBPyConnection | None = None
    try:
        storage = open_storage(place)
        snapshot = take(storage)
        connection = engine.connect(storage)
        engine.create_public_views(connection, storage, snapshot, engine.resolve_all)
    except (StorageError, engine.LakeReadError) as error:
        if connection is not None:
            connection.close()
        raise OpenError(str(error)) from None
    return _Lake(connection)


def _holder(path: Path) -> _Source:
    """The collector that holds the file: its address and key lie beside it."""
    try:
        url = json.loads(path.with_name(f"{path.name}.serve.json").read_text())["web"]
        key = bytes.fromhex(path.with_name(f"{path.name}.key").read_text().strip())
    except (OSError, ValueError, KeyError):
        raise OpenError(f"{path} is open in another process; end that process first") from None
    return _Collector(url, hmac.digest(key, b"spanscore read", "sha256").hex()[:40])
