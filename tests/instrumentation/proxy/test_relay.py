"""Bytes go through unaltered and at once, and an answer that breaks off never seems whole."""

from __future__ import annotations

import gzip
import http.client
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanscore.instrumentation.proxy import Proxy
from spanscore.instrumentation.proxy.route import MAX_REQUEST_BYTES
from tests.support.model_server import ModelServer, Script, Step, Usage
from tests.support.proxied import CHAT, TIMEOUT_S, Proxied, chat, proxied
from tests.support.raw_endpoint import Piece, RawEndpoint, Reply, chunked, whole

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(chunks=st.lists(st.binary(min_size=1, max_size=300), max_size=12))
def test_any_bytes_of_a_stream_arrive_as_they_were_sent(
    shared_proxy: Proxy, chunks: list[bytes]
) -> None:
    with RawEndpoint([chunked(*chunks)]) as endpoint, proxied(endpoint.url, shared_proxy) as run:
        assert run.post(CHAT, chat(stream=True)) == b"".join(chunks)


@pytest.fixture(scope="module")
def shared_proxy() -> Iterator[Proxy]:
    with Proxy() as proxy:
        yield proxy


@pytest.mark.parametrize("size", [0, 1, 100_000, 12_000_000])
def test_a_body_of_any_size_arrives_as_it_was_sent_both_ways(size: int) -> None:
    sent, answered = os.urandom(size), os.urandom(size)
    with RawEndpoint([whole(answered)]) as endpoint, proxied(endpoint.url) as run:
        assert run.post(CHAT, sent) == answered
        assert endpoint.requests[0][1] == sent


def test_each_chunk_is_handed_on_before_the_next_one_is_there() -> None:
    steps = [threading.Event() for _ in range(3)]
    pieces: list[Piece] = [part for step in steps for part in (EVENT, step)]
    with RawEndpoint([chunked(*pieces, END)]) as endpoint, proxied(endpoint.url) as run:
        response = run.open(CHAT, chat(stream=True))
        for step in steps:
            assert response.read1() == EVENT
            step.set()
        assert response.read() == END
        assert response.getheader("Transfer-Encoding") == "chunked"


def test_a_compressed_answer_stays_as_it_is_and_is_read_all_the_same() -> None:
    body = gzip.compress(EVENT + END)
    reply = chunked(body[:20], body[20:], headers=["Content-Encoding: gzip"])
    with RawEndpoint([reply]) as endpoint, proxied(endpoint.url) as run:
        response = run.open(CHAT, chat(stream=True), {"Accept-Encoding": "gzip, br"})
        assert response.read() == body
        assert response.getheader("Content-Encoding") == "gzip"
        run.close()
        assert b"accept-encoding: identity" in endpoint.requests[0][0].lower()
        assert run.calls[0]["gen_ai.response.finish_reasons"] == ("stop",)


def test_headers_of_one_connection_stay_there_and_all_others_pass() -> None:
    reply = whole(b"{}", "Connection: x-secret", "X-Secret: 1", "X-Id: 7", "Set-Cookie: a=1")
    hop = {"Connection": "X-Mine", "X-Mine": "1", "TE": "trailers", "Proxy-Authorization": "p"}
    with RawEndpoint([reply]) as endpoint, proxied(endpoint.url) as run:
        response = run.open(
            "/v1/models?a=%2Fb&c", headers=hop | {"X-Kept": "ü".encode()}, method="GET"
        )
        head = endpoint.requests[0][0]
        assert head.startswith(b"GET /v1/models?a=%2Fb&c HTTP/1.1\r\n")
        for gone in (b"X-Mine", b"trailers", b"Proxy-Authorization"):
            assert gone not in head
        assert "X-Kept: ü".encode() in head
        assert b"Host: 127.0.0.1" in head
        assert (response.getheader("X-Id"), response.getheader("X-Secret")) == ("7", None)
        assert response.getheader("Set-Cookie") == "a=1"


