"""What to export: runs, sweeps, what came since a moment, or everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ..config import parse_moment, unix_ns
from .errors import ExportError
from .source import Source, rows

_NAMED_RUNS = 5

_SINCE = """
run_id IN (
    SELECT run_id FROM span_joined WHERE received_ns >= {ns}
    UNION
    SELECT run_id FROM log_joined WHERE received_ns >= {ns}
    UNION
    SELECT run_id FROM metric_point_joined WHERE received_ns >= {ns}
)
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """A condition on `run_id`; None: everything, also what belongs to no run.

    `received_ns`: what belongs to no run is selected too if it came then or later.
    """

    runs: str | None = None
    received_ns: int | None = None
    words: str = "everything"

    def of_view(self, time_column: str | None = None) -> str:
        """The rows of a view with `run_id`; `time_column` is its receive time in ns, if any."""
        if self.runs is None:
            return "true"
        if time_column is None or self.received_ns is None:
            return self.runs
        return f"({self.runs} OR (run_id IS NULL AND {time_column} >= {self.received_ns}))"


def select(
    source: Source, *, run_ids: Sequence[str], sweeps: Sequence[str], since: str | None
) -> Selection:
    """The whole runs that are meant; several kinds of conditions must all hold.

    A run may be named by the beginning of its id that no other run has. `since` is an age (7d) or a
    time (2026-11-01, UTC unless it says otherwise): runs of which anything came since.
    Raises ExportError for an unknown run or sweep and for what is no time.
    """
    conditions, words = [], []
    if run_ids:
        chosen = [_the_one(source, start) for start in run_ids]
        conditions.append(f"run_id IN ({', '.join(map(quoted, chosen))})")
        words.append(f"run {', '.join(chosen)}")
    if sweeps:
        _require_sweeps(source, sweeps)
        named = ", ".join(map(quoted, sweeps))
        conditions.append(f"run_id IN (SELECT run_id FROM runs WHERE sweep_id IN ({named}))")
        words.append(f"sweep {', '.join(sweeps)}")
    received_ns = None
    if since is not None:
        moment = _moment(since)
        received_ns = unix_ns(moment)
        conditions.append(_SINCE.format(ns=received_ns).strip())
        words.append(f"since {moment.isoformat(timespec='seconds')}")
    if not conditions:
        return Selection()
    only_since = received_ns if len(conditions) == 1 else None
    return Selection(" AND ".join(conditions), only_since, ", ".join(words))


def _moment(since: str) -> datetime:
    try:
        return parse_moment(since, datetime.now(UTC))
    except ValueError as error:
        raise ExportError(f"--since {error}") from None


def quoted(text: str) -> str:
    """An SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _the_one(source: Source, start: str) -> str:
    """The run of this id, else the only one whose id begins so."""
    sql = (
        f"SELECT run_id FROM runs WHERE starts_with(run_id, {quoted(start)}) "
        f"ORDER BY run_id <> {quoted(start)}, run_id LIMIT {_NAMED_RUNS + 1}"
    )
    found = [row["run_id"] for row in rows(source, sql)]
    if found and (found[0] == start or len(found) == 1):
        return str(found[0])
    if not found:
        raise ExportError(f"there is no run {start!r}; `spanscore runs` lists the runs there are")
    names = ", ".join(found[:_NAMED_RUNS]) + (", ..." if len(found) > _NAMED_RUNS else "")
    raise ExportError(f"several runs begin with {start!r}: {names}; write more of the id")


def _require_sweeps(source: Source, sweeps: Sequence[str]) -> None:
    known = rows(
        source,
        "SELECT sweep_id FROM runs WHERE sweep_id IS NOT NULL GROUP BY sweep_id "
        "ORDER BY max(started_at) DESC",
    )
    names = [row["sweep_id"] for row in known]
    for sweep in sweeps:
        if sweep not in names:
            there = (
                f"the newest sweeps are {', '.join(names[:_NAMED_RUNS])}"
                if names
                else ("no run here belongs to a sweep")
            )
            raise ExportError(f"there is no sweep {sweep!r}; {there}")
