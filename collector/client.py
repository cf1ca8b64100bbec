"""Asks a running collector by HTTP what `run_query` answers from the file."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, cast
from urllib.parse import quote, urlsplit

import orjson
import pyarrow as pa

from .output import CONTENT_TYPES
from .store.query import QueryResult, Truncated
from .store.query_error import QueryError

_CONNECT_S = 5.0
_ANSWER_S = 600.0
"""Above any sensible time limit of the collector itself, which ends the query with its reason."""

_COPY_BYTES = 1 << 20


class ClientError(Exception):
    """The collector cannot be asked; the message names the address and what to do."""


class NotAnsweringError(ClientError):
    """Nobody listens there: the collector is gone, or its store is being started anew."""


def query_over_http(base_url: str, token: str, sql: str) -> QueryResult:
    """Run one query on the collector at `base_url` and return its whole, capped result.

    Raises QueryError as `run_query` would, and ClientError when the collector does not answer or
    refuses the caller. Ctrl-C closes the connection, which stops the query.
    """
    with _connected(base_url) as connection:
        return _ask(connection, token, sql)


def stream_over_http(base_url: str, token: str, sql: str, into: BinaryIO) -> None:
    """Write the whole, uncapped result of one query to `into`, as an Arrow stream.

    It is whole when this returns. Raises as `query_over_http` does.
    """
    with _connected(base_url) as connection:
        response = _post(connection, "/api/stream", token, "text/plain", sql.encode())
        while piece := response.read(_COPY_BYTES):
            try:
                into.write(piece)
            except OSError as error:
                raise ClientError(
                    f"the collector's answer cannot be kept on disk: {error.strerror}; make room, "
                    "or let TMPDIR name another disk"
                ) from error


def page_over_http(base_url: str, token: str, path: str) -> bytes:
    """What the collector at `base_url` serves under `path`. Raises ClientError."""
    with _connected(base_url) as connection:
        connection.connect()
        connection.sock.settimeout(_ANSWER_S)
        connection.request(
            "GET", path, headers={"Authorization": f"Bearer {token}", "Accept": "text/html"}
        )
        response = connection.getresponse()
        body = response.read()
    if response.status != 200:
        raise ClientError(f"the collector answered HTTP {response.status} to {path}")
    return body


def change_pin_over_http(base_url: str, token: str, run_id: str, *, pinned: bool) -> None:
    """Pin a run on the collector at `base_url`, or let it go. Raises ClientError."""
    with _connected(base_url) as connection:
        connection.request(
            "PUT" if pinned else "DELETE",
            f"/api/pins/{quote(run_id, safe='')}",
            headers={"Authorization": f"Bearer {token}"},
        )
        response = connection.getresponse()
        if response.status != 204:
            raise _error(response.status, response.read())


@contextlib.contextmanager
def _connected(base_url: str) -> Iterator[http.client.HTTPConnection]:
    """A connection whose faults are ClientErrors; closed at the end."""
    url = urlsplit(base_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ClientError(f"{base_url!r} is no address of a collector; write http://HOST:PORT")
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname, url.port, timeout=_CONNECT_S)
    with contextlib.closing(connection):
        try:
            yield connection
        except ConnectionRefusedError as error:
            reason = f"no collector answers at {base_url}: is it running?"
            raise NotAnsweringError(reason) from error
        except (OSError, http.client.HTTPException, pa.ArrowException) as error:
            reason = str(error) or type(error).__name__
            raise ClientError(f"the collector at {base_url} did not answer: {reason}") from error


def _post(
    connection: http.client.HTTPConnection, path: str, token: str, content_type: str, body: bytes
) -> http.client.HTTPResponse:
    connection.connect()
    connection.sock.settimeout(_ANSWER_S)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
    connection.request("POST", path, body=body, headers=headers)
    response = connection.getresponse()
    if response.status != 200:
        raise _error(response.status, response.read())
    if response.headers.get("Content-Type") != CONTENT_TYPES["arrow"]:
        raise ClientError("what answers there is no spanscore collector")
    return response


def _ask(connection: http.client.HTTPConnection, token: str, sql: str) -> QueryResult:
    body = orjson.dumps({"sql": sql, "format": "arrow"})
    response = _post(connection, "/api/sql", token, "application/json", body)
    # Read to the end first: a stream that breaks off must not pass for a short result.
    with pa.ipc.open_stream(response.read()) as reader:
        batches = list(reader)
    truncated = cast("Truncated | None", response.headers.get("Spanscore-Truncated"))
    return QueryResult(reader.schema, batches, truncated)


def _error(status: int, body: bytes) -> Exception:
    members: dict[str, Any] = {}
    with contextlib.suppress(ValueError, TypeError, KeyError):
        members = dict(json.loads(body)["error"])
    if not {"kind", "message"} <= members.keys():
        return ClientError(f"the collector answered HTTP {status} without a reason")
    if members.get("kind") == "request":
        return ClientError(f"{members['message']}. {members.get('hint')}")
    return QueryError.from_json(members)
