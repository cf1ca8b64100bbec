"""A collector for tests of senders: keeps what it is sent, and answers as it is told to."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from spanscore.collector.signals import Signal

_SIGNALS = {signal.path: signal for signal in Signal}


class OtlpSink:
    """Serves OTLP/HTTP on a loopback port while its `with` block runs.

    `status` is what every request is answered with; only what is answered with 200 is kept.
    """

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.tokens: set[str | None] = set()
        self._requests: list[tuple[Signal, bytes]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def spans(self) -> list[Any]:
        """Every span, in the order in which it came."""
        return [
            span
            for message in self._messages(Signal.TRACES)
            for one in message.resource_spans
            for scope in one.scope_spans
            for span in scope.spans
        ]

    @property
    def records(self) -> list[Any]:
        """Every log record, in the order in which it came."""
        return [
            record
            for message in self._messages(Signal.LOGS)
            for one in message.resource_logs
            for scope in one.scope_logs
            for record in scope.log_records
        ]

    @property
    def resources(self) -> list[dict[str, str]]:
        """The resource of each request of spans."""
        return [
            {a.key: a.value.string_value for a in one.resource.attributes}
            for message in self._messages(Signal.TRACES)
            for one in message.resource_spans
        ]

    def _messages(self, signal: Signal) -> list[Any]:
        return [signal.request_type.FromString(body) for s, body in self._requests if s is signal]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.tokens.add(self.headers.get("x-spanscore-token"))
                if sink.status == 200:
                    sink._requests.append((_SIGNALS[self.path], body))
                self.send_response(sink.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def values(attributes: Any) -> dict[str, Any]:
    """OTLP attributes as a dict: texts, whole numbers, truth values and lists of texts."""
    return {a.key: _value(a.value) for a in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None