def test_a_status_without_a_body_and_a_redirect_pass_as_they_are() -> None:
    replies = [
        Reply([b"HTTP/1.1 204 Nothing\r\n\r\n"]),
        whole(b"", "Location: /elsewhere", status="307 Go"),
        Reply([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"]),
    ]
    with RawEndpoint(replies) as endpoint, proxied(endpoint.url) as run:
        assert run.open("/a", method="GET").status == 204
        assert run.open("/b", method="GET").getheader("Location") == "/elsewhere"
        head = run.open("/c", method="HEAD")
        assert (head.status, head.getheader("Content-Length"), head.read()) == (200, "99", b"")
        assert len(endpoint.requests) == 3


def test_a_chunked_request_and_one_that_asks_first_arrive_whole() -> None:
    with RawEndpoint([whole(b"{}")]) as endpoint, proxied(endpoint.url) as run:
        place = urlsplit(run.route.url)
        connection = http.client.HTTPConnection(place.netloc, timeout=TIMEOUT_S)
        pieces = (b"ab", b"cd")
        connection.request("POST", place.path + CHAT, iter(pieces), encode_chunked=True)
        assert connection.getresponse().read() == b"{}"
        connection.close()
        run.open(CHAT, b"asks first", {"Expect": "100-continue"}).read()
        assert [body for _, body in endpoint.requests] == [b"abcd", b"asks first"]


def test_connections_to_the_endpoint_and_of_the_agent_are_kept() -> None:
    with ModelServer() as model, proxied(model.url) as run:
        place = urlsplit(run.route.url)
        connection = http.client.HTTPConnection(place.netloc, timeout=TIMEOUT_S)
        for _ in range(3):
            connection.request("POST", place.path + CHAT, b"{}")
            assert connection.getresponse().read()
            assert connection.sock is not None
        connection.close()


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_an_answer_that_is_cut_is_broken_off_and_told(reset: bool, framing: str) -> None:
    if framing == "chunked":
        reply = chunked(EVENT, 0.05, ends=False)
    else:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 999\r\n\r\n"
        reply = Reply([head + EVENT, 0.05])
    reply = replace(reply, reset=reset, close=not reset)
    with RawEndpoint([reply]) as endpoint, proxied(endpoint.url) as run:
        response = run.open(CHAT, chat(stream=True))
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response.read()
        run.close()
        [call] = run.calls
        assert call["error.type"] == "connection_cut"
        assert call["http.response.status_code"] == 200
        assert "spanscore.usage.missing" not in call


def test_an_old_client_sees_a_reset_instead_of_an_end_that_is_none() -> None:
    with (
        RawEndpoint([chunked(EVENT, 0.05, ends=False, close=True)]) as endpoint,
        proxied(endpoint.url) as run,
    ):
        place = urlsplit(run.route.url)
        with socket.create_connection((place.hostname, place.port), TIMEOUT_S) as raw:
            head = f"POST {place.path}{CHAT} HTTP/1.0\r\nContent-Length: 2\r\n\r\n"
            raw.sendall(head.encode() + b"{}")
            with pytest.raises(ConnectionResetError):
                _read_to_the_end(raw)


def _read_to_the_end(raw: socket.socket) -> None:
    while raw.recv(1 << 16):
        pass


def test_a_stream_that_ends_before_the_model_did_is_cut_although_its_framing_is_whole() -> None:
    with RawEndpoint([chunked(EVENT)]) as endpoint, proxied(endpoint.url) as run:
        assert run.post(CHAT, chat(stream=True)) == EVENT
        run.close()
        assert run.calls[0]["error.type"] == "connection_cut"


def test_what_breaks_after_the_models_last_word_is_no_failure() -> None:
    reply = chunked(EVENT + END, ends=False, close=True)
    with RawEndpoint([reply]) as endpoint, proxied(endpoint.url) as run:
        with pytest.raises(http.client.IncompleteRead):
            run.open(CHAT, chat(stream=True)).read()
        run.close()
        assert "error.type" not in run.calls[0]


def test_an_agent_that_goes_breaks_off_the_answer_at_the_endpoint() -> None:
    with (
        RawEndpoint([chunked(EVENT, threading.Event())]) as endpoint,
        proxied(endpoint.url) as run,
    ):
        response = run.open(CHAT, chat(stream=True))
        assert response.read1() == EVENT
        response.close()
        run.connections[0].close()
        assert endpoint.gone.wait(TIMEOUT_S)
        run.close()
        assert run.calls[0]["error.type"] == "client_disconnected"


def test_an_agent_that_goes_after_the_models_last_word_is_no_failure() -> None:
    with (
        RawEndpoint([chunked(EVENT + END, threading.Event())]) as endpoint,
        proxied(endpoint.url) as run,
    ):
        response = run.open(CHAT, chat(stream=True))
        assert response.read1() == EVENT + END
        response.close()
        run.connections[0].close()
        assert endpoint.gone.wait(TIMEOUT_S)
        run.close()
        assert "error.type" not in run.calls[0]


def test_a_request_that_is_too_large_is_refused_and_reaches_no_endpoint() -> None:
    with RawEndpoint([whole(b"{}")]) as endpoint, proxied(endpoint.url) as run:
        place = urlsplit(run.route.url)
        with socket.create_connection((place.hostname, place.port), TIMEOUT_S) as raw:
            length = f"Content-Length: {MAX_REQUEST_BYTES + 1}"
            raw.sendall(f"POST {place.path}{CHAT} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode())
            assert raw.recv(100).startswith(b"HTTP/1.1 413 ")
        assert not endpoint.requests


def test_a_websocket_is_refused_in_a_way_that_agents_fall_back_from() -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    with RawEndpoint([whole(b"{}")]) as endpoint, proxied(endpoint.url) as run:
        assert run.open("/v1/responses", headers=upgrade, method="GET").status == 426
        assert not endpoint.requests


def test_many_requests_at_once_each_get_their_own_answer_and_span() -> None:
    script = Script((Step(Usage(10, 5), text="done"),), delay_s=0.02)
    with (
        ModelServer(script) as model,
        Proxy() as proxy,
        proxied(model.url, proxy) as a,
        proxied(model.url, proxy) as b,
        proxied(model.url, proxy) as c,
        proxied(model.url, proxy) as d,
        ThreadPoolExecutor(16) as pool,
    ):
        runs = [a, b, c, d]
        work = [pool.submit(_ask, runs[n % 4], n) for n in range(80)]
        assert all(b"done" in done.result(TIMEOUT_S) for done in work)
        for number, run in enumerate(runs):
            run.close()
            bodies = {call["spanscore.request.hash"] for call in run.calls}
            assert (len(run.calls), len(bodies)) == (20, 20), number


def _ask(run: Proxied, number: int) -> bytes:
    return run.post(CHAT, chat({"role": "user", "content": str(number)}))


def test_an_endpoint_that_refuses_is_told_to_the_agent_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with proxied(url) as run:
        response = run.open(CHAT, chat())
        assert response.status == 502
        assert b"connection_refused" in response.read()
        run.close()
        [call] = run.calls
        assert call["error.type"] == "connection_refused"
        assert "http.response.status_code" not in call


@pytest.mark.parametrize("reply", [Reply([], reset=True), Reply([], close=True)])
def test_an_endpoint_that_hangs_up_before_it_answers_was_reset(reply: Reply) -> None:
    with RawEndpoint([reply]) as endpoint, proxied(endpoint.url) as run:
        assert run.open(CHAT, chat()).status == 502
        run.close()
        assert run.calls[0]["error.type"] == "connection_reset"


def test_a_name_that_does_not_resolve_is_told() -> None:
    with proxied("http://nowhere.invalid") as run:
        assert run.open(CHAT, chat()).status == 502
        run.close()
        assert run.calls[0]["error.type"] == "name_resolution_failed"
