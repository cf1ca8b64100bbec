"""A recorded session plays back without an endpoint; what differs is told, never a crash."""

from __future__ import annotations

import contextlib
import http.client
import json
import resource
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.proxy import RecordingError
from spanscore.instrumentation.proxy.masking import Mask
from spanscore.instrumentation.proxy.recording import Exchange, Recorder, read_recording
from tests.support.model_server import FIX_STEPS, Fault, ModelServer, Script
from tests.support.proxied import CHAT, Proxied, chat, proxied
from tests.support.raw_endpoint import RawEndpoint, chunked, whole

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"\xc3\xa9"},"finish_reason":null}]}\n\n'
FIRST, SECOND = chat({"role": "user", "content": "1"}), chat({"role": "user", "content": "2"})


def _session(run: Proxied) -> list[tuple[int, bytes]]:
    """What a small session is answered: a retry, a stream, a side question."""
    asked = [(CHAT, FIRST), (CHAT, FIRST), (CHAT, SECOND | {"stream": True}), ("/v1/models", {})]
    answers = [run.open(path, body) for path, body in asked]
    return [(answer.status, answer.read()) for answer in answers]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """The recording of a session against the scripted model, and what it was answered."""
    path = tmp_path / "session.rec"
    script = Script(FIX_STEPS, Fault(429, times=1))
    with ModelServer(script) as model, proxied(model.url, record=path) as run:
        said = _session(run)
        run.close()
        path.with_suffix(".said").write_text(repr(said))
        path.with_suffix(".calls").write_text(repr(_comparable(run)))
    return path


def _comparable(run: Proxied) -> list[dict[str, Any]]:
    """What must be the same when a session is played back."""
    left_out = {c.CALL_ID, c.FIRST_CHUNK_S, c.CALL_REPLAYED, c.SERVER_ADDRESS}
    return [{k: v for k, v in call.items() if k not in left_out} for call in run.calls]


@pytest.mark.parametrize("timing", ["recorded", "none"])
def test_a_session_repeats_byte_for_byte_without_an_endpoint(recording: Path, timing: str) -> None:
    with proxied(None, replay=recording, replay_timing=timing) as run:
        assert repr(_session(run)) == recording.with_suffix(".said").read_text()
        traffic = run.close()
        assert (traffic.divergences, traffic.recording_error) == (0, None)
        assert repr(_comparable(run)) == recording.with_suffix(".calls").read_text()
        assert {call[c.CALL_REPLAYED] for call in run.calls} == {True}
        assert not [span for span in run.all_spans if span.events]


def test_another_request_gets_the_next_answer_and_its_divergence_is_told(recording: Path) -> None:
    other = chat({"role": "user", "content": "another"})
    with proxied(None, replay=recording, replay_timing="none") as run:
        assert run.open(CHAT, FIRST).status == 429
        assert run.open(CHAT, other).status == 200
        run.post(CHAT, SECOND | {"stream": True})
        traffic = run.close()
        assert traffic.divergences == 2  # and /v1/models was never asked for
        [event] = [event for span in run.all_spans for event in span.events]
        assert event.name == c.REPLAY_DIVERGENCE_EVENT
        attributes = dict(event.attributes or {})
        assert "number 2" in str(attributes[c.REPLAY_REASON])
        assert attributes[c.REPLAY_RECORDED_HASH] == run.calls[0][c.REQUEST_HASH]


def test_a_request_beyond_the_recording_is_refused_and_told(recording: Path) -> None:
    with proxied(None, replay=recording, replay_timing="none") as run:
        _session(run)
        response = run.open(CHAT, FIRST)
        assert (response.status, json.loads(response.read())["error"]["code"]) == (
            400,
            "replay_exhausted",
        )
        assert run.close().divergences == 1
        assert run.calls[-1][c.ERROR_TYPE] == "replay_exhausted"


def test_what_is_no_model_call_may_be_asked_for_once_more_often(recording: Path) -> None:
    with proxied(None, replay=recording, replay_timing="none") as run:
        _session(run)
        assert run.open("/v1/models", {}).status == 404
        assert run.close().divergences == 0


def test_conversations_in_another_order_find_their_own_answers(recording: Path) -> None:
    with proxied(None, replay=recording, replay_timing="none") as run:
        assert b"data: " in run.post(CHAT, SECOND | {"stream": True})
        assert run.open(CHAT, FIRST).status == 429
        assert run.open(CHAT, FIRST).status == 200
        run.post("/v1/models", {})
        assert run.close().divergences == 0


def test_the_recorded_timing_is_kept_or_left_out(tmp_path: Path) -> None:
    reply = chunked(0.2, EVENT, 0.2, b"data: [DONE]\n\n")
    with RawEndpoint([reply]) as endpoint, proxied(endpoint.url, record=tmp_path / "r") as run:
        run.post(CHAT, FIRST)
    took_s = {}
    for timing in ("recorded", "none"):
        with proxied(None, replay=tmp_path / "r", replay_timing=timing) as run:
            start_s = time.monotonic()
            response = run.open(CHAT, FIRST)
            assert response.read1() == EVENT or timing == "none"
            response.read()
            took_s[timing] = time.monotonic() - start_s
    assert took_s["recorded"] > 0.38
    assert took_s["none"] < 0.3


