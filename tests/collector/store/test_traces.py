"""Which run a trace belongs to, and that a late id moves the whole trace."""

from __future__ import annotations

from tests.support.stored import Stored
from tests.support.telemetry import (
    SECOND_NS,
    START_NS,
    TRACE,
    log,
    logs_request,
    metrics_request,
    span,
    traces_request,
)

OTHER = "ffffffffffffffffffffffffffffffff"


def runs(store: Stored) -> list[tuple[str, str, str]]:
    return store.ask("SELECT DISTINCT trace_id, run_id, run_id_source FROM spans ORDER BY ALL")


def test_a_trace_without_any_id_is_a_run_of_its_own(store: Stored) -> None:
    store.put(traces_request(span()))
    assert runs(store) == [(TRACE, TRACE, "trace")]


def test_the_run_id_on_the_resource_wins_over_a_session(store: Stored) -> None:
    store.put(
        traces_request(span(session__id="s1"), resource={"spanscore.run.id": "r1"}),
    )
    assert runs(store) == [(TRACE, "r1", "run")]


def test_a_session_id_on_any_span_is_the_run_of_the_whole_trace(store: Stored) -> None:
    store.put(traces_request(span(), span(span_id="00000000000000a1", conversation__id="c1")))
    assert runs(store) == [(TRACE, "c1", "session")]


def test_a_late_session_id_moves_the_trace(store: Stored) -> None:
    store.put(traces_request(span()))
    store.put(traces_request(span(span_id="00000000000000a1", session__id="s1")))
    assert runs(store) == [(TRACE, "s1", "session")]


def test_a_session_id_on_a_log_of_the_trace_moves_its_spans(store: Stored) -> None:
    store.put(traces_request(span()))
    store.put(logs_request(log(trace=TRACE, session__id="s1")))
    assert runs(store) == [(TRACE, "s1", "session")]
    assert store.one("SELECT run_id FROM logs") == "s1"


def test_logs_may_come_before_the_spans_of_their_trace(store: Stored) -> None:
    store.put(logs_request(log(trace=TRACE, session__id="s1")))
    store.put(traces_request(span()))
    assert runs(store) == [(TRACE, "s1", "session")]


def test_a_log_without_a_trace_belongs_to_the_session_it_names(store: Stored) -> None:
    store.put(logs_request(log(conversation__id="c1")))
    assert store.one("SELECT run_id FROM logs") == "c1"


def test_a_log_that_names_nothing_belongs_to_no_run(store: Stored) -> None:
    store.put(logs_request(log()))
    assert store.one("SELECT run_id FROM logs") is None


def test_a_trace_id_of_zeros_on_a_log_is_no_trace(store: Stored) -> None:
    store.put(logs_request(log(trace="00" * 16)))
    assert store.ask("SELECT trace_id, run_id FROM logs") == [(None, None)]
    assert store.one("SELECT count(*) FROM trace") == 0


def test_an_instance_lends_its_only_session_to_its_other_traces(store: Stored) -> None:
    instance = {"service.name": "opencode", "service.instance.id": "i1"}
    store.put(traces_request(span(), resource=instance))
    assert runs(store) == [(TRACE, "i1", "instance")]
    store.put(traces_request(span(trace=OTHER, session__id="s1"), resource=instance))
    assert runs(store) == [(TRACE, "s1", "instance"), (OTHER, "s1", "session")]


def test_a_late_session_on_a_known_trace_reaches_the_other_traces_of_its_instance(
    store: Stored,
) -> None:
    instance = {"service.instance.id": "i1"}
    store.put(
        traces_request(span(), resource=instance),
        traces_request(span(trace=OTHER), resource=instance),
    )
    late = span(trace=OTHER, span_id="00000000000000a1", session__id="s1")
    store.put(traces_request(late, resource=instance))
    assert runs(store) == [(TRACE, "s1", "instance"), (OTHER, "s1", "session")]


def test_an_instance_with_two_sessions_lends_neither(store: Stored) -> None:
    instance = {"service.instance.id": "i1"}
    store.put(
        traces_request(span(), resource=instance),
        traces_request(span(trace="aa" * 16, session__id="s1"), resource=instance),
        traces_request(span(trace="bb" * 16, session__id="s2"), resource=instance),
    )
    assert runs(store)[0] == (TRACE, "i1", "instance")


