"""The ledger's own faults stop nothing and lose no refusal."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spanscore.collector.forward import ledger as module
from spanscore.collector.forward.ledger import Ledger, LedgerError, Rejection, Status
from spanscore.collector.forward.progress import Progress

REFUSED = Rejection(1, "to", "http://a", "traces", 1, None, None, "first", "400", "never")


def test_what_cannot_be_written_does_not_spoil_what_comes_after(tmp_path: Path) -> None:
    nothing: Any = None
    with Ledger(tmp_path / "ledger") as ledger:
        with pytest.raises(LedgerError, match="NOT NULL"):
            ledger.reject([REFUSED, replace(REFUSED, reason=nothing)])
        assert ledger.rejections(10) == []
        ledger.reject([REFUSED])
        assert len(ledger.rejections(10)) == 1


async def test_a_ledger_that_another_process_locks_is_read_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "ledger"
    with Ledger(path) as ledger:
        progress = Progress(Status("to"), ledger, asyncio.Lock())
        async with asyncio.timeout(60):
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                refusing = asyncio.create_task(progress.refused([REFUSED]))
                while not progress.status.last_error:
                    await asyncio.sleep(0.01)
                assert "database is locked" in progress.status.last_error
                with Ledger(path) as reader:
                    assert reader.rejections(10) == []
            await refusing
        assert len(ledger.rejections(10)) == 1
        assert progress.status.refused_records == 1
