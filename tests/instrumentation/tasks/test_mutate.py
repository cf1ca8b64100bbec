"""A mutation changes one token, at a place that the syntax tree names, and nothing else."""

from __future__ import annotations

import ast
import inspect
import io
import textwrap
import tokenize

import pytest

from spanscore.instrumentation.tasks.mutations import mutate
from spanscore.instrumentation.tasks.mutations.mutate import Mutation, mutations

SOURCE = textwrap.dedent('''\
    """1 + 1 < 3 in a text is no code"""
    é = "é" * (2); z = (é) and (z <  # < in a comment
        3)
    if not x or y[a - 1:] is True: z += min(0x1F, 2.5, "min")
    for q in z:
        break
    ''')


def texts(source: str) -> list[str]:
    return [token.string for token in tokenize.generate_tokens(io.StringIO(source).readline)]


@pytest.mark.parametrize("source", [SOURCE, inspect.getsource(mutate)])
def test_every_mutation_changes_exactly_one_token_and_still_parses(source: str) -> None:
    before = texts(source)
    found = mutations("a.py", source)
    assert found
    for mutation in found:
        changed = mutation.apply(source)
        ast.parse(changed)
        after = texts(changed)
        assert len(after) == len(before)
        [(was, now)] = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
        assert (was, now) == (mutation.token, mutation.becomes)


def test_what_is_changed_is_code_and_no_text_or_comment() -> None:
    found = [(m.line, m.token, m.becomes) for m in mutations("a.py", SOURCE)]
    assert found == [
        (2, "*", "//"),
        (2, "2", "3"),
        (2, "and", "or"),
        (2, "<", "<="),
        (3, "3", "4"),
        (4, "or", "and"),
        (4, "-", "+"),
        (4, "1", "2"),
        (4, "True", "False"),
        (4, "+=", "-="),
        (4, "min", "max"),
        (4, "0x1F", "32"),
        (6, "break", "continue"),
    ]


@pytest.mark.parametrize("source", ["def", "a = 1\r\nb = 2\r\n", "\0", "if a:\n  b\n c"])
def test_a_file_that_is_no_python_or_has_other_line_ends_has_none(source: str) -> None:
    assert mutations("a.py", source) == []


def test_a_mutation_of_another_file_is_refused() -> None:
    mutation = Mutation("a.py", 1, 0, "+", "-")
    for source in ("", "a + b"):
        with pytest.raises(ValueError, match=r"a\.py:1: there is no '\+'"):
            mutation.apply(source)
