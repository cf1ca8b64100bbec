"""A session's answers on disk, and the same answers played back.

A recording is a text file, a JSON object a line: a head, one exchange a line in the order in which
they ended, and a line with their number and digest, without which the file is not whole. It holds
no request, only the digest of its body. Mode 0600, secrets masked.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from spanscore.instrumentation.conventions import CallError

from .decoding import Decoder
from .errors import RecordingError
from .loose import mappings, text
from .masking import Mask
from .upstream import Incoming

VERSION = 1
MAX_ANSWER_BYTES = 64 << 20


@dataclass(slots=True)
class Exchange:
    """One request's digest and the answer it got. Times are milliseconds since the request.

    `error_type` says how the answer broke off; without a `status` there was none at all.
    """

    number: int
    method: str
    path: str
    request_hash: str = ""
    status: int | None = None
    reason: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    headers_ms: float = 0.0
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    end_ms: float = 0.0
    error_type: str | None = None


class Take:
    """An exchange while it is recorded: without content encoding, so that it can be masked, and
    broken off where it is too large or cannot be decoded."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._decoder = Decoder("")
        self._bytes = 0

    def begin(self, incoming: Incoming, at_ms: float) -> None:
        """The answer's headers came."""
        encoding = incoming.headers.get("Content-Encoding", "").strip().lower()
        self._decoder = Decoder(encoding)
        gone = ("content-encoding", "content-length") if encoding else ()
        headers = [item for item in incoming.headers.items() if item[0].lower() not in gone]
        self.exchange.status, self.exchange.reason = incoming.status, incoming.reason
        self.exchange.headers, self.exchange.headers_ms = headers, at_ms

    def add(self, chunk: bytes, at_ms: float) -> None:
        """A chunk of the answer came."""
        for piece in self._decoder.feed(chunk):
            self._bytes += len(piece)
            if self._bytes <= MAX_ANSWER_BYTES and piece:
                self.exchange.chunks.append((at_ms, piece))

    def end(self, request_hash: str, error_type: str | None, at_ms: float) -> Exchange:
        """The answer to the request of this hash is over, or broke off by an error."""
        self.exchange.request_hash = request_hash
        is_partial = self._bytes > MAX_ANSWER_BYTES or self._decoder.why_not is not None
        self.exchange.error_type = CallError.CUT.value if is_partial else error_type
        self.exchange.end_ms = at_ms
        return self.exchange


class Recorder:
    """Writes exchanges into a new file."""

    def __init__(self, path: Path, mask: Mask) -> None:
        """Raises RecordingError if the file exists or cannot be made."""
        self._path = path
        self._mask = mask
        self._count = 0
        self._is_whole = True
        self._digest = hashlib.sha256()
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise RecordingError(f"{path} exists: remove it, or record to another file") from None
        except OSError as error:
            raise RecordingError(f"{path} cannot be written: {error.strerror}") from None
        self._file = os.fdopen(handle, "wb", buffering=0)
        self._write({"spanscore_recording": VERSION})

    def add(self, exchange: Exchange) -> None:
        """One exchange; its line is handed to the system before this returns."""
        bodies = self._mask.hide_chunks([body for _, body in exchange.chunks])
        times = [at_ms for at_ms, _ in exchange.chunks]
        line = {
            **asdict(exchange),
            "path": self._text(exchange.path),
            "headers": [[self._text(part) for part in header] for header in exchange.headers],
            "chunks": [_chunk(*pair) for pair in zip(times, bodies, strict=True)],
        }
        self._write(line)
        self._count += 1

    def close(self) -> None:
        """Completes the file, unless something of it could not be written."""
        with self._file:
            if self._is_whole:
                self._write({"exchanges": self._count, "sha256": self._digest.hexdigest()})

    def _write(self, line: dict[str, Any]) -> None:
        data = orjson.dumps(line) + b"\n"
        self._digest.update(data)
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            self._is_whole = False
            raise RecordingError(f"{self._path} cannot be written: {error.strerror}") from None

    def _text(self, text: str) -> str:
        """Masked, each byte a character: what a header holds need not be UTF-8."""
        return self._mask.hide(text.encode("utf-8", "surrogateescape")).decode("latin-1")


def read_recording(path: Path) -> list[Exchange]:
    """The exchanges in the order of their requests. Raises RecordingError for anything but a
    whole recording of this version."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from None
    *lines, rest = data.split(b"\n")
    head = _object(lines[0]) if lines else {}
    if "spanscore_recording" not in head:
        raise RecordingError(f"{path} is no recording of spanscore: make one with --record")
    if head["spanscore_recording"] != VERSION:
        raise RecordingError(f"{path} is of another version of spanscore: record it again")
    end = _object(lines[-1])
    digest = hashlib.sha256(b"".join(line + b"\n" for line in lines[:-1])).hexdigest()
    if rest or end.get("exchanges") != len(lines) - 2 or end.get("sha256") != digest:
        raise RecordingError(f"{path} is damaged, or its run was killed: record it again")
    return sorted(_exchanges(path, lines[1:-1]), key=lambda exchange: exchange.number)


def _exchanges(path: Path, lines: Iterable[bytes]) -> list[Exchange]:
    try:
        return [_exchange(_object(line)) for line in lines]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise RecordingError(f"{path} holds what no spanscore writes: record it again") from None


def _exchange(line: dict[str, Any]) -> Exchange:
    status = line["status"]
    return Exchange(
        number=int(line["number"]),
        method=str(line["method"]),
        path=_text(line["path"]),
        request_hash=str(line["request_hash"]),
        status=None if status is None else int(status),
        reason=text(line["reason"]),
        headers=[(_text(name), _text(value)) for name, value in line["headers"]],
        headers_ms=float(line["headers_ms"]),
        chunks=[(float(chunk["at_ms"]), _bytes(chunk)) for chunk in mappings(line["chunks"])],
        end_ms=float(line["end_ms"]),
        error_type=text(line["error_type"]),
    )


def _chunk(at_ms: float, body: bytes) -> dict[str, Any]:
    """Text where it is text, so that people can read a recording."""
    try:
        return {"at_ms": at_ms, "text": body.decode()}
    except UnicodeDecodeError:
        return {"at_ms": at_ms, "base64": base64.b64encode(body).decode()}


def _text(recorded: str) -> str:
    return recorded.encode("latin-1").decode("utf-8", "surrogateescape")


def _bytes(chunk: dict[str, Any]) -> bytes:
    if "text" in chunk:
        return str(chunk["text"]).encode()
    return base64.b64decode(chunk["base64"], validate=True)


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
