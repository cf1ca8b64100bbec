"""What was said: hashed on the way in (`--content hash`), left out on the way to others."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ahocorasick_rs import BytesAhoCorasick
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

_IDENTIFIER = re.compile(r"[\w.-]+")
_HASHED = re.compile(r"sha256:[0-9a-f]{64} \d+ bytes")


def hash_content(message: Message) -> int:
    """Replace prompts, completions and tool content of an Export request; returns how many values.

    In place of a value stands the text `sha256:<hex> <n> bytes` of its UTF-8 text, of its bytes, or
    for a number, an array or a map of its serialized AnyValue. Content are the attributes that
    content_keys.tsv lists, on resources, scopes, spans, events, links and log records, and every
    log body that is not just the name of its event. Twice changes nothing.
    """
    count = sum(_hash_attributes(owner.attributes) for owner in _owners(message))
    return count + sum(_hash_value(record.body) for record in _telling(message))


def remove_content(message: Message) -> int:
    """Leave out what `hash_content` would hash; returns how many values.

    What is left out of attributes is counted in the `dropped_attributes_count` beside them.
    """
    count = 0
    for owner in _owners(message):
        kept = [attribute for attribute in owner.attributes if not _is_content(attribute.key)]
        dropped = len(owner.attributes) - len(kept)
        if dropped:
            del owner.attributes[:]
            owner.attributes.extend(kept)
            owner.dropped_attributes_count += dropped
            count += dropped
    for record in _telling(message):
        record.ClearField("body")
        count += 1
    return count


def may_hold_content(body: bytes) -> bool:
    """Whether an Export request of traces or metrics may have an attribute that is content.

    Never wrongly no, for what an exporter writes: it looks for the keys as protobuf has them.
    """
    return any(
        _KEYS_ON_THE_WIRE.find_matches_as_indexes(body[start : start + _PIECE_BYTES + _LONGEST])
        for start in range(0, len(body), _PIECE_BYTES)
    )


def _owners(message: Message) -> Iterator[Any]:
    """Every part of an Export request that has attributes which may be content."""
    if isinstance(message, ExportTraceServiceRequest):
        for traces in message.resource_spans:
            yield traces.resource
            for scope_spans in traces.scope_spans:
                yield scope_spans.scope
                for span in scope_spans.spans:
                    yield span
                    yield from span.events
                    yield from span.links
    elif isinstance(message, ExportLogsServiceRequest):
        for logs in message.resource_logs:
            yield logs.resource
            for scope_logs in logs.scope_logs:
                yield scope_logs.scope
                yield from scope_logs.log_records
    elif isinstance(message, ExportMetricsServiceRequest):
        # A resource must stay the same in all signals; data points carry no content.
        for metrics in message.resource_metrics:
            yield metrics.resource
            yield from (scope_metrics.scope for scope_metrics in metrics.scope_metrics)
    else:
        raise TypeError(f"{message.DESCRIPTOR.full_name} is no Export request")


def _telling(message: Message) -> Iterator[LogRecord]:
    """The log records whose body says more than the name of their event."""
    if isinstance(message, ExportLogsServiceRequest):
        for logs in message.resource_logs:
            for scope_logs in logs.scope_logs:
                for record in scope_logs.log_records:
                    if record.body.WhichOneof("value") and not _is_event_name(record):
                        yield record


def _is_event_name(record: LogRecord) -> bool:
    """Whether the body only repeats the name, as `claude_code.api_error` does of `api_error`."""
    body = record.body.string_value
    names = [a.value.string_value for a in record.attributes if a.key == "event.name"]
    return _IDENTIFIER.fullmatch(body) is not None and any(
        body == name or body.endswith(f".{name}") for name in (record.event_name, *names) if name
    )


def _hash_attributes(attributes: Iterable[KeyValue]) -> int:
    return sum(
        _hash_value(attribute.value) for attribute in attributes if _is_content(attribute.key)
    )


def _hash_value(value: AnyValue) -> int:
    kind = value.WhichOneof("value")
    if kind is None or _HASHED.fullmatch(value.string_value):
        return 0
    if kind == "string_value":
        data = value.string_value.encode()
    elif kind == "bytes_value":
        data = value.bytes_value
    else:
        data = value.SerializeToString(deterministic=True)
    value.string_value = f"sha256:{hashlib.sha256(data).hexdigest()} {len(data)} bytes"
    return 1


@lru_cache(maxsize=4096)
def _is_content(key: str) -> bool:
    return key in _KEYS or _KEY_SHAPES.fullmatch(key) is not None


def _read_keys() -> list[str]:
    lines = files(__package__).joinpath("content_keys.tsv").read_text("utf-8").splitlines()
    return [line.split("\t")[0] for line in lines if not line.startswith("#")][1:]


_KEYS = frozenset(_read_keys())
_KEY_SHAPES = re.compile(
    "|".join(re.escape(key).replace(r"\*", "[^.]+") for key in sorted(_KEYS) if "*" in key)
)


def _on_the_wire(key: str) -> bytes:
    """How a KeyValue with this key begins: field 1, the length, the text; of a shape its start."""
    start, star, _ = key.partition("*")
    return start.encode() if star else b"\x0a" + bytes([len(key)]) + key.encode()


# A search returns all its finds at once, so a body is searched in pieces, up to the first find.
_PIECE_BYTES = 1 << 16
_LONGEST = max(map(len, map(_on_the_wire, _KEYS)))
_KEYS_ON_THE_WIRE = BytesAhoCorasick(sorted(map(_on_the_wire, _KEYS)))
