"""Which tokens of a Python file can be changed into which others, found by the syntax tree."""

from __future__ import annotations

import ast
import io
import tokenize
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

SWAPS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==",
    "+": "-", "-": "+", "*": "//", "//": "*", "%": "//", "<<": ">>", ">>": "<<", "&": "|", "|": "&",
    "+=": "-=", "-=": "+=", "*=": "//=",
    "and": "or", "or": "and", "True": "False", "False": "True",
    "min": "max", "max": "min", "any": "all", "all": "any",
    "break": "continue", "continue": "break",
}  # fmt: skip
"""A token and what it becomes; a whole number becomes the next one."""


@dataclass(frozen=True, slots=True, order=True)
class Mutation:
    """One token of a file, and what it becomes. Lines count from 1, columns from 0."""

    path: str
    line: int
    column: int
    token: str
    becomes: str

    def apply(self, source: str) -> str:
        """The source with the token changed. Raises ValueError if another token stands there."""
        lines = source.split("\n")
        text = lines[self.line - 1] if self.line <= len(lines) else ""
        before, rest = text[: self.column], text[self.column :]
        if not rest.startswith(self.token):
            raise ValueError(f"{self.path}:{self.line}: there is no {self.token!r}")
        lines[self.line - 1] = before + self.becomes + rest[len(self.token) :]
        return "\n".join(lines)


def mutations(path: str, source: str) -> list[Mutation]:
    """Every mutation of a Python file, in the order of its text; none if it does not parse.

    Lines end with a newline alone: a file with other line ends has none either.
    """
    if "\r" in source or "\f" in source:
        return []
    try:
        tree = ast.parse(source)
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (SyntaxError, ValueError, tokenize.TokenError):
        return []
    lines = source.split("\n")
    found = set[Mutation]()
    for node in ast.walk(tree):
        for start, end in _places(node):
            first, last = _characters(lines, start), _characters(lines, end)
            for token in _within(tokens, first, last):
                becomes = _becomes(node, token)
                if becomes is not None:
                    found.add(Mutation(path, *token.start, token.string, becomes))
                    break
    return sorted(found)


Place = tuple[int, int]


def _places(node: ast.AST) -> Iterator[tuple[Place, Place]]:
    """From where to where the token of a node is to be looked for (line, byte)."""
    match node:
        case ast.BinOp(left=left, right=right):
            yield _end(left), _start(right)
        case ast.Compare(left=left, comparators=others):
            operands = [left, *others]
            yield from zip(map(_end, operands), map(_start, others), strict=False)
        case ast.BoolOp(values=values):
            yield from zip(map(_end, values), map(_start, values[1:]), strict=False)
        case ast.AugAssign(target=target, value=value):
            yield _end(target), _start(value)
        case ast.Call(func=ast.Name() as name):
            yield _start(name), _end(name)
        case ast.Constant(value=int()) | ast.Break() | ast.Continue():
            yield _start(node), _end(node)


def _within(
    tokens: list[tokenize.TokenInfo], first: Place, last: Place
) -> Iterator[tokenize.TokenInfo]:
    begin = bisect_left(tokens, first, key=lambda token: token.start)
    return takewhile(lambda token: token.end <= last, islice(tokens, begin, None))


def _becomes(node: ast.AST, token: tokenize.TokenInfo) -> str | None:
    if isinstance(node, ast.Constant) and token.type == tokenize.NUMBER:
        return str(int(node.value) + 1) if isinstance(node.value, int) else None
    if token.type not in (tokenize.OP, tokenize.NAME):
        return None
    return SWAPS.get(token.string)


def _start(node: ast.expr | ast.stmt) -> Place:
    return node.lineno, node.col_offset


def _end(node: ast.expr | ast.stmt) -> Place:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _characters(lines: list[str], place: Place) -> Place:
    """A place with its column in characters: the syntax tree counts bytes."""
    line, column = place
    return line, len(lines[line - 1].encode()[:column].decode(errors="ignore"))
