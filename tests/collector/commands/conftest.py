"""A database of a few made runs, for commands that read it."""

from __future__ import annotations

import pytest

from spanscore.collector.config import Settings, load
from spanscore.collector.store.marts import Marts
from tests.support.harness_run import GOOD, LIMITED, Call, Run
from tests.support.stored import stored

FRUGAL, LAVISH = GOOD, Call(tokens=(900, 100))


def _runs() -> list[Run]:
    runs = []
    for number in range(4):
        task = f"task-{number}"
        runs.append(Run(f"a{number}", agent="a", task=task, verdict="success", calls=(FRUGAL,)))
        runs.append(
            Run(
                f"b{number}",
                agent="b",
                task=task,
                agent_s=60,
                verdict="success" if number in (1, 2) else "failure",
                calls=(LAVISH,) if number else (LIMITED,),
            )
        )
    return runs


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Agent a passed all of four tasks; agent b two, failed one, and was refused in another."""
    folder = tmp_path_factory.mktemp("made")
    with stored(folder) as store:
        store.put(*(request for run in _runs() for request in run.requests()))
        marts = Marts(store.connection)
        marts.prepare()
        marts.refresh_all()
    return load(db=folder / "s.duckdb")
