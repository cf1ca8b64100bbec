"""Which paths of a workspace are meant: patterns as in .gitignore, and what is never meant."""

from __future__ import annotations

from collections.abc import Iterable

from pathspec import GitIgnoreSpec

CACHES = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"})
"""Folders that running or testing a program leaves behind: no change of its, never copied."""


class PatternError(Exception):
    """A pattern that is none; the message names it."""


def compile_patterns(patterns: Iterable[str]) -> GitIgnoreSpec:
    """What `match_file(path)` asks; of several patterns that fit, the last one decides."""
    given = tuple(patterns)
    for pattern in given:
        try:
            GitIgnoreSpec.from_lines([pattern])
        except ValueError as error:
            raise PatternError(f"{pattern!r} is no pattern as in .gitignore: {error}") from error
    return GitIgnoreSpec.from_lines(given)
