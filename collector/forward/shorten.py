"""Long attribute values, cut to what a backend keeps, so that it shows what was cut."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import orjson

from spanscore.collector.decode.values import plain

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


def shorten_attributes(request: Any, max_bytes: int, page_url: str) -> int:
    """Cut every attribute value of an Export request of traces above `max_bytes`; how many were.

    What is left: the beginning, then `[<n> bytes, sha256:<hex>, <link>]`, together `max_bytes` at
    most. The link opens the span on the page at `page_url`, where the whole value is.
    """
    count = 0
    for resource_spans in request.resource_spans:
        count += _shorten(resource_spans.resource.attributes, max_bytes, page_url)
        for scope_spans in resource_spans.scope_spans:
            count += _shorten(scope_spans.scope.attributes, max_bytes, page_url)
            for span in scope_spans.spans:
                if span.ByteSize() <= max_bytes:
                    continue
                ids = f"trace={span.trace_id.hex()}&span={span.span_id.hex()}"
                link = f"{page_url}/runs/by-span?{ids}"
                for owner in (span, *span.events, *span.links):
                    count += _shorten(owner.attributes, max_bytes, link)
    return count


def _shorten(attributes: Iterable[KeyValue], max_bytes: int, link: str) -> int:
    count = 0
    for attribute in attributes:
        if attribute.ByteSize() > max_bytes:
            count += _shorten_value(attribute.value, max_bytes, link)
    return count


def _shorten_value(value: AnyValue, max_bytes: int, link: str) -> int:
    data = _bytes_of(value)
    if len(data) <= max_bytes:
        return 0
    tail = f" ... [{len(data)} bytes, sha256:{hashlib.sha256(data).hexdigest()}, {link}]".encode()
    head = data[: max(0, max_bytes - len(tail))]
    value.string_value = head.decode(errors="ignore") + tail.decode()
    return 1


def _bytes_of(value: AnyValue) -> bytes:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value.encode()
    if kind == "bytes_value":
        return value.bytes_value.hex().encode()
    if kind in ("array_value", "kvlist_value"):
        return orjson.dumps(plain(value))
    return b""
