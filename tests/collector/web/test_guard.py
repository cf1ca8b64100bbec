"""Who is let in on the web port, and what those who are not are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from spanscore.collector.web.guard import add_security_headers, guard

TOKEN = "0123456789abcdef0123456789abcdef"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def guarded(*hosts: str) -> AsyncIterator[Client]:
    """A client of a guarded application whose every path answers 'inside'."""

    async def inside(_: web.Request) -> web.Response:
        return web.Response(text="inside")

    app = web.Application(middlewares=[guard(token=TOKEN, hosts=hosts)])
    app.on_response_prepare.append(add_security_headers)
    app.router.add_get("/healthz", inside)
    app.router.add_route("*", "/{path:.*}", inside)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_the_token_as_a_bearer_lets_in() -> None:
    async with guarded() as client:
        response = await client.get("/api/x", headers=BEARER)
        assert (response.status, await response.text()) == (200, "inside")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer \u00e9"},
        {"Cookie": f"other={TOKEN}"},
        {"Cookie": f"spanscore-read-1={TOKEN}"},
    ],
)
async def test_without_the_token_nobody_gets_in(headers: dict[str, str]) -> None:
    async with guarded() as client:
        for path in ("/", "/api/sql", "/metrics", "/healthz/", "/healthz/x", "/nowhere"):
            response = await client.post(path, headers=headers)
            error = (await response.json())["error"]
            assert response.status == 401
            assert "Authorization: Bearer" in error["hint"]
            assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_link_with_the_token_sets_a_cookie_and_goes_on_without_it() -> None:
    async with guarded() as client:
        response = await client.get(f"/runs?a=1&token={TOKEN}&b=%26")
        assert response.status == 200
        page = await response.text()
        assert TOKEN not in page
        assert 'content="0; url=/runs?a=1&amp;b=%26"' in page
        cookie = response.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert f"spanscore-read-{client.port}=" in cookie
        # The client now sends the cookie, as a browser would.
        assert await (await client.get("/runs?a=1")).text() == "inside"
        assert await (await client.post("/api/sql")).text() == "inside"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/", "/"),
        ("//evil.example/x", "/evil.example/x"),
        ("/\\evil.example", "/evil.example"),
        ("/%22%3E%3Cscript%3E", "/%22%3E%3Cscript%3E"),
        ("/a'b", "/a&#x27;b"),
    ],
)
async def test_the_page_goes_on_to_a_path_of_its_own(path: str, target: str) -> None:
    async with guarded() as client:
        # Bare bytes: a client library would tidy the path first.
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(
            f"GET {path}?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert f'url={target}"' in answer.decode()


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN.upper()])
async def test_a_link_with_a_wrong_token_sets_no_cookie(token: str) -> None:
    async with guarded() as client:
        response = await client.get("/", params={"token": token})
        assert response.status == 401
        assert "Set-Cookie" not in response.headers


async def test_a_token_in_the_address_of_a_post_does_not_count() -> None:
    async with guarded() as client:
        assert (await client.post(f"/api/sql?token={TOKEN}")).status == 401


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:4319",
        "127.0.0.1:80",
        "[::1]:4319",
        "[::1]",
        "collector.lan:4319",
        "Collector.LAN",
    ],
)
async def test_a_name_of_the_collector_is_answered(host: str) -> None:
    async with guarded("127.0.0.1", "collector.lan") as client:
        response = await client.get("/x", headers={**BEARER, "Host": host})
        assert response.status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:4319",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example#localhost",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost:80:80",
        "localhost:port",
        "[::1",
        "192.168.1.5",
        "0.0.0.0",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/api/sql", "/healthz", f"/?token={TOKEN}"])
async def test_a_request_under_another_name_is_refused(host: str, path: str) -> None:
    async with guarded("127.0.0.1") as client:
        response = await client.get(path, headers={**BEARER, "Host": host})
        assert response.status == 403
        assert "--allow-hosts" in (await response.json())["error"]["hint"]
        assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize(
    ("host", "status"),
    [("192.168.1.5:4319", 200), ("[fe80::1]", 200), ("evil.example", 403), ("0.0.0.0", 200)],
)
async def test_bound_to_every_address_any_address_but_no_name_is_answered(
    host: str, status: int
) -> None:
    async with guarded("0.0.0.0") as client:
        assert (await client.get("/x", headers={**BEARER, "Host": host})).status == status


def _own(client: Client) -> str:
    return f"http://127.0.0.1:{client.port}"


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (_own, 200),
        (lambda client: _own(client).replace("http:", "https:"), 200),
        (lambda client: _own(client) + "0", 403),
        (lambda client: "http://127.0.0.1", 403),
        (lambda client: f"http://localhost:{client.port}", 403),
        (lambda client: "http://evil.example", 403),
        (lambda client: "null", 403),
        (lambda client: "", 403),
        (lambda client: f"http://evil@127.0.0.1:{client.port}", 403),
    ],
)
async def test_only_the_collectors_own_pages_may_ask(
    origin: Callable[[Client], str], status: int
) -> None:
    async with guarded() as client:
        response = await client.post("/api/sql", headers={**BEARER, "Origin": origin(client)})
        assert response.status == status


async def test_a_browser_without_the_token_is_shown_where_the_link_is() -> None:
    async with guarded() as client:
        response = await client.get("/runs", headers={"Accept": "text/html,*/*"})
        assert (response.status, response.content_type) == (401, "text/html")
        assert "spanscore serve" in await response.text()
        # What that page is drawn with has nothing of anybody, and is for all.
        assert await (await client.get("/static/0/base.css")).text() == "inside"


async def test_health_needs_no_token() -> None:
    async with guarded() as client:
        assert await (await client.get("/healthz")).text() == "inside"


@pytest.mark.parametrize("headers", [BEARER, {}, {**BEARER, "Origin": "http://evil.example"}])
async def test_every_answer_carries_the_security_headers_and_none_of_cors(
    headers: dict[str, str],
) -> None:
    async with guarded() as client:
        response = await client.get("/x", headers=headers)
        assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        assert not [name for name in response.headers if name.startswith("Access-Control")]


async def test_a_preflight_of_another_page_is_refused() -> None:
    async with guarded() as client:
        response = await client.options(
            "/api/sql",
            headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"},
        )
        assert response.status == 403
