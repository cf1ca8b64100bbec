"""Stored rows back as Export requests, for a destination that the inbox keeps nothing for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spanscore.collector.decode.write_back import write_back
from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal
from spanscore.collector.store.query import QueryResult

Ask = Callable[[str], QueryResult]
"""Runs one reading query on the store."""

TABLES = {Signal.TRACES: "span", Signal.LOGS: "log", Signal.METRICS: "metric_point"}
CHUNK_ROWS = 10_000
_KNOWN_IDENTITIES = 4096


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
        self._identities: dict[str, dict[int, Mapping[str, Any]]] = {"resource": {}, "scope": {}}

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

    def requests(self, from_ns: int, to_ns: int, signals: Sequence[Signal]) -> Iterator[Request]:
        """What was received in that time (both ends included), in order, signal by signal."""
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
    ) -> Iterator[Request]:
        """The requests of some rows; where a result is above the cap, of one part after another."""
        condition = where if parts == 1 else f"{where} AND rowid % {parts} = {part}"
        result = self._ask(f"SELECT * FROM {TABLES[signal]} WHERE {condition}")
        if result.truncated and parts < 1 << 20:
            yield from self._fetch(signal, where, 2 * parts, part)
            yield from self._fetch(signal, where, 2 * parts, part + parts)
            return
        rows = [row for batch in result.batches for row in batch.to_pylist()]
        groups: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
        for row in rows:
            groups.setdefault((row["origin"], row["received_ns"]), []).append(row)
        resources = self._identified("resource", rows)
        scopes = self._identified("scope", rows)
        for (origin, received_ns), group in sorted(groups.items(), key=lambda item: item[0][1]):
            message = write_back(signal, group, resources, scopes)
            yield Request(signal, origin, received_ns, message.SerializeToString())

    def _identified(
        self, table: str, rows: Sequence[Mapping[str, Any]]
    ) -> Mapping[int, Mapping[str, Any]]:
        known = self._identities[table]
        missing = {row[f"{table}_id"] for row in rows} - known.keys()
        if missing:
            if len(known) > _KNOWN_IDENTITIES:
                known.clear()
                missing = {row[f"{table}_id"] for row in rows}
            numbers = ", ".join(map(str, missing))
            for row in self._rows(
                f"SELECT {table}_id, schema_url, raw FROM {table} WHERE {table}_id IN ({numbers})"
            ):
                known[row[f"{table}_id"]] = row
        return known

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        return [row for batch in self._ask(sql).batches for row in batch.to_pylist()]


def _within(from_ns: int, to_ns: int) -> str:
    return f"received_ns BETWEEN {from_ns} AND {to_ns}"
