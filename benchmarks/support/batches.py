"""Ready-made requests: thin spans (about 651 bytes, 12 attributes) and fat ones."""

from __future__ import annotations

import random
import time

import orjson
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

SPANS = 512
"""Spans a request: what OTel SDKs send by default."""

SPANS_A_TRACE = 25
FAT_SHARE = 20
"""One span in so many of a fat batch carries a string of 32 KB."""


def thin(count: int, seed: int = 1) -> list[bytes]:
    """`count` requests of SPANS thin spans each; every id is new."""
    chance = random.Random(seed)
    return [_request(chance, fat=False).SerializeToString() for _ in range(count)]


def fat(count: int, seed: int = 2) -> list[bytes]:
    """As `thin`, but one span in FAT_SHARE carries 32 KB."""
    chance = random.Random(seed)
    return [_request(chance, fat=True).SerializeToString() for _ in range(count)]


def as_json(bodies: list[bytes]) -> list[bytes]:
    """The same requests as OTLP/JSON."""
    return [_to_json(body) for body in bodies]


def _to_json(body: bytes) -> bytes:
    request = ExportTraceServiceRequest.FromString(body)
    document = json_format.MessageToDict(request, use_integers_for_enums=True)
    for resource, sent in zip(document["resourceSpans"], request.resource_spans, strict=True):
        spans = zip(resource["scopeSpans"][0]["spans"], sent.scope_spans[0].spans, strict=True)
        for span, original in spans:
            span["traceId"] = original.trace_id.hex()
            span["spanId"] = original.span_id.hex()
            span["parentSpanId"] = original.parent_span_id.hex()
    return orjson.dumps(document)


def _request(chance: random.Random, *, fat: bool) -> ExportTraceServiceRequest:
    spans = []
    now_ns = time.time_ns()
    conversation, trace_id = "", b""
    for number in range(SPANS):
        if number % SPANS_A_TRACE == 0:
            trace_id = chance.randbytes(16)
            conversation = f"{chance.getrandbits(128):032x}"
        note = "n" * 32_000 if fat and number % FAT_SHARE == 0 else "n" * 110
        spans.append(_span(chance, number, trace_id, conversation, now_ns, note))
    resource = Resource(attributes=[_kv("service.name", "bench"), _kv("host.name", "localhost")])
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=spans)])]
    )


def _span(
    chance: random.Random, number: int, trace_id: bytes, conversation: str, now_ns: int, note: str
) -> Span:
    start_ns = now_ns + number * 1_000_000
    return Span(
        trace_id=trace_id,
        span_id=chance.randbytes(8),
        parent_span_id=chance.randbytes(8),
        name=f"chat model-{number % 7}",
        kind=3,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + chance.randrange(1_000_000, 3_000_000_000),
        status=Status(code=1),
        attributes=[
            _kv("gen_ai.operation.name", "chat"),
            _kv("gen_ai.request.model", f"model-{number % 7}"),
            _kv("gen_ai.conversation.id", conversation),
            _kv("gen_ai.usage.input_tokens", chance.randrange(200_000)),
            _kv("gen_ai.usage.output_tokens", chance.randrange(8_000)),
            _kv("http.response.status_code", 200),
            _kv("server.address", "model.example.com"),
            _kv("code.function.name", "complete_with_tools"),
            _kv("thread.name", f"worker-{number % 8}"),
            _kv("request.cost", chance.random()),
            _kv("request.id", f"req_{chance.getrandbits(96):024x}"),
            _kv("note", note),
        ],
    )


def _kv(key: str, value: str | int | float) -> KeyValue:
    if isinstance(value, str):
        return KeyValue(key=key, value=AnyValue(string_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    return KeyValue(key=key, value=AnyValue(double_value=value))
