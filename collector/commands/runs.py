"""`spanscore runs`: the runs, newest first, with what became of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from typing import Literal

from ..answers import ask
from ..config import Settings
from ..output import write_result

Status = Literal["running", "finished", "interrupted", "unknown"]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which runs; None: any. Text filters are exact, `run` also takes the beginning of an id."""

    run: str | None = None
    agent: str | None = None
    model: str | None = None
    task: str | None = None
    sweep: str | None = None
    status: Status | None = None
    failure: str | None = None

    def condition(self) -> str:
        """The filters as SQL over the columns of `_ROWS`."""
        tests = [
            f"starts_with(run_id, {quoted(value)})"
            if name == "run"
            else f"{_COLUMNS.get(name, name)} = {quoted(value)}"
            for name in (field.name for field in fields(self))
            if (value := getattr(self, name)) is not None
        ]
        return " AND ".join(tests) or "true"


_COLUMNS = {"sweep": "sweep_id", "failure": "failure_class"}

_ROWS = """
SELECT
    r.*, s.outcome, s.failure_class, s.pass, s.total_tokens, s.cost_usd, s.wall_clock_ms,
    s.composite, e.grade
FROM runs AS r
LEFT JOIN scores AS s USING (run_id)
LEFT JOIN evidence AS e USING (run_id)
"""

# What fits a terminal: as much of an id as `show` needs, the result in one word (the status of a
# run that has none), a model without its vendor.
_TABLE = """
SELECT
    left(run_id, 8) AS run,
    coalesce(failure_class, outcome, status) AS result,
    agent,
    regexp_replace(model, '^.*/', '') AS model,
    task,
    strftime(started_at, '%d %H:%M') AS started,
    printf('%.1f', coalesce(wall_clock_ms / 1000, (end_ns - start_ns) / 1e9)) AS "s",
    total_tokens AS tokens,
    grade
"""


def list_runs(
    settings: Settings, filters: Filters, limit: int, form: Literal["table", "json", "csv"]
) -> None:
    """Print the newest runs that pass the filters, at most `limit`: some columns as a table, all
    otherwise.

    Raises QueryError, DatabaseError, InboxError, CatalogError and ClientError.
    """
    columns = _TABLE if form == "table" else "SELECT *"
    newest = "ORDER BY started_at DESC NULLS LAST, run_id"
    sql = f"{columns} FROM ({_ROWS}) WHERE {filters.condition()} {newest} LIMIT {limit}"
    write_result(ask(settings, sql), form, sys.stdout)


def quoted(text: str) -> str:
    """An SQL literal."""
    return "'" + text.replace("'", "''") + "'"
