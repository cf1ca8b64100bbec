"""The signal of a request that was posted without a path."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanscore.collector.receiver.origin import mint
from spanscore.collector.receiver.recognise import recognise
from spanscore.collector.receiver.status import Kind, Refusal
from spanscore.collector.signals import Signal
from tests.support.doors import JSON, JSON_BODIES, KEY, Doors
from tests.support.otlp_messages import requests
from tests.support.telemetry import span, traces_request

CODEX = Path(__file__).parent / "data" / "codex-root-path"
# What a base URL without paths made Codex post to /, in order.
CODEX_SIGNALS = {
    "other-1.pb": Signal.LOGS,
    "other-2.pb": Signal.TRACES,
    "other-3.pb": Signal.TRACES,
    "other-4.pb": Signal.METRICS,
    "other-5.pb": Signal.LOGS,
}
every_signal = pytest.mark.parametrize("signal", Signal)


@pytest.mark.parametrize("name", CODEX_SIGNALS)
async def test_what_codex_posts_to_its_base_url_is_stored_as_the_right_signal(
    doors: Doors, name: str
) -> None:
    body = (CODEX / name).read_bytes()
    for path in ("/", f"/o/{mint(KEY, 'agent', 'run')}", f"/o/{mint(KEY, 'agent', 'run')}/"):
        assert (await doors.post(path, body)).status == 200
    stored = [(request.signal, request.body) for request in doors.stored()]
    assert stored == [(CODEX_SIGNALS[name], body)] * 3


@every_signal
async def test_json_posted_to_a_base_url_names_its_signal(doors: Doors, signal: Signal) -> None:
    assert (await doors.post("/", JSON_BODIES[signal], JSON)).status == 200
    assert [request.signal for request in doors.stored()] == [signal]


async def test_a_large_request_without_a_path_is_recognised_too(doors: Doors) -> None:
    body = traces_request(*[span(text="x" * 1000)] * 3000).body
    assert (await doors.post("/", body)).status == 200
    assert [request.signal for request in doors.stored()] == [Signal.TRACES]


def test_one_record_that_shows_its_signal_is_enough() -> None:
    body = traces_request(span(span_id=""), span(start_ns=0), span()).body
    assert recognise(body, json=False) is Signal.TRACES


@pytest.mark.parametrize(
    ("body", "json"),
    [
        (b"", False),
        (b"\x78\x01", False),
        (b"\x0a\x00", False),
        (traces_request(span(start_ns=0)).body, False),
        (b"random bytes", False),
        (b"", True),
        (b"{}", True),
        (b"[]", True),
        (b'{"resourceSpans": [], "resourceLogs": []}', True),
        (b'{"resource_spans": []}', True),
    ],
)
def test_what_does_not_tell_its_signal_is_refused_with_the_right_paths(
    body: bytes, json: bool
) -> None:
    with pytest.raises(Refusal, match="/v1/traces, /v1/logs, /v1/metrics") as refused:
        recognise(body, json=json)
    assert refused.value.kind is Kind.UNDECODABLE


@given(data=st.data())
@every_signal
def test_a_request_is_never_taken_for_another_signal(signal: Signal, data: Any) -> None:
    body = data.draw(requests(signal)).SerializeToString()
    with suppress(Refusal):
        assert recognise(body, json=False) is signal
