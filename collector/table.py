"""A query's result as a table that fits the terminal."""

from __future__ import annotations

import itertools
import re
from typing import TextIO

import pyarrow as pa
from pyarrow import types
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .plain import texts
from .store.query import QueryResult

SHOWN_ROWS = 50
_NARROWEST = 8
_PADDING = 3  # a border and a space on either side
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def print_table(result: QueryResult, stream: TextIO) -> None:
    """Print the first SHOWN_ROWS rows, in colour only on a terminal, and say what is left out.

    Columns narrow until they fit, long values end in …, and columns that would get too narrow are
    left out from the right. Control characters are shown, never sent: values come from outside.
    """
    # Neither markup nor highlighting: a value may look like either.
    console = Console(file=stream, markup=False, highlight=False, emoji=False)
    columns = _shown(result)
    names = [visible(name) for name in result.schema.names]
    widths = _fit(
        [
            max(map(cell_len, [name, *("NULL" if cell is None else cell for cell in column)]))
            for name, column in zip(names, columns, strict=True)
        ],
        console.width - 1,
    )
    table = Table(box=box.ROUNDED if console.is_terminal else box.ASCII2, header_style="bold")
    for name, width, field in zip(names, widths, result.schema, strict=False):
        table.add_column(
            Text(name),
            width=width,
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if _is_number(field.type) else "left",
        )
    for row in zip(*columns[: len(widths)], strict=True):
        table.add_row(*map(_cell, row))
    console.print(table)
    console.print(_summary(result, len(widths)), style="dim")


def _shown(result: QueryResult) -> list[list[str | None]]:
    """The cells of the first rows, column by column."""
    head = pa.Table.from_batches(result.batches, result.schema).slice(0, SHOWN_ROWS)
    return [
        [
            None if text is None else visible(text)
            for text in itertools.chain.from_iterable(map(texts, column.chunks))
        ]
        for column in head.columns
    ]


def visible(text: str) -> str:
    """Control characters and those that turn the direction of writing, as escapes."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def _fit(widths: list[int], room: int) -> list[int]:
    """The widths of as many columns as fit: the widest are narrowed first, then the last go."""
    while widths:
        space = room - _PADDING * len(widths)
        for limit in sorted({_NARROWEST, *widths, space // len(widths)}, reverse=True):
            narrowed = [min(width, limit) for width in widths]
            if limit >= _NARROWEST and sum(narrowed) <= space:
                return _widened(narrowed, widths, space)
        if len(widths) == 1:
            return [max(space, 1)]
        widths = widths[:-1]
    return []


def _widened(narrowed: list[int], widths: list[int], space: int) -> list[int]:
    """Give what is left to the columns that were narrowed, from the left."""
    left = space - sum(narrowed)
    result = []
    for width, wanted in zip(narrowed, widths, strict=True):
        more = min(left, wanted - width)
        left -= more
        result.append(width + more)
    return result


def _is_number(kind: pa.DataType) -> bool:
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _cell(text: str | None) -> Text:
    return Text("NULL", style="dim") if text is None else Text(text)


def _summary(result: QueryResult, shown_columns: int) -> str:
    rows, columns = result.rows, len(result.schema)
    parts = [f"{rows:,} row{'' if rows == 1 else 's'}"]
    if rows > SHOWN_ROWS:
        parts.append(f"the first {SHOWN_ROWS} rows shown")
    if columns > shown_columns:
        parts.append(f"the first {shown_columns} of {columns} columns shown")
    if len(parts) > 1:
        parts.append("--format csv or json gives all")
    return "; ".join(parts)