def test_the_harness_decides_the_run_of_a_trace_even_when_the_agent_came_first(
    store: Stored,
) -> None:
    forged = {"spanscore.run.id": "stolen"}
    store.put(traces_request(span(), origin="agent", resource=forged))
    real = {"spanscore.run.id": "r1"}
    store.put(traces_request(span(span_id="00000000000000a1"), origin="harness", resource=real))
    store.put(traces_request(span(span_id="00000000000000a2"), origin="agent", resource=forged))
    assert runs(store) == [(TRACE, "r1", "run")]


CODEX = {"service.name": "codex_exec"}


def test_a_codex_trace_without_an_id_belongs_to_the_conversation_at_that_time(
    store: Stored,
) -> None:
    store.put(
        traces_request(span(conversation__id="c1"), resource=CODEX),
        traces_request(span(trace=OTHER, start_ns=START_NS + 5), resource=CODEX),
    )
    assert runs(store) == [(TRACE, "c1", "session"), (OTHER, "c1", "inferred")]


def test_the_start_up_of_codex_belongs_to_the_conversation_that_follows(store: Stored) -> None:
    early_ns = START_NS - SECOND_NS
    store.put(traces_request(span(trace=OTHER, start_ns=early_ns, end_ns=early_ns), resource=CODEX))
    store.put(logs_request(log(conversation__id="c1"), resource=CODEX))
    assert runs(store) == [(OTHER, "c1", "inferred")]


def test_the_end_of_codex_belongs_to_the_conversation_before_it(store: Stored) -> None:
    late_ns = START_NS + SECOND_NS + 4_000_000
    store.put(
        traces_request(span(conversation__id="c1"), resource=CODEX),
        traces_request(span(trace=OTHER, start_ns=late_ns, end_ns=late_ns), resource=CODEX),
    )
    assert runs(store)[1] == (OTHER, "c1", "inferred")


def test_what_lies_between_two_conversations_belongs_to_the_nearer_one(store: Stored) -> None:
    next_ns = START_NS + 2 * SECOND_NS
    for trace, at_ns in (("a1" * 16, next_ns - 400_000_000), ("a2" * 16, next_ns - 600_000_000)):
        store.put(traces_request(span(trace=trace, start_ns=at_ns, end_ns=at_ns), resource=CODEX))
    store.put(
        traces_request(span(conversation__id="c1"), resource=CODEX),
        traces_request(
            span(trace=OTHER, conversation__id="c2", start_ns=next_ns, end_ns=next_ns + SECOND_NS),
            resource=CODEX,
        ),
    )
    found = {trace: run for trace, run, _ in runs(store)}
    assert (found["a1" * 16], found["a2" * 16]) == ("c2", "c1")


def test_nothing_is_inferred_where_two_conversations_overlap(store: Stored) -> None:
    store.put(
        traces_request(span(conversation__id="c1"), resource=CODEX),
        traces_request(span(trace=OTHER, start_ns=START_NS + 5), resource=CODEX),
    )
    store.put(traces_request(span(trace="aa" * 16, conversation__id="c2"), resource=CODEX))
    assert runs(store)[1:] == [("aa" * 16, "c2", "session"), (OTHER, OTHER, "trace")]


def test_a_trace_of_another_service_is_never_inferred_from_time(store: Stored) -> None:
    store.put(
        traces_request(span(session__id="s1")),
        traces_request(span(trace=OTHER, start_ns=START_NS + 5)),
    )
    assert runs(store)[1] == (OTHER, OTHER, "trace")


def test_data_points_without_an_id_belong_to_the_conversation_of_their_service_at_that_time(
    store: Stored,
) -> None:
    store.put(traces_request(span(conversation__id="c1"), resource=CODEX))
    store.put(metrics_request("m", 1, resource=CODEX), metrics_request("m", 1))
    assert store.ask("SELECT service_name, run_id FROM metric_points ORDER BY 1") == [
        ("codex_exec", "c1"),
        ("tester", None),
    ]
