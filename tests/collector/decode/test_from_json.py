"""OTLP/JSON bodies become the protobuf messages they say, or a clear error."""

from __future__ import annotations

import base64
import contextlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanscore.collector.decode.from_json import json_to_protobuf
from spanscore.collector.signals import Signal
from tests.support.otlp_messages import requests

if TYPE_CHECKING:
    from google.protobuf.message import Message

DATA = Path(__file__).parent / "data"
IDS = ("traceId", "spanId", "parentSpanId")
BIG_MESSAGES = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def with_ids(value: Any, recode: Any) -> Any:
    """The same JSON with every id written in another way."""
    if isinstance(value, list):
        return [with_ids(item, recode) for item in value]
    if isinstance(value, dict):
        return {k: recode(v) if k in IDS else with_ids(v, recode) for k, v in value.items()}
    return value


def otlp_json(message: Message) -> bytes:
    """The message as OTLP/JSON, by protobuf's own JSON printer."""
    plain = json_format.MessageToDict(message, use_integers_for_enums=True)
    return json.dumps(with_ids(plain, lambda text: base64.b64decode(text).hex())).encode()


def by_protobuf(signal: Signal, body: bytes) -> Message:
    """What protobuf's own JSON parser makes of the body."""
    plain = with_ids(json.loads(body), lambda text: base64.b64encode(bytes.fromhex(text)).decode())
    return json_format.ParseDict(plain, signal.request_type(), ignore_unknown_fields=True)


def same(one: Message, other: Message) -> bool:
    # By bytes, because a message with a NaN does not equal itself.
    return one.SerializeToString(deterministic=True) == other.SerializeToString(deterministic=True)


