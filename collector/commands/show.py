"""`spanscore show RUN`: one run on a screen."""

from __future__ import annotations

import sys
from typing import Any, Literal

import orjson
import pyarrow as pa

from ..answers import ask
from ..config import Settings
from ..output import write_result
from ..plain import json_values
from ..store.query import QueryResult
from .runs import quoted
from .show_screen import print_run

CANDIDATES = 5

# The spans of the waterfall: all that a screen can tell apart; JSON has as many.
SPANS = 1000

_RUN = """
SELECT
    r.* EXCLUDE (citable), s.* EXCLUDE (run_id, agent, model, task, source, started_at),
    t.* EXCLUDE (run_id),
    f.* EXCLUDE (run_id, outcome, failure_class),
    e.* EXCLUDE (run_id)
FROM runs AS r
LEFT JOIN scores AS s USING (run_id)
LEFT JOIN time_split AS t USING (run_id)
LEFT JOIN failures AS f USING (run_id)
LEFT JOIN evidence AS e USING (run_id)
WHERE r.run_id = {run}
"""

# What says most goes first, where there are too many: the harness' spans, calls, errors, roots.
_WATERFALL = """
SELECT
    span_id, parent_span_id, trace_id, name, role, origin, start_ns, duration_ns, status_code
FROM spans
WHERE run_id = {run}
ORDER BY
    role IS NULL, gen_ai_operation_name IS NULL, status_code <> 'ERROR', parent_span_id IS NOT NULL,
    start_ns, span_id
LIMIT {limit}
"""


class UnknownRunError(Exception):
    """There is no such run, or several; the message names what there is."""


def show_run(settings: Settings, run: str, form: Literal["table", "json", "csv"]) -> None:
    """Print one run: identity, scores, where the time went, its spans, why it failed.

    `run` is its id, or as much of the beginning as no other run has. JSON is an array with one
    object that has the spans under `waterfall`; CSV is one line without them. Raises
    UnknownRunError, QueryError, DatabaseError, InboxError, CatalogError and ClientError.
    """
    run = find_run(settings, run)
    result = ask(settings, _RUN.format(run=quoted(run)))
    if form == "csv":
        write_result(result, form, sys.stdout)
        return
    [told] = _rows(result)
    spans = rows_of(settings, _WATERFALL.format(run=quoted(run), limit=SPANS))
    if form == "json":
        print(orjson.dumps([{**told, "waterfall": spans}], option=orjson.OPT_INDENT_2).decode())
    else:
        print_run(told, spans, sys.stdout)


def find_run(settings: Settings, start: str) -> str:
    """The id of the run that is named so, or of the only one whose id begins so.

    Raises UnknownRunError, and what `ask` raises.
    """
    sql = (
        f"SELECT run_id FROM runs WHERE starts_with(run_id, {quoted(start)}) "
        f"ORDER BY run_id <> {quoted(start)}, started_at DESC NULLS LAST LIMIT {CANDIDATES}"
    )
    found = [row["run_id"] for row in rows_of(settings, sql)]
    if len(found) == 1 or start in found[:1]:
        return str(found[0])
    if found:
        raise UnknownRunError(f"several runs begin with {start}: {', '.join(found)}")
    raise UnknownRunError(f"there is no run {start}; `spanscore runs` lists them")


def rows_of(settings: Settings, sql: str) -> list[dict[str, Any]]:
    """The rows of a query by column, as JSON would have them. Raises as `ask` does."""
    return _rows(ask(settings, sql))


def _rows(result: QueryResult) -> list[dict[str, Any]]:
    table = pa.Table.from_batches(result.batches, result.schema).combine_chunks()
    columns = [
        json_values(column.chunk(0)) if column.num_chunks else [] for column in table.columns
    ]
    names = result.schema.names
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
