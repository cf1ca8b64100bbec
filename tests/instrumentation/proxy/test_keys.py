"""The real key goes in where the agent has its dummy, and nothing that is kept shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spanscore.instrumentation.proxy import Upstream
from spanscore.instrumentation.proxy.masking import Mask
from tests.support.proxied import CHAT, DUMMY, chat, proxied
from tests.support.raw_endpoint import RawEndpoint, chunked, whole

KEY = 'real-"key"/+with=signs'
SENT = {"Authorization": ""}  # what proxied sends by itself


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REAL_KEY", KEY)


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        (CHAT, {"Authorization": f"Bearer {DUMMY}"}, f"Authorization: Bearer {KEY}"),
        ("/v1/messages", {"x-api-key": DUMMY}, f"x-api-key: {KEY}"),
        ("/v1beta/models/m:generateContent", {"x-goog-api-key": DUMMY}, f"x-goog-api-key: {KEY}"),
        ("/openai/deployments/d/chat/completions", {"api-key": DUMMY}, f"api-key: {KEY}"),
        (CHAT, {}, f"Authorization: Bearer {KEY}"),
        ("/v1/messages", {}, f"x-api-key: {KEY}"),
        ("/v1beta/models/m:generateContent", {}, f"x-goog-api-key: {KEY}"),
    ],
)
def test_the_key_goes_where_the_agent_has_its_dummy_else_where_the_api_wants_it(
    path: str, headers: dict[str, str], expected: str
) -> None:
    with RawEndpoint([whole(b"{}")]) as endpoint:
        upstream = Upstream(endpoint.url, "REAL_KEY")
        with proxied(None, upstream=upstream) as run:
            run.send("POST", path, b"{}", headers)
        head = endpoint.requests[0][0].decode()
        assert f"\r\n{expected}".lower() in head.lower()
        assert head.count(KEY) == 1
        assert DUMMY not in head


def test_a_key_in_the_query_is_replaced_and_told_nowhere(tmp_path: Path) -> None:
    with RawEndpoint([whole(b"{}")]) as endpoint:
        upstream = Upstream(endpoint.url, "REAL_KEY")
        with proxied(None, upstream=upstream, record=tmp_path / "r") as run:
            path = "/v1beta/models/m:streamGenerateContent"
            run.send("POST", f"{path}?alt=sse&key={DUMMY}&x=1", b"{}", {})
        head = endpoint.requests[0][0].decode()
        assert "?alt=sse&key=real-%22key%22%2F%2Bwith%3Dsigns&x=1 HTTP" in head
        assert "x-goog-api-key" not in head.lower()
        assert run.calls[0]["url.path"] == path
        assert DUMMY not in (tmp_path / "r").read_text()


def test_an_endpoint_is_shown_without_what_may_be_secret() -> None:
    upstream = Upstream("https://me:word@model.example:8443/v1?key=k#f")
    assert upstream.shown_url == "https://model.example:8443/v1"


def test_without_a_key_what_the_agent_sends_goes_on() -> None:
    with RawEndpoint([whole(b"{}")]) as endpoint, proxied(endpoint.url) as run:
        run.send("POST", f"/v1/x?key={DUMMY}", b"", {"Authorization": f"Bearer {DUMMY}"})
        assert endpoint.requests[0][0].decode().count(DUMMY) == 2


def test_a_key_that_the_endpoint_repeats_is_masked_in_spans_and_recordings(tmp_path: Path) -> None:
    said: Any = {"error": {"code": "invalid_api_key", "message": f"Incorrect key: {KEY}"}}
    body = json.dumps(said).encode()
    event = json.dumps({"choices": [{"delta": {"content": f"your key is {KEY}"}}]}).encode()
    cut = event.index(b"real-") + 6
    replies = [
        whole(body, f"x-debug: {KEY}", status="401 No"),
        chunked(b"data: " + event[:cut], event[cut:] + b"\n\ndata: [DONE]\n\n"),
    ]
    record = tmp_path / "r"
    with RawEndpoint(replies) as endpoint:
        upstream = Upstream(endpoint.url, "REAL_KEY")
        options: dict[str, Any] = {
            "capture_content": True,
            "record": record,
            "secrets": ["another secret"],
        }
        with proxied(None, upstream=upstream, **options) as run:
            assert run.post(CHAT, chat()) == body
            assert KEY.encode() not in run.post(CHAT, chat({"content": "another secret"}))
        kept = record.read_text() + json.dumps([span.to_json() for span in run.all_spans])
    for secret in (KEY, json.dumps(KEY)[1:-1], "key\\\\\\", "with=signs", "another secret"):
        assert secret not in kept
    assert "Incorrect key: *" in kept


def test_what_is_recorded_is_for_the_user_alone(tmp_path: Path) -> None:
    with RawEndpoint([whole(b"{}")]) as endpoint, proxied(endpoint.url, record=tmp_path / "r"):
        assert (tmp_path / "r").stat().st_mode & 0o777 == 0o600


def test_a_mask_keeps_lengths_and_leaves_short_texts_alone() -> None:
    mask = Mask(["secret-1", "secret-1-longer", "short"])
    assert (
        mask.hide(b"a secret-1-longer secret-1 short")
        == b"a " + b"*" * 15 + b" " + b"*" * 8 + b" short"
    )
    assert mask.hide_chunks([b"x secr", b"", b"et-1 y"]) == [b"x ****", b"", b"**** y"]
    assert Mask([]).hide_text("anything \ud800") == "anything ?"
