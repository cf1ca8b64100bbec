"""docs/queries.md says what the files say."""

from __future__ import annotations

from pathlib import Path

from spanscore.queries import catalog, docs

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"


def test_the_page_is_current() -> None:
    said = PAGE.read_text(encoding="utf-8")
    assert said == docs.markdown(catalog.builtin()), (
        "make it anew: python -m spanscore.queries.docs > docs/queries.md"
    )


def test_every_view_and_column_is_on_the_page() -> None:
    page = docs.markdown(catalog.builtin())
    for view in catalog.builtin():
        assert f"### {view.name}\n" in page
        assert all(f"| `{column.name}` |" in page for column in view.columns)
