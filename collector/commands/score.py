"""`spanscore score`: agents and models by what their runs came to."""

from __future__ import annotations

import sys

from ..answers import ask
from ..config import Settings
from ..output import Format, write_result

_ALL = "FROM leaderboard ORDER BY composite DESC NULLS LAST, agent, model"

# What fits a terminal: a rate stands with its 95 % interval, a model without its vendor.
_TABLE = """
SELECT
    agent,
    regexp_replace(model, '^.*/', '') AS model,
    concat(passes, '/', runs) AS passed,
    printf('%.0f%%', 100 * pass_rate_valid) AS valid,
    printf('%.0f-%.0f', 100 * pass_rate_valid_low, 100 * pass_rate_valid_high) AS "95 %",
    left_out AS "left out",
    printf('%.3f', leaderboard.composite) AS score,
    printf('%.0f', wall_p50_ms / 1000) AS "s",
    CAST(tokens_p50 AS BIGINT) AS tokens
FROM leaderboard
ORDER BY leaderboard.composite DESC NULLS LAST, agent, leaderboard.model
"""


def score(settings: Settings, form: Format) -> None:
    """Print the leaderboard: some columns as a table, all of them otherwise.

    Raises QueryError, DatabaseError, InboxError and ClientError.
    """
    write_result(ask(settings, _TABLE if form == "table" else _ALL), form, sys.stdout)
