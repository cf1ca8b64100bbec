"""Against a destination that misbehaves: nothing is lost, nothing is tried that is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import grpc
import pytest

from spanscore.collector.forward.parts import Part
from tests.support.backend import Backend, Behaviour
from tests.support.forwarding import deliver, destination, part_of, spans_request

PROTOCOLS = ["http/protobuf", "http/json", "grpc"]
LATER = {
    "http": [Behaviour(429), Behaviour(502), Behaviour(503), Behaviour(504)],
    "grpc": [
        Behaviour(code=grpc.StatusCode.UNAVAILABLE),
        Behaviour(code=grpc.StatusCode.ABORTED),
        Behaviour(code=grpc.StatusCode.DATA_LOSS),
        Behaviour(code=grpc.StatusCode.CANCELLED),
    ],
}


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def backend(protocol: str) -> Iterator[Backend]:
    with Backend(protocol="grpc" if protocol == "grpc" else "http") as backend:
        yield backend


def one(*names: str) -> list[Part]:
    return [part_of(spans_request(*names))]


def to(backend: Backend, protocol: str, **settings: Any) -> Any:
    return destination(backend.url, protocol=protocol, **settings)


@pytest.mark.parametrize("compression", ["gzip", "none"])
async def test_what_was_sent_arrives_equal_with_headers_and_marker(
    backend: Backend, protocol: str, compression: str
) -> None:
    [part] = one("a", "b")
    where = to(backend, protocol, compression=compression, headers={"X-Team": "blue"})
    book = await deliver(where, [part])
    [taken] = backend.taken
    assert taken.message == part.signal.request_type.FromString(part.body)
    headers = {key.lower(): value for key, value in taken.headers.items()}
    assert headers["x-team"] == "blue"
    assert headers["spanscore-forwarded-by"] == "test"
    assert book.records == 2
    assert not book.rejections


async def test_what_may_be_tried_again_is_until_it_is_taken(
    backend: Backend, protocol: str
) -> None:
    backend.then(*LATER[backend.protocol][:2], Behaviour())
    book = await deliver(to(backend, protocol), one("a"))
    assert backend.names() == {"a"}
    assert backend.asked == 3
    assert not book.rejections


async def test_a_delay_that_the_destination_asks_for_is_kept(
    backend: Backend, protocol: str
) -> None:
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    backend.then(Behaviour(429, code, retry_after_s=2), Behaviour())
    await deliver(to(backend, protocol), one("a"))
    first, second = backend.asked_at_s
    assert second - first >= 1.9  # far above the first delay of the backoff


async def test_a_request_with_one_bad_span_loses_that_span_alone(
    backend: Backend, protocol: str
) -> None:
    backend.then(Behaviour(refuses="bad"))
    names = [f"good {number}" for number in range(20)]
    book = await deliver(to(backend, protocol), one(*names[:13], "bad", *names[13:]))
    assert backend.names() == set(names)
    assert len(backend.spans()) == 20
    [rejection] = book.rejections
    assert (rejection.records, rejection.name, rejection.span_id) == (1, "bad", f"{14:016x}")
    assert rejection.code == ("INVALID_ARGUMENT" if protocol == "grpc" else "400")


async def test_when_all_is_bad_the_number_of_tries_is_bounded(
    backend: Backend, protocol: str
) -> None:
    backend.then(Behaviour(400, grpc.StatusCode.INVALID_ARGUMENT, message="never"))
    book = await deliver(to(backend, protocol), one(*map(str, range(500))))
    assert sum(rejection.records for rejection in book.rejections) == 500
    assert backend.asked < 70


async def test_a_request_that_is_too_large_for_the_backend_is_halved(
    backend: Backend, protocol: str
) -> None:
    backend.then(Behaviour(max_bytes=900))
    names = {f"span {number}" for number in range(40)}
    book = await deliver(to(backend, protocol), one(*sorted(names)))
    assert backend.names() == names
    assert not book.rejections


async def test_a_span_above_the_destinations_limit_is_kept_back_and_named(
    backend: Backend, protocol: str
) -> None:
    where = to(backend, protocol, max_request=2000)
    book = await deliver(where, one("x" * 3000) + one("small"))
    assert backend.names() == {"small"}
    [rejection] = book.rejections
    assert rejection.code == "too large"
    assert "raise max_request" in rejection.reason


async def test_a_permanent_error_is_not_tried_again(backend: Backend, protocol: str) -> None:
    backend.then(Behaviour(500, grpc.StatusCode.INTERNAL, message="broken inside"))
    book = await deliver(to(backend, protocol), one("a", "b"))
    assert backend.asked == 1
    [rejection] = book.rejections
    assert rejection.records == 2
    assert "broken inside" in rejection.reason


async def test_what_the_destination_leaves_out_is_counted(backend: Backend, protocol: str) -> None:
    backend.then(Behaviour(rejected=1, message="bad id"))
    book = await deliver(to(backend, protocol), one("a", "b"))
    assert backend.asked == 1
    [rejection] = book.rejections
    assert (rejection.records, rejection.code) == (1, "partial_success")
    assert "bad id" in rejection.reason


async def test_a_destination_that_is_dead_for_a_while_gets_everything(
    backend: Backend, protocol: str
) -> None:
    backend.stop()
    again = threading.Timer(1.5, backend.start)
    again.start()
    book = await deliver(to(backend, protocol), one("a") + one("b"))
    again.join()
    assert backend.names() == {"a", "b"}
    assert "nobody answers at" in book.answers[0].sentence


async def test_a_slow_destination_gets_smaller_requests(backend: Backend, protocol: str) -> None:
    backend.then(Behaviour(delay_s=3), Behaviour())
    book = await deliver(to(backend, protocol), one("a", "b", "c"), timeout_s=0.7)
    assert backend.names() == {"a", "b", "c"}
    assert "did not answer within 0.7 s" in book.answers[0].sentence


async def test_connections_that_break_are_tried_again() -> None:
    with Backend() as backend:
        backend.then(Behaviour(reset=True), Behaviour(reset=True), Behaviour())
        await deliver(destination(backend.url), one("a"))
        assert backend.names() == {"a"}


async def test_many_parts_are_on_their_way_at_a_time() -> None:
    with Backend() as backend:
        backend.then(Behaviour(delay_s=0.5))
        began_s = time.monotonic()
        await deliver(destination(backend.url), one("a") * 6)
        assert time.monotonic() - began_s < 2.5  # one after the other takes 3
        assert len(backend.taken) == 6


async def test_a_destination_that_fails_is_asked_once_at_a_time_and_ever_less() -> None:
    with Backend() as backend:
        backend.then(*[Behaviour(503, delay_s=0.2)] * 8, Behaviour())
        await deliver(destination(backend.url), one("a") * 6)
        # Six fail together, which is one failure; then one after the other asks for all.
        asked_s = backend.asked_at_s
        assert len(asked_s) == 8 + 6
        gaps_s = [later - before for before, later in pairwise(asked_s[5:9])]
        assert all(gap_s > least_s for gap_s, least_s in zip(gaps_s, (0.25, 0.5, 1), strict=True))
        assert len(backend.taken) == 6
