"""`spanscore score`: agents and models by what their runs came to."""

from __future__ import annotations

import sys

import pyarrow as pa

from ..answers import ask
from ..config import Settings
from ..output import Format, write_result
from ..store.query import QueryResult

_ALL = "FROM leaderboard ORDER BY composite DESC NULLS LAST, agent, model"

# What fits a terminal: a rate stands with its 95 % interval, a model without its vendor. With an
# asterisk a score is provisional: some of its runs must not be cited.
_TABLE = """
SELECT
    agent,
    regexp_replace(model, '^.*/', '') AS model,
    concat(passes, '/', runs) AS passed,
    printf('%.0f%%', 100 * pass_rate_valid) AS valid,
    printf('%.0f-%.0f', 100 * pass_rate_valid_low, 100 * pass_rate_valid_high) AS "95 %",
    left_out AS "left out",
    printf('%.3f', leaderboard.composite)
        || CASE WHEN citable_runs < runs THEN '*' ELSE '' END AS score,
    printf('%.0f', wall_p50_ms / 1000) AS "s",
    CAST(tokens_p50 AS BIGINT) AS tokens
FROM leaderboard
ORDER BY leaderboard.composite DESC NULLS LAST, agent, leaderboard.model
"""


def score(settings: Settings, form: Format) -> None:
    """Print the leaderboard: some columns as a table, all of them otherwise.

    Raises QueryError, DatabaseError, InboxError and ClientError.
    """
    write_result(ask(settings, _query(form)), form, sys.stdout)


def score_on_spark(settings: Settings, form: Format, master: str | None) -> None:
    """The same, of the lake of the settings, computed by Spark and laid out here.

    Raises ConfigError, StorageError and SparkAskError.
    """
    import duckdb  # noqa: PLC0415 - only here

    from ..lake.on_spark import ask_spark  # noqa: PLC0415

    found = ask_spark(settings, "SELECT * FROM leaderboard", master)
    with duckdb.connect() as connection:
        table = pa.Table.from_batches(found.batches, found.schema)
        connection.register("leaderboard", table)
        laid_out = connection.sql(_query(form)).to_arrow_table()
    write_result(QueryResult(laid_out.schema, laid_out.to_batches()), form, sys.stdout)


def _query(form: Format) -> str:
    return _TABLE if form == "table" else _ALL
