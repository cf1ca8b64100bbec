"""A store of made runs and captured sessions, and its bundle."""

from __future__ import annotations

import pytest

from spanscore.collector.config import Settings, load
from tests.support.harness_run import LIMITED, Call, Run
from tests.support.sessions import session_requests
from tests.support.stored import stored


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two agents on three tasks, and two sessions of bare agents."""
    folder = tmp_path_factory.mktemp("to-export")
    with stored(folder) as store:
        for number in range(3):
            task = f"task-{number}"
            calls = (Call(tokens=(900, 100)),) if number else (LIMITED,)
            store.put(
                *Run(f"a{number}", agent="a", task=task, verdict="success").requests(),
                *Run(f"b{number}", agent="b", task=task, agent_s=60, calls=calls).requests(),
            )
        for session in ("claude-code/ok-json", "codex/ok"):
            store.put(*session_requests(session))
    return load(db=folder / "s.duckdb")
