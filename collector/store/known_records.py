"""Finds log records and data points that a file brings a second time.

Spans have ids. Records and points have none: those that come again are told by their receive time,
which no two requests share in practice, and by being equal in every column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ..inbox import Entry

_STORED = """
SELECT md5(CAST(r AS VARCHAR))
FROM (
    SELECT {columns} FROM {table}
    WHERE received_ns BETWEEN ? AND ? AND received_ns IN (SELECT received_ns FROM coming)
) AS r
"""
_COMING = "SELECT md5(CAST(r AS VARCHAR)) FROM (SELECT {columns} FROM coming) AS r"


def apart(entries: Sequence[Entry]) -> list[list[Entry]]:
    """The requests in groups, in none of which two have the same origin and receive time.

    Two such are two exports of one request, or parts of it: each is compared with what the one
    before has left. Of requests that come now there is one group.
    """
    groups: list[list[Entry]] = []
    seen: Counter[tuple[str, int]] = Counter()
    for entry in entries:
        key = (entry.request.origin, entry.request.received_ns)
        if seen[key] == len(groups):
            groups.append([])
        groups[seen[key]].append(entry)
        seen[key] += 1
    return groups


class KnownRecords:
    """For one database, whose loader is the only one to add to it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._newest_ns = {table: self._newest(table) for table in ("log", "metric_point")}

    def _newest(self, table: str) -> int:
        [(newest,)] = self._connection.execute(
            f"SELECT coalesce(max(received_ns), 0) FROM {table}"
        ).fetchall()
        return int(newest)

    def without_known(self, table: str, records: pa.Table) -> pa.Table:
        """The records that are not stored yet, in their order; of equal ones as many as are new.

        What comes now is newer than all that is stored, and costs nothing.
        """
        span = pc.min_max(records["received_ns"]).as_py()
        newest_ns, self._newest_ns[table] = (
            self._newest_ns[table],
            max(self._newest_ns[table], span["max"] or 0),
        )
        if not records.num_rows or span["min"] > newest_ns:
            return records
        columns = ", ".join(f'"{name}"' for name in records.column_names)
        self._connection.register("coming", records)
        try:
            stored = self._connection.execute(
                _STORED.format(columns=columns, table=table), [span["min"], span["max"]]
            ).fetchall()
            if not stored:
                return records
            coming = self._connection.execute(_COMING.format(columns=columns)).fetchall()
        finally:
            self._connection.unregister("coming")
        left = Counter(digest for (digest,) in stored)
        new = []
        for (digest,) in coming:
            new.append(left[digest] == 0)
            left[digest] -= left[digest] > 0
        return records.filter(pa.array(new, pa.bool_()))
