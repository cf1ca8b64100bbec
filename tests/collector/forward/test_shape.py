"""What one destination gets of what came in: no content, fitted to its backend, filtered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.collector.decode.from_json import json_to_protobuf
from spanscore.collector.forward.profile import PROFILES
from spanscore.collector.forward.roles import role_of
from spanscore.collector.forward.shape import Shaper
from spanscore.collector.inbox import Request
from spanscore.collector.receiver.content import hash_content
from spanscore.collector.signals import Signal
from tests.support.forwarding import (
    PAGE,
    attributes_of,
    destination,
    shaped,
    shaped_spans,
    spans_request,
)
from tests.support.otlp_strategies import stored_requests
from tests.support.payloads import SESSIONS, requests_of
from tests.support.telemetry import log, logs_request, metrics_request, traces_request
from tests.support.telemetry import span as a_span

SAID = "what nobody else may read"


def span(**attributes: Any) -> Any:
    """A span; its attributes may have dots in their names."""
    return a_span(**attributes)


def sent_by(session: str) -> list[Request]:
    """The requests of a captured session, as the inbox holds them."""
    found = []
    for sent in requests_of(session):
        signal = next((s for s in Signal if sent.path.endswith(s.path)), None)
        if signal is None:
            continue
        body = sent.plain
        if sent.content_type.startswith("application/json"):
            body = json_to_protobuf(signal, body).SerializeToString()
        found.append(Request(signal, "open", 1, body))
    return found


def all_spans(requests: list[Request]) -> list[Any]:
    return shaped_spans(destination(content=True), *requests)


def test_what_nothing_has_to_be_changed_in_goes_on_byte_for_byte() -> None:
    request = traces_request(span(model="m"))
    [part] = Shaper(destination(), PAGE).shape([request])
    assert part.body == request.body


@pytest.mark.parametrize(
    "key", ["gen_ai.input.messages", "prompt", "gen_ai.prompt.0.content", "content", "tool_input"]
)
def test_content_goes_nowhere_unless_it_is_asked_for(key: str) -> None:
    request = traces_request(span(**{key: SAID, "model": "m"}))
    [kept_out] = shaped_spans(destination(), request)
    assert attributes_of(kept_out) == {"model": "m"}
    assert kept_out.dropped_attributes_count == 1
    [let_through] = shaped_spans(destination(content=True), request)
    assert attributes_of(let_through) == {key: SAID, "model": "m"}


def test_bodies_of_log_records_are_content_and_names_of_events_are_not() -> None:
    request = logs_request(log(body=SAID), log(body="agent.started", event__name="started"))
    [message] = shaped(destination(), request)
    records = message.resource_logs[0].scope_logs[0].log_records
    assert [record.body.string_value for record in records] == ["", "agent.started"]


@pytest.mark.parametrize("signal", list(Signal))
@settings(max_examples=40)
@given(data=st.data())
def test_nothing_is_left_that_would_be_hashed(signal: Signal, data: st.DataObject) -> None:
    message = data.draw(stored_requests(signal))
    for got in shaped(destination(), Request(signal, "open", 1, message.SerializeToString())):
        assert hash_content(got) == 0


@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize("profile", ["otlp", "phoenix", "tempo", "openinference"])
def test_of_real_sessions_every_span_goes_on_and_no_content(session: str, profile: str) -> None:
    requests = sent_by(session)
    before = all_spans(requests)
    after = shaped_spans(destination(profile=profile), *requests)
    assert [(s.span_id, s.name, s.parent_span_id) for s in after] == [
        (s.span_id, s.name, s.parent_span_id) for s in before
    ]
    for message in shaped(destination(profile=profile), *requests):
        assert hash_content(message) == 0


def test_openinference_is_added_beside_what_is_there() -> None:
    request = traces_request(
        span(
            name="chat m",
            **{
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "asked",
                "gen_ai.response.model": "answered",
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 7,
                "gen_ai.conversation.id": "c1",
            },
        )
    )
    [got] = shaped_spans(destination(profile="phoenix"), request)
    attributes = attributes_of(got)
    assert attributes["gen_ai.usage.input_tokens"] == 100
    assert attributes["openinference.span.kind"] == "LLM"
    assert attributes["llm.model_name"] == "answered"
    assert attributes["llm.token_count.prompt"] == 100
    assert attributes["llm.token_count.completion"] == 7
    assert attributes["llm.token_count.total"] == 107
    assert attributes["session.id"] == "c1"
    assert "llm.token_count.prompt_details.cache_read" not in attributes


def test_a_key_that_is_there_already_stays_as_it_is() -> None:
    request = traces_request(
        span(name="chat", **{"gen_ai.operation.name": "chat", "llm.model_name": "mine",
                             "gen_ai.request.model": "m", "openinference.span.kind": "CHAIN"})
    )  # fmt: skip
    [got] = shaped_spans(destination(profile="phoenix"), request)
    attributes = attributes_of(got)
    assert (attributes["llm.model_name"], attributes["openinference.span.kind"]) == (
        "mine", "CHAIN",
    )  # fmt: skip
    assert len({a.key for a in got.attributes}) == len(got.attributes)


@pytest.mark.parametrize(
    ("session", "name"),
    [
        ("claude-code/ok-json", "claude_code.llm_request"),
        ("codex/ok", "handle_responses"),
        ("copilot/ok-protobuf", "chat gpt-4o"),
        ("qwen-code/ok", "qwen-code.llm_request"),
        ("gemini-cli/ok", "llm_call"),
        ("opencode/ok-resattrs", "ai.streamText.doStream"),
    ],
)
def test_tokens_of_each_agent_are_on_its_model_calls_and_on_nothing_else(
    session: str, name: str
) -> None:
    spans = shaped_spans(destination(profile="phoenix"), *sent_by(session))
    counted = [s for s in spans if "llm.token_count.prompt" in attributes_of(s)]
    assert {s.name for s in counted} == {name}
    for span_ in counted:
        attributes = attributes_of(span_)
        assert attributes["openinference.span.kind"] == "LLM"
        assert isinstance(attributes["llm.token_count.completion"], int)
        assert attributes["llm.token_count.total"] == (
            attributes["llm.token_count.prompt"] + attributes["llm.token_count.completion"]
        )


def test_claude_codes_prompt_counts_what_it_read_from_the_cache() -> None:
    request = traces_request(
        span(name="claude_code.llm_request", input_tokens=5, cache_read_tokens=100,
             cache_creation_tokens=20, output_tokens=3)
    )  # fmt: skip
    [got] = shaped_spans(destination(profile="phoenix"), request)
    assert attributes_of(got)["llm.token_count.prompt"] == 125


def test_unknown_tokens_stay_unknown() -> None:
    [got] = shaped_spans(
        destination(profile="phoenix"), traces_request(span(**{"gen_ai.operation.name": "chat"}))
    )
    assert not [key for key in attributes_of(got) if "token" in key]


@pytest.mark.parametrize(
    ("sent", "got"), [("12", 12), (12.0, 12), (-1, -1), ("many", None), (1.5, None)]
)
def test_counts_are_whole_numbers_or_unknown(sent: Any, got: int | None) -> None:
    request = traces_request(
        span(**{"gen_ai.operation.name": "chat", "gen_ai.usage.output_tokens": sent})
    )
    [shaped_span] = shaped_spans(destination(profile="phoenix"), request)
    assert attributes_of(shaped_span).get("llm.token_count.completion") == got


def test_an_id_of_digits_stays_text() -> None:
    request = traces_request(span(name="anything", **{"gen_ai.conversation.id": "0042"}))
    [got] = shaped_spans(destination(profile="phoenix"), request)
    assert attributes_of(got)["session.id"] == "0042"


def test_tempo_gets_long_values_shortened_with_length_hash_and_link() -> None:
    request = traces_request(span(log="é" * 5000, short="s"))
    [got] = shaped_spans(destination(profile="tempo"), request)
    value = attributes_of(got)["log"]
    assert len(value.encode()) <= 2048
    assert value.startswith("éééé")
    assert "[10000 bytes, sha256:" in value
    assert f"{PAGE}/runs/by-span?trace=0102030405060708090a0b0c0d0e0f10&span=" in value
    assert attributes_of(got)["short"] == "s"
    [whole] = shaped_spans(destination(profile="jaeger"), request)
    assert attributes_of(whole)["log"] == "é" * 5000


def test_only_the_signals_that_a_backend_takes_are_sent() -> None:
    requests = [spans_request("a"), logs_request(log()), metrics_request("m", 1)]
    assert len(shaped(destination(), *requests)) == 3
    assert len(shaped(destination(profile="jaeger"), *requests)) == 1
    assert len(shaped(destination(signals=["logs", "metrics"]), *requests)) == 2


def test_services_and_runs_are_chosen_by_pattern() -> None:
    one = traces_request(span(name="one"), resource={"service.name": "codex_exec"})
    two = traces_request(
        span(name="two"), resource={"service.name": "x", "spanscore.run.id": "run-2"}
    )
    three = traces_request(span(name="three", **{"session.id": "run-3"}), span(name="other"))
    chosen = [
        destination(services=["codex*"]), destination(runs=["run-2"]), destination(runs=["run-*"]),
    ]  # fmt: skip
    names = [{s.name for s in shaped_spans(to, one, two, three)} for to in chosen]
    assert names == [{"one"}, {"two"}, {"two", "three"}]


ROLES = ["agent", "model_call", "tool_call"]


def test_codex_can_be_cut_to_the_useful_spans_and_each_has_a_kept_parent() -> None:
    requests = sent_by("codex/ok")
    everything = {s.span_id: s for s in all_spans(requests)}
    kept = shaped_spans(destination(roles=ROLES), *requests)
    assert len(everything) == 515
    assert {s.name for s in kept} == {
        "codex.exec", "session_task.turn", "handle_responses", "exec_command",
    }  # fmt: skip
    ids = {s.span_id for s in kept}
    for span_ in kept:
        parent = span_.parent_span_id
        assert not parent or parent in ids or parent not in everything
        assert span_.parent_span_id == nearest(everything, ids, span_.span_id)


def nearest(everything: dict[bytes, Any], kept: set[bytes], span_id: bytes) -> bytes:
    """The nearest kept ancestor, by the tree as it came."""
    parent: bytes = everything[span_id].parent_span_id
    while parent in everything and parent not in kept:
        parent = everything[parent].parent_span_id
    return parent


def test_a_parent_that_a_child_was_sent_with_is_let_through_when_it_comes() -> None:
    call = span(span_id="00000000000000aa", parent="00000000000000bb", name="chat",
                **{"gen_ai.operation.name": "chat"})  # fmt: skip
    around = span(span_id="00000000000000bb", parent="00000000000000cc", name="around")
    above = span(span_id="00000000000000cc", name="above")
    shaper = Shaper(destination(roles=["model_call"]), PAGE)
    sent = [
        s
        for request in map(traces_request, (call, around, above))
        for part in shaper.shape([request])
        for s in Signal.TRACES.request_type.FromString(part.body)  # type: ignore[attr-defined]  # of the traces' message
        .resource_spans[0]
        .scope_spans[0]
        .spans
    ]
    assert [s.name for s in sent] == ["chat", "around", "above"]


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=9),
    st.integers(1, 4),
)
def test_no_kept_span_hangs_on_one_that_was_left_out(
    tree: list[tuple[int, bool]], requests: int
) -> None:
    """Parents are any spans, also missing ones and circles; requests come in any cut."""
    spans = [
        span(span_id=f"{number:016x}", parent=f"{parent + 1:016x}", name="chat" if kept else "x",
             **({"gen_ai.operation.name": "chat"} if kept else {}))
        for number, (parent, kept) in enumerate(tree, 1)
    ]  # fmt: skip
    shaper = Shaper(destination(roles=["model_call"]), PAGE)
    size = -(-len(spans) // requests)
    sent = []
    for start in range(0, len(spans), size):
        for part in shaper.shape([traces_request(*spans[start : start + size])]):
            message: Any = Signal.TRACES.request_type.FromString(part.body)
            sent += message.resource_spans[0].scope_spans[0].spans
    ids, came = {s.span_id for s in sent}, {s.span_id for s in spans}
    assert {s.name for s in sent} >= {"chat"} or not any(kept for _, kept in tree)
    for span_ in sent:
        parent = span_.parent_span_id
        assert not parent or parent in ids or parent not in came


def test_the_harness_own_roles_come_first() -> None:
    assert role_of(span(name="tool_call", **{"spanscore.role": "verify"})) == "verify"
    assert role_of(span(name="anything")) == ""


def test_profiles_are_whole() -> None:
    for profile in PROFILES.values():
        assert profile.title
        assert set(profile.adds) <= {"", *profile.kinds}
        for addition in [a for additions in profile.adds.values() for a in additions]:
            assert addition.is_count or all(len(source) == 1 for source in addition.sources)
