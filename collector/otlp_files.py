"""Finds the OTLP requests in files: bodies as sent, and what OTel's file exporters write."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import orjson

SUFFIXES = (".pb", ".binpb", ".json", ".jsonl", ".ndjson", ".gz", ".inbox")
"""What is read when a folder is named."""

_LENGTH = struct.Struct(">I")
_GZIP_MAGIC = b"\x1f\x8b"
_START_BYTES = 64


@dataclass(frozen=True, slots=True)
class Found:
    """A request in a file: where it begins, and its bytes as a door would get them.

    `offset_bytes` counts what a compressed file holds, `read_bytes` what was read of the file.
    """

    offset_bytes: int
    read_bytes: int
    body: bytes
    json: bool = False
    gzipped: bool = False


class FileError(Exception):
    """What stands at `offset_bytes` of a file is no OTLP request; the message says why."""

    def __init__(self, offset_bytes: int, message: str) -> None:
        super().__init__(message)
        self.offset_bytes = offset_bytes


def files_below(paths: list[Path]) -> list[Path]:
    """The files that are meant: each path, or for a folder all with one of SUFFIXES in it.

    Raises FileNotFoundError naming a path that is not there.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(f for f in path.rglob("*") if f.suffix in SUFFIXES and f.is_file())
        elif path.exists():
            found.append(path)
        else:
            raise FileNotFoundError(f"{path} does not exist")
    return found


def requests_in(path: Path, max_bytes: int) -> Iterator[Found]:
    """The requests of a file, in order, holding at most one of `max_bytes` in memory.

    Told apart by content: a JSON body or JSON lines (a request a line, as the OTel Collector's file
    exporter writes by default), a protobuf body, the file exporter's protobuf form (a 4-byte
    big-endian length before each), any of these compressed with gzip. Raises FileError at what
    cannot be read; what came before it was yielded already.
    """
    with path.open("rb") as file:
        is_gzip = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        file.seek(0)
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_gzip else file
        content = _Content(stream, file)
        with content.faults():
            yield from _requests(path, content, max_bytes, is_gzip=is_gzip)


class _Content:
    """What a file holds, decompressed, with the place in it."""

    def __init__(self, stream: IO[bytes], file: IO[bytes]) -> None:
        self.stream = stream
        self.offset_bytes = 0
        self._file = file

    @property
    def read_bytes(self) -> int:
        return self._file.tell()

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Damage of the compression is a FileError."""
        try:
            yield
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise FileError(
                self.offset_bytes, f"the compressed file is damaged or was cut off: {error}"
            ) from error


def _requests(path: Path, content: _Content, max_bytes: int, *, is_gzip: bool) -> Iterator[Found]:
    start = content.stream.read(_START_BYTES)
    content.stream.seek(0)
    if not start:
        return
    if start.lstrip()[:1] == b"{":
        first = content.stream.readline(max_bytes + 1)
        content.stream.seek(0)
        if _is_object(first):
            yield from _json_lines(content, max_bytes)
        else:
            yield Found(0, 0, _whole(path, max_bytes), json=True, gzipped=is_gzip)
    elif start[0] == 0:
        yield from _length_prefixed(content, max_bytes)
    else:
        yield Found(0, 0, _whole(path, max_bytes), gzipped=is_gzip)


def _whole(path: Path, max_bytes: int) -> bytes:
    size = path.stat().st_size
    if size > max_bytes:
        raise FileError(
            0, f"one request of {size:,} bytes; --max-request allows {max_bytes:,} bytes"
        )
    return path.read_bytes()


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _json_lines(content: _Content, max_bytes: int) -> Iterator[Found]:
    while line := content.stream.readline(max_bytes + 1):
        if len(line) > max_bytes:
            raise FileError(
                content.offset_bytes,
                f"a line of more than {max_bytes:,} bytes; raise --max-request",
            )
        if line.strip():
            yield Found(content.offset_bytes, content.read_bytes, line, json=True)
        content.offset_bytes += len(line)


def _length_prefixed(content: _Content, max_bytes: int) -> Iterator[Found]:
    while prefix := content.stream.read(_LENGTH.size):
        length = _LENGTH.unpack(prefix)[0] if len(prefix) == _LENGTH.size else max_bytes
        body = content.stream.read(min(length, max_bytes))
        if len(body) < min(length, max_bytes):
            raise FileError(content.offset_bytes, "the file ends within a request; it was cut off")
        if length > max_bytes:
            raise FileError(
                content.offset_bytes,
                f"a request of {length:,} bytes; raise --max-request to take it",
            )
        yield Found(content.offset_bytes, content.read_bytes, body)
        content.offset_bytes += _LENGTH.size + length
