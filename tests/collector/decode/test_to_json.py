"""OTLP/JSON out: what is written is read back as an equal message."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.collector.decode.from_json import json_to_protobuf
from spanscore.collector.decode.to_json import to_json
from spanscore.collector.signals import Signal
from tests.support.otlp_strategies import stored_requests
from tests.support.telemetry import span, traces_request


@pytest.mark.parametrize("signal", list(Signal))
@settings(max_examples=50)
@given(data=st.data())
def test_a_message_comes_back_equal(signal: Signal, data: st.DataObject) -> None:
    message = data.draw(stored_requests(signal))
    again = json_to_protobuf(signal, to_json(message))
    # Both through one writer: NaN is not equal to itself.
    assert again.SerializeToString(deterministic=True) == message.SerializeToString(
        deterministic=True
    )


def test_ids_are_hexadecimal_and_numbers_as_otlp_has_them() -> None:
    request = traces_request(span(parent="0a0b0c0d0e0f1011", tokens=5))
    text = to_json(Signal.TRACES.request_type.FromString(request.body))
    document: Any = orjson.loads(text)
    found = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert found["traceId"] == "0102030405060708090a0b0c0d0e0f10"
    assert (found["spanId"], found["parentSpanId"]) == ("0102030405060708", "0a0b0c0d0e0f1011")
    assert found["startTimeUnixNano"] == "1790000000000000000"
    assert found["attributes"] == [{"key": "tokens", "value": {"intValue": "5"}}]
    assert b"\n" not in text
