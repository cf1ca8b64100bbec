"""One view: what its .sql file says, and the SELECT that it becomes.

A file holds one SELECT under a header of comments, and is named for the view (those of `staging/`
as `stg_` and the name). The header is checked, so that every view tells its grain and every column
what it is:

    -- What the view answers, in a sentence.
    -- Grain: a run.
    -- Kept: by run
    -- run_id: VARCHAR: the run

A line that is indented goes on with the one before.
`Kept: by run` says that a row depends on nothing but what its own run sent, so that the store can
keep the rows of a run until something new comes for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

_FILE_NAME = re.compile(r"([a-z_][a-z0-9_]*)\.sql")
_HEADER = re.compile(r"(?:--[^\n]*\n)+")
_GOES_ON = "--  "
_GRAIN = "Grain: "
_KEPT = "Kept: by run"
_COLUMN = re.compile(r"(\w+): ([A-Z][^:]*): (\S.*)")
_COLUMNS_OF = re.compile(r"Columns: those of (\w+)")
_SOURCE = re.compile(r"\b(FROM|JOIN)(\s+)([A-Za-z_]\w*)\b(?!\s*\()", re.IGNORECASE)


class CatalogError(Exception):
    """A view cannot be made; the message names the file and the fix."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a view: its name, its DuckDB type and what it says."""

    name: str
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class View:
    """A view: what it answers, its grain and columns, and its SELECT in DuckDB's dialect."""

    name: str
    layer: str
    """`staging`, `marts`, or the name of a user's folder."""
    text: str
    grain: str
    is_kept: bool
    """Whether the store keeps its rows, run by run."""
    columns: tuple[Column, ...]
    columns_of: str | None
    """The view whose columns it has, when its header names one instead of listing them."""
    select: str

    @property
    def sources(self) -> frozenset[str]:
        """The names it reads from, its own WITH names among them."""
        return frozenset(match[3] for match in _SOURCE.finditer(self.select))

    def reading_from(self, names: Mapping[str, str]) -> str:
        """The SELECT, reading from `names[source]` wherever it reads from a source in `names`."""
        return reading_from(self.select, names)


def reading_from(select: str, names: Mapping[str, str]) -> str:
    """A SELECT that reads from `names[source]` wherever it read from a source in `names`."""
    return _SOURCE.sub(lambda match: match[1] + match[2] + names.get(match[3], match[3]), select)


class SqlFile(Protocol):
    """What files on disk and files inside a package have in common."""

    @property
    def name(self) -> str: ...

    def read_text(self, encoding: str) -> str: ...


def parse(file: SqlFile, layer: str) -> View:
    """The view of a .sql file; raises CatalogError naming the file and what its header lacks."""
    where = f"{layer}/{file.name}"
    named = _FILE_NAME.fullmatch(file.name)
    if not named:
        raise CatalogError(f"{where}: name it in lower-case letters, digits and _")
    text = file.read_text("utf-8")
    header = _HEADER.match(text)
    lines = _unfolded(header[0].splitlines()) if header else []
    grains = [index for index, line in enumerate(lines) if line.startswith(_GRAIN)]
    if not header or len(grains) != 1 or grains == [0] or grains[0] + 1 == len(lines):
        raise CatalogError(
            f"{where}: begin with what it answers, then `-- Grain: ...`, then a line "
            "`-- column: TYPE: what it is` for each column"
        )
    is_kept = lines[grains[0] + 1] == _KEPT
    columns, columns_of = _columns(lines[grains[0] + 1 + is_kept :], where)
    return View(
        name=f"stg_{named[1]}" if layer == "staging" else named[1],
        layer=layer,
        text=" ".join(lines[: grains[0]]),
        grain=lines[grains[0]].removeprefix(_GRAIN),
        is_kept=is_kept,
        columns=columns,
        columns_of=columns_of,
        select=text[header.end() :].strip().rstrip(";"),
    )


def _unfolded(comments: list[str]) -> list[str]:
    """The texts of a header's lines; one that is indented goes on with the line before."""
    lines: list[str] = []
    for comment in comments:
        if comment.startswith(_GOES_ON) and lines:
            lines[-1] += f" {comment[2:].strip()}"
        else:
            lines.append(comment[2:].strip())
    return lines


def _columns(lines: list[str], where: str) -> tuple[tuple[Column, ...], str | None]:
    like = _COLUMNS_OF.fullmatch(lines[0]) if lines else None
    if like and len(lines) == 1:
        return (), like[1]
    columns = []
    for line in lines:
        match = _COLUMN.fullmatch(line)
        if not match:
            raise CatalogError(f"{where}: this is no `column: TYPE: what it is`: {line}")
        columns.append(Column(*match.groups()))
    if not columns:
        raise CatalogError(f"{where}: list its columns, `-- column: TYPE: what it is` each")
    return tuple(columns), None
