"""The words of the scores are the same in SQL, in the conventions and in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

from spanscore.instrumentation import conventions
from spanscore.queries.catalog import builtin

ROOT = Path(__file__).parents[2]
SCORES = (ROOT / "docs/scores.md").read_text()
CLASS = re.compile(r"^        \d+, '([a-z_]+)', '([a-z]+)'", re.MULTILINE)
ATTRIBUTE = re.compile(r"'(spanscore\.[a-z_.]+)'")


def test_every_spanscore_attribute_in_the_views_is_one_of_the_conventions() -> None:
    known = {value for value in vars(conventions).values() if isinstance(value, str)}
    used = {found for view in builtin() for found in ATTRIBUTE.findall(view.select)}
    assert len(used) > 30
    assert used - known == set()


def test_every_failure_class_is_documented_with_its_culprit_in_the_order_of_the_view() -> None:
    [view] = [view for view in builtin() if view.name == "failure_classes"]
    classes = CLASS.findall(view.select)
    assert len(classes) == 30
    table = re.findall(r"^\| `([a-z_]+)` \| (see below|[a-z]+) \|", SCORES, re.MULTILINE)
    documented = [row for row in table if row[0] in dict(classes)]
    assert [name for name, _ in documented] == [name for name, _ in classes]
    assert dict(documented) == dict(classes) | {"timed_out": "see below"}


def test_every_view_and_column_that_the_documentation_of_scores_names_exists() -> None:
    columns = {column.name for view in builtin() for column in view.columns}
    names = columns | {view.name for view in builtin()}
    for column in re.findall(r"^\| `(\w+)` \| (?:1|the|unexpected|all)", SCORES, re.MULTILINE):
        assert column in names
    for column in ("composite_published", "composite", "composite_high", "coverage", "left_out"):
        assert f"`{column}`" in SCORES
        assert column in names
