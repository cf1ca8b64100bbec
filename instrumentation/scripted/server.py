"""The scripted model server: four model APIs on one loopback port, and a record of each request."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from . import anthropic, chat, gemini, responses
from .api import Answer, Api, Json
from .script import FIX_THE_BUG, Fault, Script, Usage

_START_STOP_TIMEOUT_S = 10.0
_MAX_BODY_BYTES = 64 * 1024 * 1024
_ROUTES: Mapping[str, Api] = {
    "/v1/messages": anthropic,
    "/v1/responses": responses,
    "/v1/chat/completions": chat,
    "/{version:v1|v1beta}/models/{call:[^/]+:(generate|streamGenerate)Content}": gemini,
}


@dataclass(slots=True)
class Exchange:
    """One request that the server received, and what it answered.

    `model` is empty where no model was called. `status` is 0 until there is an answer. `usage`
    is what the answer told: None for an error, and for a stream that was not asked to tell.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Json
    model: str = ""
    status: int = 0
    usage: Usage | None = None


class ModelServer:
    """Serves a script on a loopback port of its own while its `with` block runs.

    `url` has no path: add `/v1` where an agent wants it. Records may be read at any time.
    """

    def __init__(self, script: Script = FIX_THE_BUG) -> None:
        self.script = script
        self.url = ""
        self.exchanges: list[Exchange] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="model-server")
        self._runner = web.AppRunner(self._app(), shutdown_timeout=0, handler_cancellation=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, *exc: object) -> None:
        self._do(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_STOP_TIMEOUT_S)
        self._loop.close()

    @property
    def model_calls(self) -> list[Exchange]:
        """The requests that asked a model for an answer, in order of arrival."""
        return [exchange for exchange in self.exchanges if exchange.model]

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_STOP_TIMEOUT_S)

    async def _start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0]
        self.url = f"http://{host}:{port}"

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        for path, api in _ROUTES.items():
            app.router.add_post(path, self._model_handler(api))
        app.router.add_post("/v1/messages/count_tokens", self._count_tokens)
        app.router.add_route("*", "/{rest:.*}", self._unknown)
        return app

    def _model_handler(self, api: Api) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            exchange = await self._record(request)
            turn = api.turn(request.path, exchange.body)
            exchange.model = turn.model
            number = len(self.model_calls)
            await asyncio.sleep(self.script.delay_s)
            fault = self.script.fault
            if fault is not None and (fault.times is None or number <= fault.times):
                return _refuse(exchange, fault, api)
            step = self.script.step(turn.tool_results, can_run_commands=turn.shell is not None)
            exchange.status = 200
            exchange.usage = step.usage if turn.reports_usage else None
            answer = Answer(turn, step, number)
            return await _stream(request, answer, api) if turn.stream else _reply(answer, api)

        return handle

    async def _count_tokens(self, request: web.Request) -> web.StreamResponse:
        exchange = await self._record(request)
        exchange.status = 200
        return web.json_response(anthropic.count_tokens(exchange.body))

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        exchange = await self._record(request)
        exchange.status = 404
        return web.json_response({"error": {"message": "not in the script"}}, status=404)

    async def _record(self, request: web.Request) -> Exchange:
        raw = await request.read()
        is_json = raw and request.content_type == "application/json"
        body = json.loads(raw) if is_json else {}
        exchange = Exchange(request.method, request.path, dict(request.headers), body)
        self.exchanges.append(exchange)
        return exchange


def _refuse(exchange: Exchange, fault: Fault, api: Api) -> web.Response:
    exchange.status = fault.status
    headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
    return web.json_response(api.error(fault.status), status=fault.status, headers=headers)


def _reply(answer: Answer, api: Api) -> web.Response:
    return web.json_response(api.reply(answer), headers=_request_id(answer))


async def _stream(request: web.Request, answer: Answer, api: Api) -> web.StreamResponse:
    response = web.StreamResponse(headers=_request_id(answer))
    response.content_type = "text/event-stream"
    await response.prepare(request)
    for name, data in api.events(answer):
        text = data if isinstance(data, str) else json.dumps(data)
        event = f"event: {name}\n" if name else ""
        await response.write(f"{event}data: {text}\n\n".encode())
    await response.write_eof()
    return response


def _request_id(answer: Answer) -> dict[str, str]:
    value = f"req_{answer.number}"
    return {"request-id": value, "x-request-id": value}
