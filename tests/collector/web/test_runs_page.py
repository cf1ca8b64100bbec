"""`/runs` lists the runs, and its URL filters them."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from spanscore.instrumentation.conventions import Role
from tests.support.harness_run import LIMITED, Run
from tests.support.pages import pages_of


def _requests() -> list:  # type: ignore[type-arg]
    runs = [
        Run("good", verdict="success"),
        Run("bad", agent="other", start_s=60),
        Run("limited", calls=(LIMITED, LIMITED), changes={}, tools=0, start_s=120),
    ]
    live = Run("live", start_s=-60)
    found = [request for run in runs for request in run.requests()]
    found.append(live.starts(Role.CELL_RUN, received_ns=time.time_ns()))
    return found


async def test_runs_at_work_come_first_then_the_newest(tmp_path: Path) -> None:
    async with pages_of(tmp_path, _requests()) as client:
        text = await (await client.get("/runs")).text()
    assert re.findall(r'href="/runs/(\w+)"', text) == ["live", "limited", "bad", "good"]
    assert re.findall(r'class="mark (\w+)"', text) == ["running", "spoiled", "fail", "pass"]
    assert "provider_rate_limited" in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("agent=other", ["bad"]),
        ("outcome=pass", ["good"]),
        ("status=running", ["live"]),
        ("agent=agent&failure_class=provider_rate_limited", ["limited"]),
        ("agent=' OR true --", []),
    ],
)
async def test_the_url_filters(tmp_path: Path, query: str, found: list[str]) -> None:
    async with pages_of(tmp_path, _requests()) as client:
        text = await (await client.get(f"/runs?{query}")).text()
    assert re.findall(r'href="/runs/(\w+)"', text) == found


async def test_an_empty_store_says_how_to_begin(tmp_path: Path) -> None:
    async with pages_of(tmp_path) as client:
        response = await client.get("/")
        assert response.url.path == "/runs"
        assert "spanscore run" in await response.text()
