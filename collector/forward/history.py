"""Stored rows back as Export requests, for a destination that the inbox keeps nothing for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal
from spanscore.collector.store.query import QueryResult
from spanscore.collector.store.stored import TABLES, Identities, as_requests, select_rows

Ask = Callable[[str], QueryResult]
"""Runs one reading query on the store."""

CHUNK_ROWS = 40_000


@dataclass(frozen=True, slots=True)
class Window:
    """What the loader stored together: positions of the inbox, and when they were received."""

    last_position: int
    from_ns: int
    to_ns: int
    rows: int


class History:
    """Reads the store by `ask`, whose errors it raises; what a sender sent together comes together.

    A request that came again was stored once and comes once; what the loader put into `rejected`
    or `span_conflict` does not come.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._identities = Identities(self._rows)

    def windows(self, inbox: str, after: int) -> list[Window]:
        """What was stored of an inbox after a position, in order; together some CHUNK_ROWS rows."""
        rows = self._rows(
            f"""SELECT last_position, min_received_ns, max_received_ns, rows
            FROM load_window WHERE inbox = '{inbox}' AND last_position > {after}
            ORDER BY last_position LIMIT 1000"""
        )
        found: list[Window] = []
        total = 0
        for row in rows:
            if found and total + row["rows"] > CHUNK_ROWS:
                break
            total += row["rows"]
            found.append(Window(*row.values()))
        return found

    def count(self, from_ns: int, to_ns: int, signals: Sequence[Signal]) -> int:
        """How many rows were received in that time (both ends included)."""
        counts = [
            f"SELECT count(*) AS n FROM {TABLES[signal]} WHERE {_within(from_ns, to_ns)}"
            for signal in signals
        ]
        return sum(self._rows(count)[0]["n"] for count in counts)

    def requests(
        self, from_ns: int, to_ns: int, signals: Sequence[Signal]
    ) -> Iterator[tuple[Request, int]]:
        """What was received in that time (both ends included), each request with its rows.

        Signal by signal; of each what came earlier first, to within some CHUNK_ROWS rows.
        """
        for signal in signals:
            for start_ns, end_ns in self._ranges(signal, from_ns, to_ns):
                yield from self._fetch(signal, _within(start_ns, end_ns))

    def _ranges(self, signal: Signal, from_ns: int, to_ns: int) -> list[tuple[int, int]]:
        """The time in ranges of some CHUNK_ROWS rows."""
        received = self._rows(
            f"""SELECT received_ns, count(*) AS n FROM {TABLES[signal]}
            WHERE {_within(from_ns, to_ns)} GROUP BY received_ns ORDER BY received_ns"""
        )
        ranges: list[tuple[int, int]] = []
        room = 0
        for row in received:
            at_ns = row["received_ns"]
            if row["n"] > room:
                ranges.append((at_ns, at_ns))
                room = CHUNK_ROWS
            ranges[-1] = (ranges[-1][0], at_ns)
            room -= row["n"]
        return ranges

    def _fetch(
        self, signal: Signal, where: str, parts: int = 1, part: int = 0
    ) -> Iterator[tuple[Request, int]]:
        """The requests of some rows; where a result is above the cap, of one part after another."""
        condition = where if parts == 1 else f"{where} AND rowid % {parts} = {part}"
        result = self._ask(f"{select_rows(signal)} WHERE {condition}")
        if result.truncated and parts < 1 << 20:
            yield from self._fetch(signal, where, 2 * parts, part)
            yield from self._fetch(signal, where, 2 * parts, part + parts)
            return
        yield from as_requests(signal, result.batches, self._identities)

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        return [row for batch in self._ask(sql).batches for row in batch.to_pylist()]


def _within(from_ns: int, to_ns: int) -> str:
    return f"received_ns BETWEEN {from_ns} AND {to_ns}"
