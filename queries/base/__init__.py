"""The public views `spans`, `logs` and `metric_points`, which a store and a lake share.

They stand on `span_joined`, `log_joined` and `metric_point_joined`: records with their resource,
scope and run. Which run a record belongs to is told by `trace`, `instance_run` and
`conversation_window`. A store keeps `trace` and `conversation` as tables, and a lake makes them of
its files.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

RESOLVING = ("instance_run", "conversation_window")
"""What must be there before the joined views are; made of `trace` and `conversation`."""

PUBLIC = ("spans", "logs", "metric_points")


@cache
def select(name: str) -> str:
    """The SELECT of one of these views, in DuckDB's dialect, without its header."""
    return body(resources.files(__package__).joinpath(f"{name}.sql").read_text("utf-8"))


def body(text: str) -> str:
    """A .sql file's statement, without the comments at its head and a semicolon at its end."""
    lines = text.splitlines()
    head = next(index for index, line in enumerate(lines) if not line.startswith("--"))
    return "\n".join(lines[head:]).strip().rstrip(";")
