"""What one request of the agent and its answer come to: a span, and a line of the recording."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from spanscore.instrumentation.conventions import CallError, Purpose

from .answer_reader import AnswerReader
from .attempts import Attempt
from .decoding import decoded
from .errors import SourceError
from .faults import Fault
from .headers import without_key
from .loose import Json, mapping
from .model_api import Answer, Api, Asked, ToolResult
from .recording import Exchange, Take
from .replay import Divergence
from .upstream import Incoming, Outgoing

_NO_MODEL_CALL = re.compile(r"count_?tokens|embed|moderation|tokenize", re.IGNORECASE)


class Stopwatch:
    """Times of one request on the clock of spans, which a change of the system's clock spares."""

    def __init__(self) -> None:
        self.start_ns = time.time_ns()
        self._origin_ns = time.perf_counter_ns()

    def now_ns(self) -> int:
        """Nanoseconds since 1970."""
        return self.start_ns + time.perf_counter_ns() - self._origin_ns

    def ms(self) -> float:
        """Milliseconds since the request came."""
        return (time.perf_counter_ns() - self._origin_ns) / 1e6


@dataclass(slots=True)
class Request:
    """A request of the agent. `path` is what stands behind the token, with its query."""

    outgoing: Outgoing
    api: Api | None
    clock: Stopwatch
    _body: Json | None = None
    _hash: str | None = None

    @property
    def hash(self) -> str:
        """SHA-256 of the body, as JSON with sorted keys where it is an object.

        Agents write the same object in another order when they send it again (Codex).
        """
        if self._hash is None:
            self._hash = hashlib.sha256(_sorted(self.body) or self.outgoing.body).hexdigest()
        return self._hash

    @property
    def path(self) -> str:
        """The path without its query."""
        return self.outgoing.path.partition("?")[0]

    @property
    def recorded_path(self) -> str:
        """Path and query as they are recorded: without a key."""
        return without_key(self.outgoing.path)

    @property
    def body(self) -> Json:
        """The body as an object; empty where it is none."""
        if self._body is None:
            encoding = self.outgoing.headers.get("Content-Encoding", "").strip().lower()
            plain = decoded(self.outgoing.body, encoding)
            self._body = {} if isinstance(plain, str) else mapping(_parsed(plain))
        return self._body

    def asked(self) -> Asked | None:
        """What a model is asked for."""
        return None if self.api is None else self.api.asked(self.path, self.body)

    def results(self) -> Iterable[ToolResult]:
        """The tool results that it carries, the last first."""
        return () if self.api is None else self.api.results(self.body)

    @property
    def seems_model_call(self) -> bool:
        """Whether it calls a model by an API that the proxy does not know."""
        if self.api is not None or self.outgoing.method != "POST":
            return False
        if b'"model"' not in self.outgoing.body or _NO_MODEL_CALL.search(self.path):
            return False
        return isinstance(self.body.get("model"), str)


@dataclass(slots=True)
class Watch:
    """One request as it goes through: told of each step, it keeps what a span needs.

    `asked`, `attempt` and `purpose` are set for calls to a model.
    """

    request: Request
    take: Take | None = None
    divergence: Divergence | None = None
    asked: Asked | None = None
    attempt: Attempt | None = None
    purpose: Purpose = Purpose.MAIN
    status: int | None = None
    response_bytes: int = 0
    first_chunk_ms: float | None = None
    last_chunk_ns: int | None = None
    is_streamed: bool = False
    reader: AnswerReader | None = None
    broken: SourceError | None = None
    is_client_gone: bool = False

    def headers_came(self, incoming: Incoming) -> None:
        """The answer has begun."""
        headers = incoming.headers
        self.status = incoming.status
        self._note_failure()
        content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        self.is_streamed = content_type == "text/event-stream"
        if self.request.api is not None:
            encoding = headers.get("Content-Encoding", "").strip().lower()
            self.reader = AnswerReader(self.request.api, encoding, has_events=self.is_streamed)
        if self.take is not None:
            self.take.begin(incoming, self.request.clock.ms())

    def chunk_passed(self, chunk: bytes) -> None:
        """These bytes were handed to the agent."""
        at_ms = self.request.clock.ms()
        self.last_chunk_ns = self.request.clock.now_ns()
        self.response_bytes += len(chunk)
        if self.take is not None:
            self.take.add(chunk, at_ms)
        if self.reader is not None:
            self.reader.feed(chunk)
            if self.first_chunk_ms is None and self.reader.has_begun:
                self.first_chunk_ms = at_ms
            self._note_failure()

    def _note_failure(self) -> None:
        """At once: an agent may send it again before this answer has ended."""
        refused = self.status is not None and self.status >= 400
        if self.attempt is not None and (refused or self.fault is not None):
            self.attempt.is_failed = True

    def ended(self) -> Exchange | None:
        """Nothing more will come. Gives what is to be recorded."""
        if self.reader is not None:
            self.reader.end()
        if self.take is None:
            return None
        broken_by = None if self.answer.is_ended else self._broken_by
        return self.take.end(self.request.hash, broken_by, self.request.clock.ms())

    @property
    def answer(self) -> Answer:
        """What is known of the answer; empty without one."""
        return self.reader.answer if self.reader is not None else Answer()

    @property
    def end_ns(self) -> int:
        """When the answer was complete, or broke off."""
        if self.answer.is_ended and self.last_chunk_ns is not None:
            return self.last_chunk_ns
        return self.request.clock.now_ns()

    @property
    def fault(self) -> Fault | None:
        """The provider's own error."""
        return self.answer.fault

    @property
    def error_type(self) -> str | None:
        """The value of error.type; None for an answer that is whole."""
        status = self.status
        if self.fault is not None:
            return self.fault.error_type(status)
        if status is not None and status >= 400:
            return str(status)
        if self.answer.is_ended:
            return None
        return self._broken_by or self._unfinished

    @property
    def error_message(self) -> str:
        """What is known of the error, in words."""
        if self.fault is not None:
            return self.fault.message
        return str(self.broken) if self.broken is not None else ""

    @property
    def _broken_by(self) -> str | None:
        if self.broken is not None:
            return self.broken.error_type
        return CallError.CLIENT_GONE.value if self.is_client_gone else None

    @property
    def _unfinished(self) -> str | None:
        """An answer that ended in the regular way, but is none."""
        if self.reader is None:
            return None
        if self.is_streamed:
            return CallError.CUT.value if self.reader.why_not is None else None
        is_nothing = self.reader.why_not in ("not JSON", "empty")
        return CallError.INVALID_ANSWER.value if is_nothing else None

    @property
    def usage_missing(self) -> str | None:
        """Why an answered call has no token counts; None if it has them or was not answered."""
        usage = self.answer.usage
        if self.error_type is not None or None not in (usage.input_tokens, usage.output_tokens):
            return None
        if self.reader is not None and self.reader.why_not is not None:
            return f"the answer could not be read: {self.reader.why_not}"
        if self.asked is not None and not self.asked.asks_usage:
            return "the agent did not ask for the usage of its stream"
        if usage.input_tokens is None and usage.output_tokens is None:
            return "the answer tells none"
        missing = "input" if usage.input_tokens is None else "output"
        return f"the answer tells no {missing} tokens"


def _sorted(body: Json) -> bytes:
    try:
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS) if body else b""
    except orjson.JSONEncodeError:
        return b""


def _parsed(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
