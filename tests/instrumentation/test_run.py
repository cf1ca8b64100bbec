"""A cell that cannot even be set up is an outcome, and what happened is on its spans."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanscore.instrumentation import adapters, run, tasks
from spanscore.instrumentation.cell import Cell, Terms
from spanscore.instrumentation.container.process import ProcessBackend
from spanscore.instrumentation.delivery import Collector
from spanscore.instrumentation.harness import Harness
from spanscore.instrumentation.proxy import Upstream


class FullDisk:
    """A workplace for which there is no room."""

    def __init__(self) -> None:
        raise OSError("no space left on the disk of workplaces")


def test_a_workplace_that_cannot_be_made_is_an_outcome_and_no_exception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "Workplace", FullDisk)
    cell = Cell(adapters.find("scripted"), "m", tasks.find("outcome-passes"))
    collector = Collector("http://127.0.0.1:9")
    with Harness(ProcessBackend(), collector, spool=tmp_path, tell=lambda _: None) as harness:
        outcome = run.run_cell(harness, cell, Terms(Upstream("http://127.0.0.1:9")))
    assert outcome.error == "no space left on the disk of workplaces"
    [spool] = tmp_path.glob("*.pb")
    assert b"spanscore.harness.error" in spool.read_bytes()