def test_a_break_in_the_middle_is_played_back_as_a_break(tmp_path: Path) -> None:
    cut = chunked(EVENT, 0.02, ends=False, close=True)
    with RawEndpoint([cut]) as endpoint, proxied(endpoint.url, record=tmp_path / "r") as run:
        _ignore(run)
    with proxied(None, replay=tmp_path / "r", replay_timing="none") as run:
        _ignore(run)
        run.close()
        assert run.calls[0][c.ERROR_TYPE] == "connection_cut"


def test_an_endpoint_that_could_not_be_reached_is_played_back_as_such(tmp_path: Path) -> None:
    with proxied("http://127.0.0.1:9", record=tmp_path / "r") as run:
        assert run.open(CHAT, FIRST).status == 502
    with proxied(None, replay=tmp_path / "r", replay_timing="none") as run:
        assert run.open(CHAT, FIRST).status == 502
        run.close()
        assert run.calls[0][c.ERROR_TYPE] == "connection_refused"


def _ignore(run: Proxied) -> None:
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        run.post(CHAT, FIRST)


def test_a_replay_can_be_recorded_again_and_is_the_same(recording: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    with proxied(None, replay=recording, replay_timing="none", record=again) as run:
        _session(run)
    first, second = read_recording(recording), read_recording(again)
    assert [(e.request_hash, e.status, _body(e)) for e in first] == [
        (e.request_hash, e.status, _body(e)) for e in second
    ]


def _body(exchange: Exchange) -> bytes:
    return b"".join(chunk for _, chunk in exchange.chunks)


def test_a_recording_holds_no_request(recording: Path) -> None:
    assert "Fix" not in recording.read_text()
    assert '"role":"user"' not in recording.read_text()


def test_an_existing_file_is_not_written_over(recording: Path) -> None:
    before = recording.read_bytes()
    with (
        pytest.raises(RecordingError, match="exists: remove it"),
        proxied("http://h", record=recording),
    ):
        pass
    assert recording.read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    with (
        pytest.raises(RecordingError, match="cannot be written: No such file"),
        proxied("http://h", record=tmp_path / "missing" / "r"),
    ):
        pass


def test_a_full_disk_breaks_no_request_and_is_told_at_the_end(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (
        RawEndpoint([whole(b"{}" + b" " * 9000)]) as endpoint,
        proxied(endpoint.url, record=tmp_path / "r") as run,
    ):
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
        try:
            assert len(run.post(CHAT, FIRST)) == 9002
            assert len(run.post(CHAT, FIRST)) == 9002
            traffic = run.close()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert traffic.calls == 2
        assert "cannot be written: File too large" in str(traffic.recording_error)
    with pytest.raises(RecordingError, match="is damaged"):
        read_recording(tmp_path / "r")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: b"", "is no recording"),
        (lambda data: b"\x00\xff" * 50, "is no recording"),
        (lambda data: b"[]\n", "is no recording"),
        (lambda data: data[:-20], "is damaged"),
        (lambda data: data[: data.rindex(b"{")], "is damaged"),
        (lambda data: data.replace(b"429", b"200"), "is damaged"),
        (
            lambda data: data.replace(b'"spanscore_recording":1', b'"spanscore_recording":9'),
            "version",
        ),
    ],
)
def test_a_damaged_recording_is_one_clear_error(recording: Path, damage: Any, words: str) -> None:
    recording.write_bytes(damage(recording.read_bytes()))
    with pytest.raises(RecordingError, match=words), proxied(None, replay=recording):
        pass


def test_a_missing_recording_is_one_clear_error(tmp_path: Path) -> None:
    with (
        pytest.raises(RecordingError, match="cannot be read: No such file"),
        proxied(None, replay=tmp_path / "none"),
    ):
        pass


@settings(max_examples=60)
@given(data=st.binary(max_size=200), place=st.integers(0, 5000))
def test_no_bytes_in_a_recording_do_more_than_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, place: int
) -> None:
    path = tmp_path_factory.mktemp("any") / "r"
    recorder = Recorder(path, Mask([]))
    recorder.add(Exchange(1, "POST", CHAT, "h", 200, "OK", [("a", "b")], 1.0, [(1.5, b"\xff")]))
    recorder.close()
    whole_file = path.read_bytes()
    path.write_bytes(whole_file[:place] + data + whole_file[place + len(data) :])
    with contextlib.suppress(RecordingError):
        assert len(read_recording(path)) == 1


@settings(max_examples=60)
@given(chunks=st.lists(st.binary(max_size=40), max_size=6))
def test_any_bytes_are_recorded_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("any") / "r"
    timed = [(float(number), chunk) for number, chunk in enumerate(chunks)]
    exchange = Exchange(1, "POST", CHAT, "h", 200, "OK", [("a", "\udcff")], 1.0, timed, 9.0, "cut")
    recorder = Recorder(path, Mask(["not in there"]))
    recorder.add(exchange)
    recorder.close()
    assert read_recording(path) == [exchange]
