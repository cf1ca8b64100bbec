"""The OTLP requests that real agents sent (tests/payloads), as they came."""

from __future__ import annotations

import gzip
import http.client
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from google.protobuf import json_format

from spanscore.collector.signals import Signal

FOLDER = Path(__file__).parent.parent / "payloads"
SESSIONS = sorted(str(p.parent.relative_to(FOLDER)) for p in FOLDER.glob("*/*/index.json"))


@dataclass(frozen=True, slots=True)
class Sent:
    """One HTTP request of an agent."""

    path: str
    content_type: str
    content_encoding: str | None
    chunked: bool
    body: bytes

    def post(self, base_url: str) -> int:
        """Send it as it was sent, and return the status."""
        where = urlsplit(base_url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        headers = {"Content-Type": self.content_type}
        if self.content_encoding:
            headers["Content-Encoding"] = self.content_encoding
        body: Any = self.body
        if self.chunked:
            body = (self.body[i : i + 4096] for i in range(0, len(self.body), 4096))
        try:
            connection.request("POST", self.path, body, headers, encode_chunked=self.chunked)
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    @property
    def plain(self) -> bytes:
        """The body without compression."""
        return gzip.decompress(self.body) if self.body[:2] == b"\x1f\x8b" else self.body


def requests_of(session: str) -> Iterator[Sent]:
    """The requests of one captured session, in order."""
    folder = FOLDER / session
    for entry in json.loads((folder / "index.json").read_text())["requests"]:
        yield Sent(
            entry["path"],
            entry["content_type"],
            entry["content_encoding"],
            entry["transfer_encoding"] == "chunked",
            _encoded((folder / entry["file"]).read_bytes(), entry["content_encoding"]),
        )


def _encoded(body: bytes, encoding: str | None) -> bytes:
    return gzip.compress(body) if encoding == "gzip" and body[:2] != b"\x1f\x8b" else body


def records(sent: Sent, signal: Signal) -> Counter[str]:
    """How many records the request holds, by view; read by protobuf's own parsers."""
    message: Any = signal.request_type()
    if sent.content_type.startswith("application/json"):
        # Ids are hex in OTLP and base64 in protobuf's JSON; their values do not matter here.
        json_format.ParseDict(_without_ids(json.loads(sent.plain)), message, True)
    else:
        message.ParseFromString(sent.plain)
    found: Counter[str] = Counter()
    for spans in (
        ss.spans for rs in getattr(message, "resource_spans", ()) for ss in rs.scope_spans
    ):
        found["spans"] += len(spans)
    for logs in (
        sl.log_records for rl in getattr(message, "resource_logs", ()) for sl in rl.scope_logs
    ):
        found["logs"] += len(logs)
    for metrics in (
        sm.metrics for rm in getattr(message, "resource_metrics", ()) for sm in rm.scope_metrics
    ):
        for metric in metrics:
            found["metric_points"] += len(getattr(metric, metric.WhichOneof("data")).data_points)
    return found


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        ids = ("traceId", "spanId", "parentSpanId")
        return {k: _without_ids(v) for k, v in value.items() if k not in ids}
    return [_without_ids(item) for item in value] if isinstance(value, list) else value
