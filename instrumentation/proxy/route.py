"""One run's way through the proxy: its token, what it may use, and what it came to."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from aiohttp import web

from spanscore.instrumentation.conventions import CallError, Purpose

from .apis import recognise
from .attempts import Attempts
from .errors import RecordingError, SourceError
from .headers import to_upstream
from .model_api import Api
from .purpose import Purposes
from .recording import Exchange, Recorder, Take
from .relay import BodyTooLargeError, answer_of, break_off, pass_back, read_body
from .replay import NOTHING_LEFT, Replay
from .spans import Emitter
from .tool_calls import ToolCalls
from .upstream import Outgoing, Source
from .watch import Request, Stopwatch, Watch

MAX_REQUEST_BYTES = 64 << 20
MAX_REQUESTS_AT_ONCE = 256
_CLOSE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a run may ask for: calls, or tokens in and out that answers told. None: any."""

    calls: int | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went through a route.

    `calls_complete` is false if the proxy passed on what seems to be a call to a model by an API
    that it does not know; `gaps` says which. `calls` are HTTP attempts to call a model.
    `recording_error` says why a recording is not whole, if it is not. `last_error` is the
    error.type of the last call that did the task, None if that one was answered.
    """

    calls_complete: bool
    gaps: tuple[str, ...]
    requests: int
    calls: int
    request_bytes: int
    response_bytes: int
    divergences: int
    budget_exhausted: str | None
    recording_error: str | None
    last_error: str | None


class Session:
    """The state of one run in the proxy; used on the proxy's loop alone."""

    def __init__(
        self,
        *,
        emitter: Emitter,
        endpoint: Source | None,
        model: str | None,
        recorder: Recorder | None,
        replay: Replay | None,
        budget: Budget,
    ) -> None:
        self.budget_exhausted: str | None = None
        self._emitter = emitter
        self._endpoint = endpoint
        self._recorder = recorder
        self._replay = replay
        self._budget = budget
        self._attempts = Attempts()
        self._purposes = Purposes(model)
        self._tools = ToolCalls()
        self._tasks: set[asyncio.Task[object]] = set()
        self._gaps: Counter[str] = Counter()
        self._failure: RecordingError | None = None
        self._last_error: str | None = None
        self._requests = self._calls = self._tokens = 0
        self._request_bytes = self._response_bytes = self._divergences = 0

    async def serve(self, request: web.Request, path: str) -> web.StreamResponse:
        """Answers one request of the agent; `path` is what stands behind the token."""
        if len(self._tasks) >= MAX_REQUESTS_AT_ONCE:
            return refusal(503, f"more than {MAX_REQUESTS_AT_ONCE} requests at once")
        if "upgrade" in request.headers.get("Connection", "").lower():
            return refusal(426, "the recording proxy passes no websockets on, only HTTP")
        task = asyncio.current_task()
        assert task is not None, "a handler runs in a task"
        self._tasks.add(task)
        try:
            return await self._serve(request, path)
        finally:
            self._tasks.discard(task)

    async def close(self, ended_ns: int) -> Traffic:
        """Breaks off what is still under way; the agent ended at `ended_ns`."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_TIMEOUT_S)
        for derived in self._tools.unanswered(ended_ns):
            self._emitter.tool_call(derived)
        if self._recorder is not None:
            try:
                self._recorder.close()
            except RecordingError as error:
                self._failure = error
        return Traffic(
            calls_complete=not self._gaps,
            gaps=tuple(f"{times} x {gap}" for gap, times in self._gaps.most_common()),
            requests=self._requests,
            calls=self._calls,
            request_bytes=self._request_bytes,
            response_bytes=self._response_bytes,
            divergences=self._divergences + (self._replay.unplayed if self._replay else 0),
            budget_exhausted=self.budget_exhausted,
            recording_error=None if self._failure is None else str(self._failure),
            last_error=self._last_error,
        )

    async def _serve(self, request: web.Request, path: str) -> web.StreamResponse:
        clock = Stopwatch()
        try:
            body = await read_body(request, MAX_REQUEST_BYTES)
        except BodyTooLargeError:
            return refusal(413, f"the request is larger than {MAX_REQUEST_BYTES} bytes")
        api = recognise(request.method, path.partition("?")[0])
        self._requests += 1
        self._request_bytes += len(body)
        if api is not None and self._is_over_budget():
            message = f"the budget of {self.budget_exhausted} of this run is reached"
            return refusal(400, message, "budget_exhausted", api)
        headers, key_header = to_upstream(request.headers), api.KEY_HEADER if api else None
        watch = Watch(
            Request(Outgoing(request.method, path, headers, body, key_header), api, clock)
        )
        try:
            return await self._relay(request, watch)
        except asyncio.CancelledError:
            watch.is_client_gone = True
            raise
        finally:
            self._note(watch)

    async def _relay(self, request: web.Request, watch: Watch) -> web.StreamResponse:
        source = self._source(watch)
        try:
            incoming = await answer_of(source, watch.request.outgoing, lambda: self._begin(watch))
        except SourceError as error:
            watch.broken = error
            return self._no_answer(error, watch.request.api)
        try:
            watch.headers_came(incoming)
            return await pass_back(request, incoming, lambda chunk: self._passed(watch, chunk))
        except SourceError as error:
            watch.broken = error
            return break_off(request)
        except ConnectionError:
            watch.is_client_gone = True
            return break_off(request)
        finally:
            incoming.close()

    def _no_answer(self, error: SourceError, api: Api | None) -> web.Response:
        """What the agent gets instead of an answer that never began."""
        words = self._emitter.mask.hide_text(str(error))
        if error.error_type == NOTHING_LEFT:
            return refusal(400, words, NOTHING_LEFT, api)
        status = 504 if error.error_type == CallError.TIMEOUT else 502
        message = f"the model endpoint gave no answer ({error.error_type}): {words}"
        return refusal(status, message, error.error_type, api)

    def _source(self, watch: Watch) -> Source:
        """Where the answer is to come from."""
        request = watch.request
        method, path = request.outgoing.method, request.recorded_path
        if self._recorder is not None:
            watch.take = Take(Exchange(self._requests, method, path))
        if self._replay is None:
            assert self._endpoint is not None, "a route has an endpoint or a recording"
            return self._endpoint
        is_call = request.api is not None
        exchange, divergence = self._replay.take(method, path, request.hash, is_model_call=is_call)
        watch.divergence = divergence
        self._divergences += divergence is not None
        return self._replay.source(exchange)

    def _is_over_budget(self) -> bool:
        budget = self._budget
        if budget.calls is not None and self._calls >= budget.calls:
            self.budget_exhausted = "calls"
        elif budget.tokens is not None and self._tokens >= budget.tokens:
            self.budget_exhausted = "tokens"
        return self.budget_exhausted is not None

    def _begin(self, watch: Watch) -> None:
        """Reads the request, while it is on its way."""
        request = watch.request
        watch.asked = request.asked()
        if watch.asked is None:
            return
        self._calls += 1
        retries = request.outgoing.headers.get("x-stainless-retry-count")
        kind = f"{request.path} {watch.asked.model}"
        watch.attempt = self._attempts.begin(f"{request.path} {request.hash}", kind, retries)
        watch.purpose = self._purposes.of(watch.asked)
        for derived in self._tools.answered(request.results(), request.clock.start_ns):
            self._emitter.tool_call(derived)

    def _passed(self, watch: Watch, chunk: bytes) -> None:
        was_ended = watch.answer.is_ended
        watch.chunk_passed(chunk)
        # An agent may go on before the connection says that the answer is over.
        if watch.answer.is_ended and not was_ended:
            self._expect_results(watch)

    def _expect_results(self, watch: Watch) -> None:
        for derived in self._tools.asked_for(watch.answer, watch.end_ns):
            self._emitter.tool_call(derived)

    def _note(self, watch: Watch) -> None:
        """A request is over, however it ended."""
        if watch.asked is None:
            self._begin(watch)  # the agent went before it was read
        was_ended = watch.answer.is_ended
        exchange = watch.ended()
        if watch.answer.is_ended and not was_ended:
            self._expect_results(watch)
        self._response_bytes += watch.response_bytes
        if watch.attempt is not None:
            usage = watch.answer.usage
            self._tokens += (usage.input_tokens or 0) + (usage.output_tokens or 0)
            watch.attempt.is_failed = watch.error_type is not None
            if watch.purpose is Purpose.MAIN:
                self._last_error = watch.error_type
            self._emitter.model_call(watch)
        elif watch.request.seems_model_call and 200 <= (watch.status or 0) < 300:
            self._gaps[f"POST {watch.request.path}: no model API that the proxy knows"] += 1
        if exchange is not None:
            self._record(exchange)

    def _record(self, exchange: Exchange) -> None:
        """A full disk breaks no request: `close` tells of it."""
        try:
            if self._recorder is not None and self._failure is None:
                self._recorder.add(exchange)
        except RecordingError as error:
            self._failure = error


def refusal(
    status: int, message: str, code: str = "spanscore_proxy", api: Api | None = None
) -> web.Response:
    """An error of the proxy's own, in the form of the API that was asked."""
    if api is not None:
        return web.json_response(api.error_body(status, code, message), status=status)
    return web.json_response({"error": {"message": message, "code": code}}, status=status)
