"""What is wrong with a destination is one clear sentence each, and never a busy loop."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import grpc
import pytest

from spanscore.collector.forward.answer import Answer, Verdict
from spanscore.collector.forward.http_answer import answer_of
from spanscore.collector.signals import Signal
from tests.support.backend import Backend, Behaviour
from tests.support.forwarding import deliver, destination, part_of, spans_request

TLS = Path(__file__).parents[2] / "support" / "tls"
HELD = Verdict.WRONG_SETUP.value


def server_tls(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / f"{name}cert.pem", TLS / f"{name}key.pem")
    return context


def grpc_tls(name: str) -> grpc.ServerCredentials:
    key, certificate = (TLS / f"{name}{part}.pem" for part in ("key", "cert"))
    return grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])


async def first_answer(backend: Backend, stop_at: str = HELD, **settings: Any) -> Answer:
    """What the first request is told; the delivery stops there, with its data kept."""
    to = destination(settings.pop("url", backend.url), **settings)
    book = await deliver(to, [part_of(spans_request("a"))], stop_at=stop_at)
    assert not book.rejections
    assert not backend.taken
    return book.answers[0]


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        (Behaviour(401, message="no key"), "refuses the token (401 Unauthorized, no key)"),
        (Behaviour(403), "refuses the token (403 Forbidden); see headers"),
        (Behaviour(404), "is no OTLP endpoint for traces (404 Not Found)"),
        (Behaviour(415), "is no OTLP endpoint for traces (415 Unsupported Media Type)"),
        (Behaviour(302, headers={"Location": "https://else.example.com/"}),
         "sends on to https://else.example.com/; set that as url"),
        (Behaviour(200, body=b"<!DOCTYPE html><title>Hi", content_type="text/html"),
         "answers with a web page (HTML): it is no OTLP endpoint, see url"),
        (Behaviour(400, body=b"Client sent an HTTP request to an HTTPS server.",
                   content_type="text/plain"), "write https://"),
        (Behaviour(508), "is this collector itself, or forwards to it: a circle"),
    ],
)  # fmt: skip
async def test_a_setting_that_is_wrong_holds_the_data_and_is_told_over_http(
    behaviour: Behaviour, sentence: str
) -> None:
    with Backend() as backend:
        backend.then(behaviour)
        assert sentence in (await first_answer(backend)).sentence


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        (Behaviour(code=grpc.StatusCode.UNAUTHENTICATED, message="no key"),
         "refuses the token (UNAUTHENTICATED, no key); see headers"),
        (Behaviour(code=grpc.StatusCode.PERMISSION_DENIED), "refuses the token (PERMISSION_DENIED"),
        (Behaviour(code=grpc.StatusCode.UNIMPLEMENTED), "has no OTLP service for traces"),
    ],
)  # fmt: skip
async def test_a_setting_that_is_wrong_holds_the_data_and_is_told_over_grpc(
    behaviour: Behaviour, sentence: str
) -> None:
    with Backend(protocol="grpc") as backend:
        backend.then(behaviour)
        assert sentence in (await first_answer(backend)).sentence


async def test_http_on_a_grpc_port_is_told() -> None:
    with Backend(protocol="grpc") as backend:
        answer = await first_answer(
            backend, url=backend.url.replace("grpc", "http"), protocol="http/protobuf"
        )
        assert 'set protocol = "grpc"' in answer.sentence


async def test_grpc_on_an_http_port_is_told() -> None:
    with Backend() as backend:
        answer = await first_answer(backend, protocol="grpc")
        assert 'set protocol = "http/protobuf"' in answer.sentence


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_tls_where_there_is_none_is_told(protocol: str) -> None:
    with Backend(protocol=protocol) as backend:
        answer = await first_answer(backend, url=backend.url.replace(protocol, f"{protocol}s"))
        assert "does not speak TLS" in answer.sentence
        assert f"write {protocol}://" in answer.sentence


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize(
    ("certificate", "trusted", "sentence"),
    [
        ("expired-", True, "has expired; it must be renewed"),
        ("", False, "is signed by nobody we trust; set tls_ca to its issuer's"),
    ],
)
async def test_a_certificate_that_does_not_hold_is_told(
    protocol: str, certificate: str, trusted: bool, sentence: str
) -> None:
    tls = (server_tls if protocol == "http" else grpc_tls)(certificate)
    with Backend(protocol=protocol, tls=tls) as backend:
        ca: dict[str, Any] = {"tls_ca": TLS / f"{certificate}cert.pem"} if trusted else {}
        url = backend.url.replace("127.0.0.1", "localhost")
        assert sentence in (await first_answer(backend, url=url, **ca)).sentence


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_over_tls_with_its_issuer_given_all_arrives(protocol: str) -> None:
    tls = (server_tls if protocol == "http" else grpc_tls)("")
    with Backend(protocol=protocol, tls=tls) as backend:
        url = backend.url.replace("127.0.0.1", "localhost")
        to = destination(url, tls_ca=TLS / "cert.pem")
        await deliver(to, [part_of(spans_request("a"))])
        assert backend.names() == {"a"}


async def test_a_name_that_nobody_knows_is_told() -> None:
    with Backend() as backend:
        answer = await first_answer(
            backend, stop_at="later", url="http://no-such-host.invalid:4318"
        )
        assert "no-such-host.invalid" in answer.sentence


def test_retry_after_may_be_a_date_and_is_bounded() -> None:
    def told(retry_after: str) -> float | None:
        headers = {"Retry-After": retry_after}
        return answer_of(Signal.TRACES, "http://a", 503, headers, b"").retry_after_s

    assert told("7") == 7
    assert told("Thu, 01 Jan 2026 00:00:00 GMT") == 0
    assert told("999999999") == 3600
    assert told("soon") is None


@pytest.mark.parametrize("status", [400, 402, 406, 408, 409, 413, 422, 431, 500, 501, 505, 599])
def test_only_four_statuses_are_retryable(status: int) -> None:
    answer = answer_of(Signal.TRACES, "http://a", status, {}, b"")
    assert answer.verdict is not Verdict.LATER
    assert answer.sentence.count("\n") == 0


@pytest.mark.parametrize("body", [b"", b"ok", b"\xff\xfe", b"{}", b'{"partialSuccess":7}'])
@pytest.mark.parametrize("kind", ["application/json", "application/x-protobuf", "text/plain", ""])
def test_a_200_with_any_body_but_a_page_is_taken(body: bytes, kind: str) -> None:
    answer = answer_of(Signal.TRACES, "http://a", 200, {"Content-Type": kind}, body)
    assert answer.verdict is Verdict.TAKEN
