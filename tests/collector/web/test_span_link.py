"""A shortened attribute's link leads from a span's ids to the page of its run."""

from __future__ import annotations

from pathlib import Path

from tests.support.pages import pages_of
from tests.support.telemetry import SPAN, TRACE, span, traces_request


async def test_a_spans_ids_lead_to_its_run_and_unknown_ones_say_so(tmp_path: Path) -> None:
    request = traces_request(span(), resource={"spanscore.run.id": "run 1"})
    async with pages_of(tmp_path, [request]) as client:
        found = await client.get(
            "/runs/by-span", params={"trace": TRACE, "span": SPAN}, allow_redirects=False
        )
        assert found.status == 302
        assert found.headers["Location"] == f"/runs/run%201#span={TRACE}/{SPAN}"
        gone = await client.get("/runs/by-span", params={"trace": "ff", "span": "ff"})
        assert gone.status == 404
