"""A route through the proxy and the spans that come of it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal
from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.proxy import Proxy, Route, Traffic, Upstream

from .harness_run import Run

DUMMY = "dummy-key-of-the-agent"
TIMEOUT_S = 20.0


@dataclass
class Proxied:
    """A run's route, its spans, and the answers that a plain client gets through it."""

    route: Route
    exporter: InMemorySpanExporter
    traffic: Traffic | None = None
    connections: list[http.client.HTTPConnection] = field(default_factory=list)

    def close(self, ended_ns: int | None = None) -> Traffic:
        """Closes the route, so that each span has come."""
        self.traffic = self.route.close(ended_ns)
        return self.traffic

    @property
    def all_spans(self) -> list[ReadableSpan]:
        """All spans, in the order of their ends."""
        return list(self.exporter.get_finished_spans())

    def spans(self, role: c.Role) -> list[ReadableSpan]:
        """The spans of a role; model calls in the order of their beginnings."""
        found = [s for s in self.all_spans if s.attributes and s.attributes[c.ROLE] == role]
        is_call = role is c.Role.MODEL_CALL
        return sorted(found, key=lambda span: span.start_time or 0) if is_call else found

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The attributes of the model calls, in the order of their beginnings."""
        return [dict(span.attributes or {}) for span in self.spans(c.Role.MODEL_CALL)]

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The attributes of the tool calls."""
        return [dict(span.attributes or {}) for span in self.spans(c.Role.TOOL_CALL)]

    def request(self) -> Request:
        """The calls and tool calls as the harness' exporter sends them."""
        spans = [*self.spans(c.Role.MODEL_CALL), *self.spans(c.Role.TOOL_CALL)]
        body = encode_spans(spans).SerializeToString()
        return Request(Signal.TRACES, "harness", time.time_ns(), body)

    def open(
        self,
        path: str,
        body: object = None,
        headers: Mapping[str, str | bytes] | None = None,
        method: str = "POST",
    ) -> http.client.HTTPResponse:
        """Sends a request over a connection of its own; the answer is to be read."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        given = {"Content-Type": "application/json", "Authorization": f"Bearer {DUMMY}"}
        return self.send(method, path, data, given | dict(headers or {}))

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str | bytes]
    ) -> http.client.HTTPResponse:
        """Sends exactly this."""
        place = urlsplit(self.route.url)
        connection = http.client.HTTPConnection(place.netloc, timeout=TIMEOUT_S)
        self.connections.append(connection)
        connection.request(method, place.path + path, body, headers)
        return connection.getresponse()

    def post(
        self, path: str, body: object, headers: Mapping[str, str | bytes] | None = None
    ) -> bytes:
        """The body of the answer."""
        return self.open(path, body, headers).read()


@contextmanager
def proxied(
    url: str | None, proxy: Proxy | None = None, of: Run | None = None, **options: Any
) -> Iterator[Proxied]:
    """A route to `url` for the container of a made run, on a proxy of its own if none is given."""
    if proxy is None:
        with Proxy() as own, proxied(url, own, of, **options) as found:
            yield found
        return
    run = of or Run("run-1")
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource(run.resource))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    upstream = options.pop("upstream", None) or (None if url is None else Upstream(url))
    route = proxy.route(provider.get_tracer("tests"), _inside(run), upstream, **options)
    found = Proxied(route, exporter)
    try:
        yield found
    finally:
        for connection in found.connections:
            connection.close()
        found.close()
        provider.shutdown()


def _inside(run: Run) -> Context:
    """The context of the run's container span."""
    container = trace.SpanContext(
        trace_id=int.from_bytes(run.trace),
        span_id=int(run.span_id(c.Role.CONTAINER), 16),
        is_remote=False,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(container), Context())


CHAT = "/v1/chat/completions"


def chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A request for a chat completion, with a shell tool."""
    tools = [{"type": "function", "function": {"name": "bash", "parameters": {}}}]
    asked = list(messages) or [{"role": "user", "content": "Fix the bug"}]
    return {"model": "main-model", "messages": asked, "tools": tools, **more}
