"""Tokens reach the collector by the lines that it prints: its own, and ingest tokens in a path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spanscore.collector.agent_lines import setup
from spanscore.collector.keys import ingest_key
from spanscore.collector.receiver.origin import mint
from tests.support.running_collector import RunningCollector

from .trial import VIEWS, Bench

pytestmark = pytest.mark.agents


def test_a_collector_with_a_token_takes_what_is_sent_by_its_lines_and_nothing_else(
    tmp_path: Path,
) -> None:
    with RunningCollector(tmp_path, token="a-token-of-this-collector") as guarded:
        bench = Bench(guarded, tmp_path)
        for agent in ("claude-code", "codex"):
            let_in = bench.run(agent)
            assert all(let_in.counts().values()), agent
            without = replace(guarded.endpoints, token=None)
            kept_out = bench.run(agent, configured=setup(without, agent))
            assert (kept_out.run.exit_code, kept_out.run.fixed) == (0, True), agent
            assert not any(kept_out.counts().values()), agent


@pytest.mark.parametrize("agent", ["claude-code", "codex", "gemini-cli"], ids=lambda agent: agent)
def test_an_ingest_token_in_the_path_marks_all_that_an_agent_sends(
    bench: Bench, agent: str
) -> None:
    token = mint(ingest_key(bench.collector.db), "agent", "run-1")
    url = f"{bench.collector.endpoints.http}/o/{token}"
    stamped = replace(bench.collector.endpoints, http=url)
    trial = bench.run(agent, configured=setup(stamped, agent))
    assert trial.found("origin") == {(view, "agent") for view in VIEWS}
