"""Server-sent events out of bytes, however they are cut into chunks."""

from __future__ import annotations

from collections.abc import Iterator

MAX_EVENT_BYTES = 16 << 20

_BOM = b"\xef\xbb\xbf"


class EventParser:
    """An incremental parser. `is_overrun` says that an event was too large: it reads no further."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.is_overrun = False
        self._max_bytes = max_event_bytes
        self._tail: list[bytes] = []
        self._held_bytes = 0
        self._after_cr = False
        self._is_first_line = True
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        """The events (name or "", data) that `chunk` completes."""
        if self.is_overrun:
            return
        *lines, rest = self._unix_lines(chunk).split(b"\n")
        for line in lines:
            self._hold(line)
            if self.is_overrun:
                return
            whole = b"".join(self._tail)
            self._tail.clear()
            yield from self._line(whole)
        self._hold(rest)

    def end(self) -> Iterator[tuple[str, bytes]]:
        """The event that the end of the stream completes, if its last blank line is missing."""
        yield from self.feed(b"\n\n")

    def _hold(self, part: bytes) -> None:
        self._tail.append(part)
        self._held_bytes += len(part)
        if self._held_bytes > self._max_bytes:
            self.is_overrun = True
            self._tail.clear()
            self._data.clear()

    def _unix_lines(self, chunk: bytes) -> bytes:
        """The chunk with `\\n` for every line end; `\\r\\n` may be cut in the middle."""
        if not chunk:
            return chunk
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            if not chunk:
                self._after_cr = False
                return chunk
        self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _line(self, line: bytes) -> Iterator[tuple[str, bytes]]:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            self._held_bytes = 0
            if self._data:
                yield self._name, b"\n".join(self._data)
            self._name, self._data = "", []
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
