"""Both doors over one inbox: what each owes a sender, for every signal alike."""

from __future__ import annotations

import gzip
import socket
from pathlib import Path

import grpc
import pytest

from spanscore.collector.receiver.server import AddressError, serve
from spanscore.collector.signals import Signal
from tests.support.doors import BODIES, JSON, JSON_BODIES, LOOPBACK, Doors, open_doors, options_in
from tests.support.telemetry import span, traces_request

every_signal = pytest.mark.parametrize("signal", Signal)


@every_signal
async def test_what_http_acknowledges_is_in_the_inbox_as_it_was_sent(
    doors: Doors, signal: Signal
) -> None:
    answer = await doors.post(signal.path, BODIES[signal])
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    [stored] = doors.stored()
    assert (stored.signal, stored.origin, stored.body) == (signal, "open", BODIES[signal])


@every_signal
async def test_what_grpc_acknowledges_is_in_the_inbox_as_it_was_sent(
    doors: Doors, signal: Signal
) -> None:
    assert await doors.export(signal, BODIES[signal]) == b""
    [stored] = doors.stored()
    assert (stored.signal, stored.origin, stored.body) == (signal, "open", BODIES[signal])


@every_signal
async def test_json_is_stored_as_the_protobuf_that_says_the_same(
    doors: Doors, signal: Signal
) -> None:
    answer = await doors.post(signal.path, JSON_BODIES[signal], JSON)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"{}", JSON)
    assert doors.messages() == [signal.request_type.FromString(BODIES[signal])]


@every_signal
async def test_gzip_is_stored_decompressed(doors: Doors, signal: Signal) -> None:
    packed = gzip.compress(BODIES[signal])
    assert (await doors.post(signal.path, packed, Content_Encoding="gzip")).status == 200
    packed = gzip.compress(JSON_BODIES[signal])
    assert (await doors.post(signal.path, packed, JSON, Content_Encoding="gzip")).status == 200
    assert await doors.export(signal, BODIES[signal], compression=grpc.Compression.Gzip) == b""
    message = signal.request_type.FromString(BODIES[signal])
    assert doors.messages() == [message] * 3


@every_signal
async def test_an_empty_request_succeeds_and_stores_nothing(doors: Doors, signal: Signal) -> None:
    assert (await doors.post(signal.path, b"")).status == 200
    answer = await doors.post(signal.path, b"{}", JSON)
    assert (answer.status, answer.body) == (200, b"{}")
    assert (await doors.post(signal.path, b"", JSON)).status == 200
    assert await doors.export(signal, b"") == b""
    assert doors.stored() == []


@every_signal
async def test_a_sent_and_resent_request_is_acknowledged_both_times(
    doors: Doors, signal: Signal
) -> None:
    for _ in range(2):
        assert (await doors.post(signal.path, BODIES[signal])).status == 200
    assert [request.body for request in doors.stored()] == [BODIES[signal]] * 2


async def test_records_and_refusals_are_counted(tmp_path: Path) -> None:
    async with open_doors(tmp_path) as doors:
        bad = traces_request(span(), span(span_id="00" * 8)).body
        await doors.post("/v1/traces", bad)
        await doors.export(Signal.LOGS, BODIES[Signal.LOGS])
        await doors.post("/v1/metrics", JSON_BODIES[Signal.METRICS], JSON)
        await doors.post("/v1/metrics", b"\xff")
        with pytest.raises(grpc.RpcError):
            await doors.export(Signal.LOGS, b"\xff")
    assert doors.counters() == {
        "accepted_spans": 1,
        "rejected_spans": 1,
        "accepted_log_records": 1,
        "accepted_data_points": 1,
        "refused_requests_undecodable": 2,
    }


@pytest.mark.parametrize("setting", ["grpc", "http"])
async def test_a_taken_port_is_an_error_that_names_it_and_the_setting(
    tmp_path: Path, setting: str
) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        address = f"{LOOPBACK}:{taken.getsockname()[1]}"
        with pytest.raises(AddressError, match=rf"^{setting} = {address} .* --{setting}$"):
            await serve(options_in(tmp_path, **{setting: address}))


async def test_two_receivers_never_share_a_port(doors: Doors, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for setting, port in (("grpc", doors.grpc_port), ("http", doors.http_port)):
        taken = {setting: f"{LOOPBACK}:{port}"}
        with pytest.raises(AddressError):
            await serve(options_in(tmp_path / "other", **taken))


async def test_a_receiver_can_be_started_stopped_and_started_again(tmp_path: Path) -> None:
    for _ in range(2):
        async with open_doors(tmp_path) as doors:
            assert (await doors.post("/v1/traces", BODIES[Signal.TRACES])).status == 200
    assert len(doors.stored()) == 2
