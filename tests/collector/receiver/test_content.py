"""With `--content hash` what was said stays out, and everything else goes in."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from spanscore.collector.receiver.content import hash_content
from spanscore.collector.signals import Signal
from tests.support.otlp_messages import requests

SAID = "Fix the bug in calc.py, naïvely"
HASHED = f"sha256:{hashlib.sha256(SAID.encode()).hexdigest()} {len(SAID.encode())} bytes"
LINES = files("spanscore.collector.receiver").joinpath("content_keys.tsv").read_text("utf-8")
KEYS = [line.split("\t")[0] for line in LINES.splitlines() if not line.startswith("#")][1:]


def said(key: str = "gen_ai.input.messages") -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=SAID))


def traces(*attributes: KeyValue) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name=SAID)
    span.attributes.extend(attributes)
    return request


def attributes_of(request: ExportTraceServiceRequest) -> Any:
    return request.resource_spans[0].scope_spans[0].spans[0].attributes


def hashed_body(body: AnyValue, event_name: str, attribute: str = "") -> AnyValue:
    """The body of a log record whose event is named by its field or by `event.name`."""
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(event_name=event_name)
    record.body.CopyFrom(body)
    record.attributes.add(key="event.name").value.string_value = attribute
    hash_content(request)
    return record.body


@pytest.mark.parametrize("key", KEYS)
def test_each_key_of_the_list_is_hashed(key: str) -> None:
    request = traces(said(key.replace("*", "0")))
    assert hash_content(request) == 1
    assert attributes_of(request)[0].value.string_value == HASHED


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.prompt.name",
        "gen_ai.prompt.0.role",
        "gen_ai.completion.0.finish_reason",
        "llm.input_messages.0.message.role",
        "gen_ai.tool.name",
        "gen_ai.tool.call.id",
        "gen_ai.request.model",
        "prompt_length",
        "prompt.id",
        "tool_name",
        "error.message",
        "spanscore.role",
        "Prompt",
        "my.prompt",
    ],
)
def test_other_keys_are_kept(key: str) -> None:
    request = traces(said(key))
    assert hash_content(request) == 0
    assert request == traces(said(key))


def test_content_is_hashed_wherever_attributes_are() -> None:
    spans = traces(said())
    resource = spans.resource_spans[0]
    resource.resource.attributes.append(said("process.command_line"))
    resource.scope_spans[0].scope.attributes.append(said("input.value"))
    span = resource.scope_spans[0].spans[0]
    span.events.add().attributes.append(said("gen_ai.completion"))
    span.links.add().attributes.append(said("gen_ai.prompt"))
    assert hash_content(spans) == 5

    logs = ExportLogsServiceRequest()
    scope_logs = logs.resource_logs.add().scope_logs.add()
    logs.resource_logs[0].resource.attributes.append(said("process.command_line"))
    scope_logs.scope.attributes.append(said("input.value"))
    scope_logs.log_records.add().attributes.append(said("tool_input"))
    assert hash_content(logs) == 3

    metrics = ExportMetricsServiceRequest()
    metrics.resource_metrics.add().resource.attributes.append(said("process.command_line"))
    metrics.resource_metrics[0].scope_metrics.add().scope.attributes.append(said("input.value"))
    assert hash_content(metrics) == 2

    said_once = SAID.encode()
    assert spans.SerializeToString().count(said_once) == 1  # the name of the span
    assert said_once not in logs.SerializeToString() + metrics.SerializeToString()


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (AnyValue(string_value=""), b""),
        (AnyValue(bytes_value=b"\xff\x00"), b"\xff\x00"),
        (AnyValue(int_value=7), b"\x18\x07"),
        (AnyValue(bool_value=False), b"\x10\x00"),
        (
            AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="a")])),
            b"\x2a\x05\x0a\x03\x0a\x01a",
        ),
        (
            AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="a")])),
            b"\x32\x05\x0a\x03\x0a\x01a",
        ),
    ],
)
def test_a_value_of_any_type_becomes_the_hash_and_the_length_of_its_bytes(
    value: AnyValue, data: bytes
) -> None:
    request = traces(KeyValue(key="gen_ai.output.messages", value=value))
    assert hash_content(request) == 1
    text = attributes_of(request)[0].value.string_value
    assert text == f"sha256:{hashlib.sha256(data).hexdigest()} {len(data)} bytes"


def test_a_value_that_is_not_set_stays_so() -> None:
    request = traces(KeyValue(key="prompt", value=AnyValue()), KeyValue(key="prompt"))
    assert hash_content(request) == 0
    assert not attributes_of(request)[1].HasField("value")


@pytest.mark.parametrize(
    ("body", "event_name", "attribute"),
    [
        ("gen_ai.user.message", "gen_ai.user.message", ""),
        ("api_error", "", "api_error"),
        ("claude_code.api_error", "", "api_error"),
        ("claude_code.api_error", "event otel/src/x.rs:1", "api_error"),
    ],
)
def test_a_log_body_that_only_names_its_event_is_kept(
    body: str, event_name: str, attribute: str
) -> None:
    value = AnyValue(string_value=body)
    assert hashed_body(value, event_name, attribute) == value


@pytest.mark.parametrize(
    ("body", "event_name"),
    [
        (AnyValue(string_value=SAID), ""),
        (AnyValue(string_value=SAID), "gen_ai.user.message"),
        (AnyValue(string_value="hunter2"), ""),
        (AnyValue(string_value="say this.end"), "end"),
        (AnyValue(string_value="unend"), "end"),
        (AnyValue(kvlist_value=KeyValueList(values=[said("content")])), "gen_ai.user.message"),
    ],
)
def test_every_other_log_body_is_hashed(body: AnyValue, event_name: str) -> None:
    assert hashed_body(body, event_name).string_value.startswith("sha256:")


def test_a_record_without_a_body_gets_none() -> None:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(event_name="x")
    before = request.SerializeToString()
    assert hash_content(request) == 0
    assert request.SerializeToString() == before


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data(), signal=st.sampled_from(Signal))
def test_hashing_twice_changes_nothing(data: st.DataObject, signal: Signal) -> None:
    keys = st.sampled_from(["prompt", "process.command_line", "output.value", "x"])
    message = data.draw(requests(signal, keys))
    hash_content(message)
    body = message.SerializeToString()
    assert hash_content(message) == 0
    assert message.SerializeToString() == body


def test_what_is_no_export_request_is_refused() -> None:
    with pytest.raises(TypeError, match="AnyValue is no Export request"):
        hash_content(AnyValue())
