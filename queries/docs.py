"""docs/queries.md, made from the headers of the .sql files: `python -m spanscore.queries.docs`."""

from __future__ import annotations

from collections.abc import Sequence

from . import catalog
from .view import View

_INTRODUCTION = """\
# What can be asked of runs

Made from the headers of the files in `queries/`, by `python -m spanscore.queries.docs`. The views
stand on [spans, logs and metric_points](views.md), and every one of them is a file with one SELECT:
`queries/marts/NAME.sql`, or `queries/staging/NAME.sql` for `stg_NAME`.

    spanscore sql "SELECT agent, model, task, status FROM runs"

Habits that hold in all of them:

- Unknown is NULL, never 0: what nobody recorded stays NULL in everything that is computed from it.
- Those with `run_id` join on it. Units are in the names: `_ns`, `_ms`, `_usd`. Times are UTC.
- A view marked *kept* is computed once for a run and then read from a table, until something new
  comes for the run; the store does that a few seconds later. The others are computed when asked.

Own views: put `.sql` files of the same form, header and all, into a folder and name it by the
setting `views`.
"""

_LAYERS = {
    "marts": "Each answers a question.",
    "staging": "What the others are made of: one dialect's spans and logs in common columns. They "
    "may change with a version.",
}


def markdown(views: Sequence[View]) -> str:
    """The page: the views by layer, each with its grain and a table of its columns."""
    parts = [_INTRODUCTION]
    for layer in dict.fromkeys(["marts", "staging", *(view.layer for view in views)]):
        chosen = sorted((view for view in views if view.layer == layer), key=lambda v: v.name)
        if chosen:
            parts.append(f"## {layer}\n\n{_LAYERS.get(layer, '')}".rstrip() + "\n")
            parts.append(_contents(chosen))
            parts += map(_section, chosen)
    return "\n".join(parts)


def _contents(views: Sequence[View]) -> str:
    rows = [f"| [`{view.name}`](#{view.name}) | {view.grain} |" for view in views]
    return "\n".join(["| view | one row is |", "|---|---|", *rows]) + "\n"


def _section(view: View) -> str:
    kept = " Kept." if view.is_kept else ""
    head = f"### {view.name}\n\n{view.text}\n\nGrain: {view.grain}{kept}\n"
    if view.columns_of:
        return f"{head}\nColumns: those of [`{view.columns_of}`](#{view.columns_of}).\n"
    rows = [
        f"| `{column.name}` | {_cell(column.type.partition('(')[0])} | {_cell(column.text)} |"
        for column in view.columns
    ]
    return "\n".join([head, "| column | type | what it is |", "|---|---|---|", *rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(markdown(catalog.builtin()), end="")
