"""Finds the OTLP requests in files: bodies as sent, and what OTel's file exporters write."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

SUFFIXES = (".pb", ".binpb", ".json", ".jsonl", ".ndjson", ".gz", ".inbox")
"""What is read when a folder is named."""

_LENGTH = struct.Struct(">I")
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Found:
    """A request in a file: where it begins, and its bytes as a door would get them."""

    offset_bytes: int
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
    big-endian length before each), any body compressed with gzip. Raises FileError at what cannot
    be read; what came before it was yielded already.
    """
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        return iter(())
    if start.startswith(_GZIP_MAGIC):
        return _gzipped(path, max_bytes)
    if start.lstrip()[:1] == b"{":
        return _json(path, max_bytes)
    if start[0] == 0:
        return _length_prefixed(path, max_bytes)
    return iter([Found(0, _whole(path, max_bytes))])


def _gzipped(path: Path, max_bytes: int) -> Iterator[Found]:
    name = path.name.removesuffix(".gz")
    yield Found(0, _whole(path, max_bytes), json="json" in name.rpartition(".")[2], gzipped=True)


def _whole(path: Path, max_bytes: int) -> bytes:
    size = path.stat().st_size
    if size > max_bytes:
        raise FileError(
            0, f"one request of {size:,} bytes; --max-request allows {max_bytes:,} bytes"
        )
    return path.read_bytes()


def _json(path: Path, max_bytes: int) -> Iterator[Found]:
    """JSON lines if the first line is a whole object, else one body over many lines."""
    with path.open("rb") as file:
        first = file.readline(max_bytes + 1)
    if not _is_object(first):
        yield Found(0, _whole(path, max_bytes), json=True)
        return
    offset_bytes = 0
    with path.open("rb") as file:
        while line := file.readline(max_bytes + 1):
            if len(line) > max_bytes:
                raise FileError(
                    offset_bytes, f"a line of more than {max_bytes:,} bytes; raise --max-request"
                )
            if line.strip():
                yield Found(offset_bytes, line, json=True)
            offset_bytes += len(line)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _length_prefixed(path: Path, max_bytes: int) -> Iterator[Found]:
    size = path.stat().st_size
    offset_bytes = 0
    with path.open("rb") as file:
        while prefix := file.read(_LENGTH.size):
            length = _LENGTH.unpack(prefix)[0] if len(prefix) == _LENGTH.size else size
            if offset_bytes + _LENGTH.size + length > size:
                raise FileError(offset_bytes, "the file ends within a request; it was cut off")
            if length > max_bytes:
                raise FileError(
                    offset_bytes, f"a request of {length:,} bytes; raise --max-request to take it"
                )
            yield Found(offset_bytes, file.read(length))
            offset_bytes += _LENGTH.size + length
