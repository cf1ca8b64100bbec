"""The proxy itself: a loopback port, a thread of its own, and a token for each run."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp
from aiohttp import web
from opentelemetry.context import Context
from opentelemetry.trace import Tracer
from yarl import URL

from .errors import ProxyError
from .masking import Mask
from .recording import Recorder, read_recording
from .replay import Replay, Timing
from .route import Budget, Session, Traffic, refusal
from .spans import Emitter
from .upstream import Endpoint, Upstream, open_session

_HOST = "127.0.0.1"
_PREFIX = "/r/"
_MAX_SOCKET_PATH_BYTES = 107
_WAIT_S = 15.0
_SHUTDOWN_S = 1.0

_Result = TypeVar("_Result")


class Proxy:
    """Stands between agents and their model endpoints while its `with` block runs.

    It serves on a loopback port, and on a unix socket if it is given a path for one. The socket may
    be used by every user that can reach it, as the users inside containers must: put it into a
    folder of its own. Routes may be opened and closed from any thread.
    """

    def __init__(self, *, socket: Path | None = None) -> None:
        self.url = ""
        """The port's URL, without a path."""
        self._socket = socket
        self._sessions: dict[str, Session] = {}
        self._routes: set[Route] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._runner: web.AppRunner | None = None
        self._client: aiohttp.ClientSession | None = None

    def __enter__(self) -> Self:
        """Raises ProxyError if it cannot serve on the socket."""
        self._thread.start()
        try:
            self._do(self._start())
        except OSError as error:
            self.__exit__()
            raise ProxyError(f"the proxy cannot serve on {self._socket}: {error}") from None
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        with ExitStack() as last_first:
            last_first.callback(self._end_thread)
            last_first.callback(lambda: self._do(self._stop()))
            for route in self._routes:
                last_first.callback(route.close)

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_S)
        self._loop.close()

    def route(
        self,
        tracer: Tracer,
        parent: Context,
        upstream: Upstream | None,
        *,
        model: str | None = None,
        capture_content: bool = False,
        record: Path | None = None,
        replay: Path | None = None,
        replay_timing: Timing = "recorded",
        budget: Budget | None = None,
        secrets: Sequence[str] = (),
    ) -> Route:
        """Opens the way for one run: its spans are children of `parent`.

        With `replay`, no endpoint is needed or used. `record` must not exist yet. `secrets` are
        masked in what is recorded, like the endpoint's key. Raises ProxyError.
        """
        if upstream is None and replay is None:
            raise ProxyError("a route needs a model endpoint, or a recording to replay")
        if upstream is not None and replay is None:
            upstream.check()
        key = upstream.key if upstream is not None else None
        mask = Mask([*secrets, *([key] if key else [])])
        played = None if replay is None else Replay(read_recording(replay), replay_timing)
        emitter = Emitter(
            tracer=tracer,
            parent=parent,
            mask=mask,
            host=URL(upstream.url).host if upstream is not None else None,
            captures_content=capture_content,
            is_replay=replay is not None,
        )
        assert self._client is not None, "the proxy is not running: use it in a with statement"
        session = Session(
            emitter=emitter,
            endpoint=None if upstream is None else Endpoint(self._client, upstream),
            model=model,
            recorder=None if record is None else Recorder(record, mask),
            replay=played,
            budget=budget or Budget(),
        )
        return self._open(session)

    def _open(self, session: Session) -> Route:
        token = secrets.token_urlsafe(24)
        self._sessions[token] = session
        route = Route(self, token, session)
        self._routes.add(route)
        return route

    def revoke(self, route: Route, ended_ns: int) -> Traffic:
        """Ends a route: its token is unknown from now on. For Route.close."""
        self._routes.discard(route)
        session = self._sessions.pop(route.token)
        return self._do(session.close(ended_ns))

    def _do(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT_S)

    async def _start(self) -> None:
        self._client = open_session()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,
            shutdown_timeout=_SHUTDOWN_S,
        )
        await self._runner.setup()
        port = web.TCPSite(self._runner, _HOST, 0)
        await port.start()
        self.url = f"http://{_HOST}:{self._runner.addresses[0][1]}"
        if self._socket is not None:
            await self._serve_socket(self._runner, self._socket)

    async def _serve_socket(self, runner: web.AppRunner, path: Path) -> None:
        if len(bytes(path)) > _MAX_SOCKET_PATH_BYTES:
            raise ProxyError(
                f"{path} is too long for a socket: at most {_MAX_SOCKET_PATH_BYTES} bytes"
            )
        await web.UnixSite(runner, str(path)).start()
        path.chmod(0o666)

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._client is not None:
            await self._client.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        prefix, _, rest = request.raw_path.removeprefix(_PREFIX).partition("/")
        is_route = request.raw_path.startswith(_PREFIX)
        session = self._sessions.get(prefix.partition("?")[0]) if is_route else None
        if session is None:
            return refusal(404, "no run has this token, or it is over")
        return await session.serve(request, f"/{rest}")


class Route:
    """The way of one run through the proxy; it is open until `close`."""

    def __init__(self, proxy: Proxy, token: str, session: Session) -> None:
        self.token = token
        self._proxy = proxy
        self._session = session
        self._traffic: Traffic | None = None

    @property
    def path(self) -> str:
        """The path below which everything is passed on, for URLs with another host."""
        return f"{_PREFIX}{self.token}"

    @property
    def url(self) -> str:
        """What the agent takes for its model endpoint; without a version path."""
        return f"{self._proxy.url}{self.path}"

    @property
    def budget_exhausted(self) -> str | None:
        """The budget that was reached, `calls` or `tokens`; None while there is none."""
        return self._session.budget_exhausted

    def close(self, ended_ns: int | None = None) -> Traffic:
        """Revokes the token and says what went through; more than once gives the same.

        `ended_ns` is when the agent ended, and so the tools whose results never came; now if None.
        """
        if self._traffic is None:
            self._traffic = self._proxy.revoke(self, ended_ns or time.time_ns())
        return self._traffic

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
