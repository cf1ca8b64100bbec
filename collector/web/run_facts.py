"""What the page of a run says, read from the views: each function asks one question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import orjson

from .reads import Row, rows

PAGE_ROWS = 100
"""Calls, tool calls and log records that are shown at once; further ones are asked for."""

OTHERS = 12

_IDENTITY = """
SELECT r.run_id, r.agent, r.service_name, r.task, r.status, k.computed_at_ns
FROM runs AS r LEFT JOIN marts.kept_run AS k USING (run_id)
WHERE r.run_id = $run
"""

_RUN = """
SELECT
    r.* EXCLUDE (citable), s.* EXCLUDE (run_id, agent, model, task, source, started_at),
    t.* EXCLUDE (run_id), o.attributed_to, e.* EXCLUDE (run_id, calls_without_usage),
    o.answered, o.calls_complete, k.computed_at_ns
FROM runs AS r
LEFT JOIN scores AS s USING (run_id)
LEFT JOIN time_split AS t USING (run_id)
LEFT JOIN outcomes AS o USING (run_id)
LEFT JOIN evidence AS e USING (run_id)
LEFT JOIN marts.kept_run AS k USING (run_id)
WHERE r.run_id = $run
"""

_FAILURE = "SELECT * FROM failures WHERE run_id = $run"

_PHASES = "SELECT * FROM phases WHERE run_id = $run ORDER BY start_ns"

_CALLS = """
SELECT *, CAST(lag(end_ns) OVER (PARTITION BY call_id ORDER BY attempt) AS BIGINT) AS before_ns
FROM model_calls WHERE run_id = $run
ORDER BY start_ns, call_id, attempt
LIMIT $limit OFFSET $offset
"""

_TOOLS = """
SELECT * FROM tool_calls WHERE run_id = $run ORDER BY start_ns, span_id
LIMIT $limit OFFSET $offset
"""

_LOGS = """
SELECT
    time, time_ns, severity_text, severity_number, event_name, body, service_name, origin,
    trace_id, span_id, attributes
FROM logs WHERE run_id = $run ORDER BY time_ns, event_name
LIMIT $limit OFFSET $offset
"""

_OTHERS = """
SELECT
    r.run_id, r.agent, r.model, r.task, r.status, r.source, r.started_at, s.outcome,
    s.failure_class, s.composite, s.total_tokens, s.wall_clock_ms, e.grade, e.citable
FROM runs AS r
JOIN scores AS s USING (run_id)
LEFT JOIN evidence AS e USING (run_id)
WHERE r.run_id <> $run AND {condition}
ORDER BY r.sweep_id IS DISTINCT FROM $sweep, r.started_at DESC NULLS LAST, r.run_id
LIMIT {limit}
"""

_KIN = {
    "Other attempts at this cell": ("task = $task AND r.agent = $agent AND r.model = $model"),
    "Other agents on this task": "task = $task AND r.agent <> $agent",
    "Other models with this agent": "agent = $agent AND r.task = $task AND r.model <> $model",
    "Other tasks of the family": (
        "family = $family AND r.agent = $agent AND r.model = $model AND r.task <> $task"
    ),
}


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What became of a run, and whose fault it was."""

    run: Row
    failure: Row | None
    phases: dict[str, Row]
    """By role."""

    def attribute(self, role: str, key: str) -> str | None:
        """What a phase says, as text; None when it does not."""
        phase = self.phases.get(role)
        return None if phase is None else phase["attributes"].get(key)

    def texts(self, role: str, key: str) -> list[str]:
        """A list that a phase says; empty when it does not."""
        return texts_of(self.attribute(role, key))


@dataclass(frozen=True, slots=True)
class RunLists:
    """The lists of a run, each with one row more than is shown at once."""

    calls: list[Row]
    tools: list[Row]
    others: dict[str, list[Row]]
    """Runs to compare with, by what they have in common."""


def read_identity(cursor: duckdb.DuckDBPyConnection, run_id: str) -> Row | None:
    """What run it is, and as of when; None when there is no such run."""
    found = rows(cursor, _IDENTITY, {"run": run_id})
    return found[0] if found else None


def read_facts(cursor: duckdb.DuckDBPyConnection, run_id: str) -> RunFacts | None:
    """The facts of a run; None when there is no such run."""
    found = rows(cursor, _RUN, {"run": run_id})
    if not found:
        return None
    run = found[0]
    settled = run["outcome"] in (None, "pass", "running")
    failures = [] if settled else rows(cursor, _FAILURE, {"run": run_id})
    phases = rows(cursor, _PHASES, {"run": run_id})
    return RunFacts(
        run=run,
        failure=failures[0] if failures else None,
        phases={phase["role"]: phase for phase in phases},
    )


def read_lists(cursor: duckdb.DuckDBPyConnection, run: Row) -> RunLists:
    """The lists of the run that `read_facts` found."""
    return RunLists(
        calls=read_calls(cursor, run["run_id"], 0),
        tools=read_tools(cursor, run["run_id"], 0),
        others=_read_others(cursor, run),
    )


def read_calls(cursor: duckdb.DuckDBPyConnection, run_id: str, offset: int) -> list[Row]:
    """Attempts to call a model, by start; `before_ns` is the end of the attempt before."""
    return _some(cursor, _CALLS, run_id, offset)


def read_tools(cursor: duckdb.DuckDBPyConnection, run_id: str, offset: int) -> list[Row]:
    """Tool calls, by start."""
    return _some(cursor, _TOOLS, run_id, offset)


def read_logs(cursor: duckdb.DuckDBPyConnection, run_id: str, offset: int) -> list[Row]:
    """Log records, by time."""
    return _some(cursor, _LOGS, run_id, offset)


def texts_of(value: str | None) -> list[str]:
    """The texts of an attribute that is a list: JSON, else the value as it stands."""
    if value is None:
        return []
    try:
        found: Any = orjson.loads(value)
    except orjson.JSONDecodeError:
        return [value]
    return [str(item) for item in found] if isinstance(found, list) else [value]


def _some(cursor: duckdb.DuckDBPyConnection, sql: str, run_id: str, offset: int) -> list[Row]:
    """One more than is shown, which tells that there are further ones."""
    return rows(cursor, sql, {"run": run_id, "limit": PAGE_ROWS + 1, "offset": offset})


def _read_others(cursor: duckdb.DuckDBPyConnection, run: Row) -> dict[str, list[Row]]:
    found = {}
    for title, condition in _KIN.items():
        needed = [name for name in ("agent", "model", "task", "family") if f"${name}" in condition]
        if any(run[name] is None for name in needed):
            continue
        given = {"run": run["run_id"], "sweep": run["sweep_id"]}
        given |= {name: run[name] for name in needed}
        others = rows(cursor, _OTHERS.format(condition=f"r.{condition}", limit=OTHERS), given)
        if others:
            found[title] = others
    return found