def traces(**span: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def refusal(signal: Signal, body: bytes) -> str:
    """The text of the ValueError that the body is refused with."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the callers check the text
        json_to_protobuf(signal, body)
    return str(refused.value)


def span_of(body: bytes) -> Any:
    return json_to_protobuf(Signal.TRACES, body).resource_spans[0].scope_spans[0].spans[0]  # type: ignore[attr-defined]


def value_of(body: Any) -> Any:
    return span_of(traces(attributes=[{"key": "k", "value": body}])).attributes[0].value


def point_of(**point: Any) -> Any:
    body = {
        "resourceMetrics": [{"scopeMetrics": [{"metrics": [{"sum": {"dataPoints": [point]}}]}]}]
    }
    message: Any = json_to_protobuf(Signal.METRICS, json.dumps(body).encode())
    return message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]


@BIG_MESSAGES
@given(data=st.data(), signal=st.sampled_from(Signal))
def test_any_message_printed_as_otlp_json_comes_back_equal(
    data: st.DataObject, signal: Signal
) -> None:
    message = data.draw(requests(signal))
    assert same(json_to_protobuf(signal, otlp_json(message)), message)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def test_a_body_that_an_agent_sent_reads_as_protobufs_own_parser_reads_it(path: Path) -> None:
    signal = Signal[path.stem.split("-")[-1].upper()]
    message = json_to_protobuf(signal, path.read_bytes())
    assert same(message, by_protobuf(signal, path.read_bytes()))
    assert message.ByteSize() > 500


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
_JUNK: st.SearchStrategy[Any] = st.one_of(
    _SCALARS, st.lists(_SCALARS, max_size=2), st.just({}), st.just({"values": {}})
)


def with_junk(draw: Any, value: Any) -> Any:
    """The same JSON with one value somewhere in it replaced by junk."""
    if not isinstance(value, (dict, list)) or not value or not draw(st.integers(0, 9)):
        return draw(_JUNK)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = draw(st.sampled_from(keys))
    value[key] = with_junk(draw, value[key])
    return value


@BIG_MESSAGES
@given(data=st.data(), signal=st.sampled_from(Signal))
def test_a_body_with_a_wrong_value_is_refused_or_gives_a_message_that_parses_again(
    data: st.DataObject, signal: Signal
) -> None:
    body = json.loads(otlp_json(data.draw(requests(signal))))
    body = json.dumps(with_junk(data.draw, body)).encode()
    try:
        message = json_to_protobuf(signal, body)
    except ValueError:
        return
    assert same(signal.request_type.FromString(message.SerializeToString()), message)


@given(body=st.binary(max_size=40), signal=st.sampled_from(Signal))
def test_any_bytes_are_refused_or_read(body: bytes, signal: Signal) -> None:
    with contextlib.suppress(ValueError):
        assert json_to_protobuf(signal, body).ByteSize() >= 0


def test_ids_are_hexadecimal_in_any_case_wherever_they_occur() -> None:
    ids = {"traceId": "AbCdEf" + "0" * 26, "spanId": "FFeeddCCbbaa9988"}
    trace_id, span_id = bytes.fromhex(ids["traceId"]), bytes.fromhex(ids["spanId"])
    span = span_of(traces(**ids, parentSpanId=ids["spanId"], links=[ids]))
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [ids]}]}]}
    message: Any = json_to_protobuf(Signal.LOGS, json.dumps(logs).encode())
    record = message.resource_logs[0].scope_logs[0].log_records[0]
    exemplar = point_of(exemplars=[ids]).exemplars[0]
    for holder in (span, span.links[0], record, exemplar):
        assert (holder.trace_id, holder.span_id) == (trace_id, span_id)
    assert span.parent_span_id == span_id


def test_other_bytes_are_base64_of_either_alphabet_padded_or_not() -> None:
    for text in ("+/8=", "-_8=", "+/8", "-_8"):
        assert value_of({"bytesValue": text}).bytes_value == b"\xfb\xff"


def test_unknown_and_snake_case_keys_are_ignored() -> None:
    span = span_of(traces(name="a", trace_id="00", start_time_unix_nano=1, colour={"x": [1]}))
    assert span == type(span)(name="a")


def test_null_means_absent() -> None:
    span = span_of(traces(name=None, attributes=None, status=None, startTimeUnixNano=None))
    assert span == type(span)()
    assert not value_of({"stringValue": None}).WhichOneof("value")


def test_an_empty_object_is_present() -> None:
    assert span_of(traces(status={})).HasField("status")
    assert value_of({"arrayValue": {"values": []}}).WhichOneof("value") == "array_value"
    assert point_of(exemplars=[{}]).exemplars


def test_of_a_oneof_and_of_equal_keys_the_last_wins() -> None:
    assert value_of({"intValue": "1", "stringValue": "x"}).string_value == "x"
    assert value_of({"stringValue": "x", "arrayValue": {}}).WhichOneof("value") == "array_value"
    assert span_of(traces(name="Y").replace(b'"name"', b'"name":"X","name"')).name == "Y"


@pytest.mark.parametrize("number", ["7", 7, 7.0, "7.0", "7e0", "0.7E+1"])
def test_an_integer_is_a_number_or_decimal_text(number: object) -> None:
    span = span_of(traces(startTimeUnixNano=number, flags=number))
    assert (span.start_time_unix_nano, span.flags) == (7, 7)


def test_the_whole_range_of_64_bits_arrives_exactly() -> None:
    for number in (-(1 << 63), (1 << 63) - 1, (1 << 53) + 1):
        assert value_of({"intValue": number}).int_value == number
        assert value_of({"intValue": str(number)}).int_value == number
    assert span_of(traces(endTimeUnixNano=(1 << 64) - 1)).end_time_unix_nano == (1 << 64) - 1


@pytest.mark.parametrize(
    ("written", "number"),
    [
        (1, 1.0),
        (1.5, 1.5),
        ("1.5", 1.5),
        ("-2e-3", -0.002),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        ((1 << 64) - 1, 2.0**64),
    ],
)
def test_a_double_is_a_number_or_its_text(written: object, number: float) -> None:
    assert value_of({"doubleValue": written}).double_value == number


def test_nan_is_a_double_as_text_only() -> None:
    assert math.isnan(value_of({"doubleValue": "NaN"}).double_value)
    with pytest.raises(ValueError, match="invalid JSON"):
        value_of({"doubleValue": math.nan})


SPAN = "resourceSpans[0].scopeSpans[0].spans[0]"
VALUE = f"{SPAN}.attributes[0].value"


@pytest.mark.parametrize(
    ("span", "error"),
    [
        ({"traceId": 7}, "traceId: expected hexadecimal digits, two a byte, got 7"),
        ({"traceId": "0g"}, "traceId: expected hexadecimal digits, two a byte, got text"),
        ({"spanId": "abc"}, "spanId: expected hexadecimal digits, two a byte, got text"),
        ({"spanId": "00 11"}, "spanId: expected hexadecimal digits, two a byte, got text"),
        ({"name": 1.5}, "name: expected text, got 1.5"),
        ({"kind": "SPAN_KIND_SERVER"}, "kind: expected a number: OTLP/JSON takes no names"),
        ({"kind": True}, "kind: expected an integer, got true"),
        ({"kind": 1 << 31}, "kind: out of range, -2147483648 to 2147483647"),
        ({"flags": -1}, "flags: out of range, 0 to 4294967295"),
        ({"startTimeUnixNano": "-1"}, "startTimeUnixNano: out of range, 0 to 18446744073709551615"),
        ({"startTimeUnixNano": 1 << 64}, "startTimeUnixNano: out of range"),
        ({"startTimeUnixNano": "9" * 5000}, "startTimeUnixNano: expected a number, got text"),
        ({"startTimeUnixNano": 1.5}, "startTimeUnixNano: expected an integer, got 1.5"),
        ({"startTimeUnixNano": "1_0"}, "startTimeUnixNano: expected a number, got text"),
        ({"startTimeUnixNano": "\u0661"}, "startTimeUnixNano: expected a number, got text"),
        ({"startTimeUnixNano": ""}, "startTimeUnixNano: expected a number, got text"),
        ({"attributes": {}}, "attributes: expected an array, got an object"),
        ({"events": ["x"]}, "events[0]: expected an object, got text"),
        ({"events": [{}, None]}, "events[1]: expected an object, got null"),
        ({"status": []}, "status: expected an object, got an array"),
        ({"status": {"code": "OK"}}, "status.code: expected a number"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(span: dict[str, Any], error: str) -> None:
    assert refusal(Signal.TRACES, traces(**span)).startswith(f"{SPAN}.{error}")


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"bytesValue": "*"}, ".bytesValue: expected base64, got text"),
        ({"boolValue": 1}, ".boolValue: expected true or false, got 1"),
        ({"doubleValue": True}, ".doubleValue: expected a number, got true"),
        ({"doubleValue": "1e999"}, ".doubleValue: expected a number, got text"),
        ({"doubleValue": "nan"}, ".doubleValue: expected a number, got text"),
        ({"arrayValue": {"values": [{}, {"intValue": []}]}}, ".arrayValue.values[1].intValue: "),
        ([], ": expected an object, got an array"),
    ],
)
def test_a_wrong_attribute_is_refused_with_its_path(value: Any, error: str) -> None:
    body = traces(attributes=[{"key": "k", "value": value}])
    assert refusal(Signal.TRACES, body).startswith(VALUE + error)


def test_a_wrong_item_of_a_list_of_numbers_is_refused_with_its_index() -> None:
    metric = {"histogram": {"dataPoints": [{"bucketCounts": ["1", 2, "x"]}]}}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    with pytest.raises(ValueError, match=r"dataPoints\[0\]\.bucketCounts\[2\]: expected a number"):
        json_to_protobuf(Signal.METRICS, json.dumps(body).encode())


def test_an_error_never_repeats_text_of_the_body() -> None:
    error = refusal(Signal.TRACES, traces(startTimeUnixNano="hunter2"))
    assert error == f"{SPAN}.startTimeUnixNano: expected a number, got text"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"\xff":1}', b"[" * 10_000, b"nul"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert refusal(Signal.TRACES, body).startswith("invalid JSON: ")


@pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"null"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(Signal.TRACES, body).startswith("the body: expected an object, got ")


def nested(levels: int, opening: str, closing: str) -> bytes:
    empty = traces(attributes=[{"key": "k", "value": {"boolValue": True}}])
    value = opening * levels + '{"boolValue":true}' + closing * levels
    return empty.replace(b'{"boolValue": true}', value.encode())


@pytest.mark.parametrize(
    ("levels", "opening", "closing"),
    [
        # The value of a span's attribute is 5 messages deep; an array adds 2, a map 3.
        (47, '{"arrayValue":{"values":[', "]}}"),
        (31, '{"kvlistValue":{"values":[{"value":', "}]}}"),
    ],
)
def test_nesting_is_refused_just_where_protobuf_would_not_parse_it_again(
    levels: int, opening: str, closing: str
) -> None:
    message = json_to_protobuf(Signal.TRACES, nested(levels, opening, closing))
    assert Signal.TRACES.request_type.FromString(message.SerializeToString()) == message
    with pytest.raises(ValueError, match=r"attributes\[0\].*: nested more than 100 messages deep"):
        json_to_protobuf(Signal.TRACES, nested(levels + 1, opening, closing))


def test_nesting_of_10000_levels_is_refused() -> None:
    with pytest.raises(ValueError, match="depth"):
        json_to_protobuf(Signal.TRACES, nested(10_000, '{"arrayValue":{"values":[', "]}}"))


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"cut\ud83d", "cut\ufffd"),
        (r"\uDC00x\\\ud83d", "\ufffdx\\\ufffd"),
        (r"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\\ud83d \ud83d", "\\ud83d \ufffd"),
    ],
)
def test_half_a_surrogate_pair_becomes_a_replacement_character(written: str, text: str) -> None:
    assert span_of(traces(name="@").replace(b"@", written.encode())).name == text
