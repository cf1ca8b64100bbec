"""What is wrong with a query, and where in its text."""

from __future__ import annotations

import re
from typing import Any, Literal

from rich.cells import cell_len

Kind = Literal["sql", "write", "forbidden", "timeout", "cancelled", "memory", "busy", "gone"]
FORBIDDEN_HINT = "Queries see only what the collector has stored: no files and no settings."
_POSITION = re.compile(r"\n+LINE (?P<line>\d+): (?P<text>[^\n]*)\n(?P<caret> *)\^*\s*\Z")
_LINE_END = re.compile(r"\r\n|\r|\n")
_CANDIDATES = re.compile(r"\n\tCandidate functions:\n(?P<list>(?:\t[^\n]*\n?)*)")
_MAX_CANDIDATES = 5
_MAX_WIDTH = 100


class QueryError(Exception):
    """A query that was refused, failed or was stopped.

    `kind`: sql (the text is wrong, or a value in it cannot be computed), write (it would change
    something), forbidden (it asks for files, settings or SQL given as text), timeout, cancelled,
    memory, busy, gone (the database's file was deleted or replaced).
    `line` and `column` count from 1, the column in characters; None where no position is known.
    `excerpt` is the line of SQL with a caret below the position. `hint` says what to do instead.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
        excerpt: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint
        self.excerpt = excerpt

    def __str__(self) -> str:
        """Everything a person needs, on as many lines as it takes."""
        lines = [self.message]
        if self.excerpt is not None:
            label = f"LINE {self.line}: "
            text, caret = self.excerpt.split("\n")
            lines += ["", label + text, " " * len(label) + caret]
        if self.hint is not None:
            lines += ["", f"Hint: {self.hint}"]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The members of the `error` object that the endpoint answers with."""
        return {
            "kind": self.kind,
            "message": self.message,
            "line": self.line,
            "column": self.column,
            "hint": self.hint,
            "excerpt": self.excerpt,
        }

    @classmethod
    def from_json(cls, members: dict[str, Any]) -> QueryError:
        """The same error again from the members of `as_json`."""
        return cls(
            members["kind"],
            members["message"],
            line=members.get("line"),
            column=members.get("column"),
            hint=members.get("hint"),
            excerpt=members.get("excerpt"),
        )


def error_after(kind: Kind, message: str, sql: str, before: str, hint: str) -> QueryError:
    """An error at what follows `before`, the beginning of `sql`."""
    lines = _LINE_END.split(before)
    return _error_at(kind, message, sql, len(lines), len(lines[-1]) + 1, hint)


def _error_at(
    kind: Kind, message: str, sql: str, line: int, column: int, hint: str | None = None
) -> QueryError:
    excerpt = _excerpt(_LINE_END.split(sql)[line - 1], column)
    return QueryError(kind, message, line=line, column=column, hint=hint, excerpt=excerpt)


def from_engine(kind: Kind, engine_message: str, sql: str, prefix: str = "") -> QueryError:
    """The engine's message about `prefix + sql` as a QueryError, with its position in `sql`.

    The engine ends a message with the line and a caret below: 'LINE 2: FROM t' and '     ^'.
    """
    message = _shorten_candidates(engine_message)
    found = _POSITION.search(message)
    lines = _LINE_END.split(prefix + sql)
    if found is None or int(found["line"]) > len(lines):
        return QueryError(kind, message.strip())
    line, shown = int(found["line"]), found["text"]
    index = _index_at(shown, len(found["caret"]) - len(f"LINE {line}: "))
    if shown not in lines[line - 1]:
        # Of a long line the engine shows a window between dots: find it in the true line.
        window = shown.removeprefix("...").removesuffix("...")
        index += lines[line - 1].find(window) - len(shown) + len(shown.removeprefix("..."))
    column = index + 1 - (len(prefix) if line == 1 else 0)
    return _error_at(kind, message[: found.start()].strip(), sql, line, max(column, 1))


def _index_at(text: str, cells: int) -> int:
    """The index of the first visible character after `cells` terminal cells.

    A CJK letter has two cells; a tab, an accent and other such characters have none to the engine.
    """
    index = 0
    while index < len(text) and (cells > 0 or cell_len(text[index]) == 0):
        cells -= cell_len(text[index])
        index += 1
    return index


def _excerpt(text: str, column: int) -> str:
    """A window of the line around the column, and below it the caret."""
    start = max(0, min(column - _MAX_WIDTH // 2, len(text) - _MAX_WIDTH))
    window = text[start : start + _MAX_WIDTH].replace("\t", " ")
    before = "..." if start else ""
    after = "..." if start + _MAX_WIDTH < len(text) else ""
    indent = cell_len(before + window[: column - 1 - start])
    return f"{before}{window}{after}\n{' ' * indent}^"


def _shorten_candidates(message: str) -> str:
    """`+` alone has over 40 candidate functions: the first few tell enough."""
    found = _CANDIDATES.search(message)
    if found is None:
        return message
    names = found["list"].splitlines()
    if len(names) <= _MAX_CANDIDATES:
        return message
    kept = [*names[:_MAX_CANDIDATES], f"\t(and {len(names) - _MAX_CANDIDATES} more)\n"]
    return message[: found.start("list")] + "\n".join(kept) + message[found.end("list") :]
