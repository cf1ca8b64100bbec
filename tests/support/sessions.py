"""The captured sessions of tests/payloads as requests for the inbox, without a server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from spanscore.collector.decode.from_json import json_to_protobuf
from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal

from .payloads import FOLDER, SESSIONS, requests_of

SIGNALS = {signal.path: signal for signal in Signal}
AT_ROOT = "codex/root-path"
"""The session that was sent to `/`; its requests say their signal by their order alone."""

_AT_ROOT_ORDER = (Signal.LOGS, Signal.TRACES, Signal.TRACES, Signal.METRICS, Signal.LOGS)

__all__ = ["SESSIONS", "model_requests", "session_requests"]


def session_requests(session: str) -> Iterator[Request]:
    """The requests of one session, as the receiver would put them into the inbox."""
    for number, sent in enumerate(requests_of(session)):
        signal = _AT_ROOT_ORDER[number] if session == AT_ROOT else SIGNALS[sent.path]
        body = sent.plain
        if sent.content_type.startswith("application/json"):
            body = json_to_protobuf(signal, body).SerializeToString()
        yield Request(signal, "open", time.time_ns(), body)


def model_requests(session: str) -> list[dict[str, Any]]:
    """What the model endpoint received and answered in that session, in order."""
    index = json.loads((FOLDER / session / "index.json").read_text())
    found: list[dict[str, Any]] = index["model_requests"]
    return found
