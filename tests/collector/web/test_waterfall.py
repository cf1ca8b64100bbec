"""The waterfall's rows, retries and texts, and what the browser asks for of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spanscore.collector.store.marts import Marts
from spanscore.collector.web import run_span, waterfall_spans
from spanscore.collector.web.run_span import read_span
from spanscore.collector.web.waterfall import (
    IS_AGENTS,
    IS_ERROR,
    IS_OPEN,
    IS_ORPHAN,
    KINDS,
    Waterfall,
    read_waterfall,
)
from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Role
from tests.support.harness_run import GOOD, LIMITED, Call, Run
from tests.support.pages import pages_of
from tests.support.stored import Stored, stored
from tests.support.telemetry import span, traces_request

RETRIED = Run(
    "retried",
    calls=(GOOD, Call(429, tokens=None, finish=None, call="1"), Call(call="1", gap_s=2.0)),
    tools=1,
)


def computed(store: Stored) -> None:
    marts = Marts(store.connection)
    marts.prepare()
    marts.refresh_all()


def waterfall(store: Stored, run_id: str) -> Waterfall:
    computed(store)
    found = read_waterfall(store.connection, run_id)
    assert found is not None
    return found


def columns(made: Waterfall) -> dict[str, Any]:
    """The numbers as the browser reads them."""
    found, at = {}, 0
    types = {"start": "<f8", "duration": "<f4", "parent": "<i4", "depth": "u1", "code": "u1"}
    for name, kind in types.items():
        size = np.dtype(kind).itemsize * made.about["rows"]
        found[name] = np.frombuffer(made.shape[at : at + size], kind)
        at += size
    assert at == len(made.shape)
    return found


def named(made: Waterfall) -> dict[str, int]:
    return {text[3]: row for row, text in enumerate(made.window(0, 500))}


def kind(code: int) -> str:
    return KINDS[code & 15]


def test_rows_have_their_place_time_depth_and_kind(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.put(*RETRIED.requests())
        made = waterfall(store, "retried")
    rows, numbers = named(made), columns(made)
    assert made.about["rows"] == made.about["spans"] == 11
    assert made.about["total_ms"] == 26_000
    assert numbers["start"][rows["call 0"]] == 3_000
    assert numbers["duration"][rows["call 0"]] == 1_000
    assert numbers["parent"][rows["call 0"]] == rows["container"]
    assert numbers["depth"][rows["call 0"]] == 3
    kinds = {name: kind(numbers["code"][row]) for name, row in rows.items()}
    assert kinds["cell_run"] == "run"
    assert kinds["call 0"] == "model"
    assert kinds["tool 0"] == "tool"
    assert kinds["verify"] == "verify"


def test_what_passed_before_a_retry_is_drawn_on_the_retry(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.put(*RETRIED.requests())
        made = waterfall(store, "retried")
    rows, texts = named(made), {text[3]: text[4] for text in made.window(0, 500)}
    assert made.about["waits"] == [[rows["call 2"], 5_000.0, 2_000.0]]
    assert columns(made)["code"][rows["call 1"]] & IS_ERROR
    assert "429" in texts["call 1"]
    assert texts["call 2"] == "model · 100 in, 10 out · retry 1"
    assert texts["tool 0"] == "edit · derived"


def test_phases_that_have_not_ended_last_until_now(tmp_path: Path) -> None:
    run = Run("live", start_s=time.time() - 1_790_000_000 - 20)
    with stored(tmp_path) as store:
        starts = run.starts(Role.CELL_RUN, Role.ADAPTER_RUN, received_ns=time.time_ns())
        store.put(starts)
        made = waterfall(store, "live")
        begun = read_span(
            store.connection, run.trace.hex(), run.span_id(Role.CELL_RUN), "", whole=False
        )
    rows, numbers = named(made), columns(made)
    assert list(rows) == ["cell_run", "adapter_run"]
    assert numbers["parent"][rows["adapter_run"]] == rows["cell_run"]
    assert all(code & IS_OPEN for code in numbers["code"])
    assert 19_000 < numbers["duration"][rows["cell_run"]] < 200_000
    assert begun is not None
    assert begun["name"] == "cell_run"
    assert "duration_ns" not in begun


def test_an_agent_cannot_take_the_place_of_the_harness_span(tmp_path: Path) -> None:
    run = Run("forged")
    container = run.span_id(Role.CONTAINER)
    forged = span(trace=run.trace.hex(), span_id=container, name="forged", end_ns=1_790_000_001)
    with stored(tmp_path) as store:
        store.put(traces_request(forged, origin="agent", resource=run.resource))
        store.put(*run.requests())
        made = waterfall(store, "forged")
    rows, numbers = named(made), columns(made)
    assert numbers["parent"][rows["call 0"]] == rows["container"]
    assert numbers["code"][rows["forged"]] & IS_AGENTS
    assert made.row_of(run.trace.hex(), container) == rows["container"]
    assert made.row_of(run.trace.hex(), "0" * 16) is None


def test_a_span_whose_parent_never_came_is_marked(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.put(traces_request(span(parent="ff" * 8), resource={c.RUN_ID: "orphan"}))
        made = waterfall(store, "orphan")
    assert columns(made)["code"][0] & IS_ORPHAN


def test_of_a_run_that_is_too_large_what_says_most_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waterfall_spans, "MAX_ROWS", 10)
    run = Run("large")
    others = [
        span(trace=run.trace.hex(), span_id=f"{n:016x}", parent=run.span_id(Role.CONTAINER))
        for n in range(1, 30)
    ]
    with stored(tmp_path) as store:
        store.put(traces_request(*others, resource=run.resource), *run.requests())
        made = waterfall(store, "large")
    assert (made.about["rows"], made.about["spans"]) == (10, 39)
    assert {"cell_run", "verify", "call 0"} <= named(made).keys()


def test_a_window_has_a_bound(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.put(*RETRIED.requests())
        made = waterfall(store, "retried")
    assert len(made.window(0, 10**9)) == 11
    assert made.window(9, 3) == made.window(99, 100) == []
    assert len(made.window(-5, 2)) == 2


async def test_the_browser_gets_numbers_then_texts_of_the_same_version(tmp_path: Path) -> None:
    async with pages_of(tmp_path, RETRIED.requests()) as client:
        packed = await (await client.get("/api/runs/retried/waterfall")).read()
        length = int.from_bytes(packed[:8], "little")
        about = json.loads(packed[8 : 8 + length])
        assert len(packed) == 8 + length + 18 * about["rows"]
        query = {"version": about["version"], "from": "2", "to": "4"}
        texts = await (await client.get("/api/runs/retried/waterfall/texts", params=query)).json()
        assert len(texts) == 2
        query["version"] = "1"
        response = await client.get("/api/runs/retried/waterfall/texts", params=query)
        assert response.status == 409
        query["from"] = "x"
        query["version"] = about["version"]
        response = await client.get("/api/runs/retried/waterfall/texts", params=query)
        assert response.status == 400
        where = {"trace": texts[0][0], "span": texts[0][1]}
        response = await client.get("/api/runs/retried/waterfall/row", params=where)
        assert await response.json() == {"row": 2}
        found = await (await client.get("/api/runs/retried/span", params=where)).json()
        assert found["span_id"] == texts[0][1]
        assert (await client.get("/api/runs/retried/span")).status == 404


def test_a_span_is_told_whole_with_types_and_long_values_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_span, "CUT_CHARACTERS", 10)
    sent = span(text="x" * 50, number=9_007_199_254_740_993, yes=True)
    sent.events.add(name="happened", time_unix_nano=sent.start_time_unix_nano + 5)
    sent.links.add(trace_id=b"\1" * 16, span_id=b"\2" * 8)
    with stored(tmp_path) as store:
        store.put(traces_request(sent))
        given = (store.connection, sent.trace_id.hex(), sent.span_id.hex(), "open")
        cut, whole = read_span(*given, whole=False), read_span(*given, whole=True)
    assert cut is not None
    assert whole is not None
    attributes = {name: (value, kind) for name, value, kind in whole["attributes"]}
    assert attributes["text"] == ("x" * 50, "string")
    assert attributes["number"] == ("9007199254740993", "int")
    assert attributes["yes"] == ("true", "boolean")
    assert {row[0]: row[1] for row in cut["attributes"]}["text"].startswith("x" * 10 + "…")
    assert whole["start_ns"] == str(sent.start_time_unix_nano)
    assert whole["events"][0]["name"] == "happened"
    assert whole["links"][0]["span_id"] == "02" * 8


def test_limited_calls_without_an_end_have_no_wait(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.put(*Run("limited", calls=(LIMITED, LIMITED)).requests())
        assert waterfall(store, "limited").about["waits"] == []
