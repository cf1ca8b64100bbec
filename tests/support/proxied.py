"""A route through the proxy and the spans that come of it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.proxy import Proxy, Route, Traffic, Upstream

DUMMY = "dummy-key-of-the-agent"
TIMEOUT_S = 20.0


@dataclass
class Proxied:
    """A run's route, its spans, and the answers that a plain client gets through it."""

    route: Route
    exporter: InMemorySpanExporter
    container: trace.Span
    traffic: Traffic | None = None
    connections: list[http.client.HTTPConnection] = field(default_factory=list)

    def close(self, ended_ns: int | None = None) -> Traffic:
        """Closes the route, so that each span has come."""
        self.traffic = self.route.close(ended_ns)
        return self.traffic

    def spans(self, role: c.Role) -> list[ReadableSpan]:
        """The spans of a role, in the order of their ends."""
        found = self.exporter.get_finished_spans()
        return [span for span in found if span.attributes and span.attributes[c.ROLE] == role]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The attributes of the model calls, in the order of their ends."""
        return [dict(span.attributes or {}) for span in self.spans(c.Role.MODEL_CALL)]

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The attributes of the tool calls."""
        return [dict(span.attributes or {}) for span in self.spans(c.Role.TOOL_CALL)]

    def open(
        self,
        path: str,
        body: object = None,
        headers: Mapping[str, str | bytes] | None = None,
        method: str = "POST",
    ) -> http.client.HTTPResponse:
        """Sends a request over a connection of its own; the answer is to be read."""
        place = urlsplit(self.route.url)
        connection = http.client.HTTPConnection(place.netloc, timeout=TIMEOUT_S)
        self.connections.append(connection)
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        given = {"Content-Type": "application/json", "Authorization": f"Bearer {DUMMY}"}
        connection.request(method, place.path + path, data, given | dict(headers or {}))
        return connection.getresponse()

    def post(
        self, path: str, body: object, headers: Mapping[str, str | bytes] | None = None
    ) -> bytes:
        """The body of the answer."""
        return self.open(path, body, headers).read()


@contextmanager
def proxied(url: str | None, proxy: Proxy | None = None, **options: Any) -> Iterator[Proxied]:
    """A route to `url`, on a proxy of its own if none is given."""
    if proxy is None:
        with Proxy() as own, proxied(url, own, **options) as found:
            yield found
        return
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({c.RUN_ID: "run-1", c.CELL_ID: "cell-1"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")
    container = tracer.start_span("container", attributes={c.ROLE: c.Role.CONTAINER})
    upstream = options.pop("upstream", None) or (None if url is None else Upstream(url))
    route = proxy.route(
        tracer, trace.set_span_in_context(container, Context()), upstream, **options
    )
    found = Proxied(route, exporter, container)
    try:
        yield found
    finally:
        for connection in found.connections:
            connection.close()
        found.close()
        container.end()
        provider.shutdown()


CHAT = "/v1/chat/completions"


def chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A request for a chat completion, with a shell tool."""
    tools = [{"type": "function", "function": {"name": "bash", "parameters": {}}}]
    asked = list(messages) or [{"role": "user", "content": "Fix the bug"}]
    return {"model": "main-model", "messages": asked, "tools": tools, **more}
