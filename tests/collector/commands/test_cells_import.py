"""`spanscore import cells` says how many records became runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanscore.collector.commands.cells_import import import_published_cells
from spanscore.collector.config import load

FILE = Path(__file__).parents[2] / "queries/data/published-cells.json"


def test_it_says_how_many_cells_and_spans_went_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_published_cells(load(db=tmp_path / "s.duckdb"), FILE)
    assert capsys.readouterr().out == "33 cells went in as runs of evidence grade D, 124 spans\n"
