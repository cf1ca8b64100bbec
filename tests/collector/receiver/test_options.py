"""Which settings the receiver refuses, and TLS on both doors."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from grpc import aio

from spanscore.collector.receiver.server import serve
from spanscore.collector.signals import Signal
from tests.support.doors import BODIES, PROTOBUF, open_doors, options_in

# A self-signed certificate of localhost and 127.0.0.1, valid until 2126, and its key.
TLS = Path(__file__).parents[2] / "support" / "tls"
CERTIFICATE, PRIVATE_KEY = TLS / "cert.pem", TLS / "key.pem"


@pytest.mark.parametrize("setting", ["grpc", "http"])
@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.1", "example.org"])
async def test_an_address_that_others_reach_needs_a_token_or_the_flag(
    tmp_path: Path, setting: str, host: str
) -> None:
    address = {setting: f"{host}:4317"}
    with pytest.raises(ValueError, match=rf"^{setting} = .*--token.*--insecure"):
        await serve(options_in(tmp_path, **address))
    assert not (tmp_path / "inbox").exists()
    options_in(tmp_path, **address, token="a token").validate()
    options_in(tmp_path, **address, insecure=True).validate()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"])
def test_loopback_needs_neither(tmp_path: Path, host: str) -> None:
    options_in(tmp_path, grpc=f"{host}:4317", http=f"{host}:4318").validate()


def test_secrets_are_not_in_the_text_of_options(tmp_path: Path) -> None:
    options = options_in(tmp_path, token="t0ken", secrets=("s3cret",), ingest_key=b"k3y")
    assert not {"t0ken", "s3cret", "k3y"} & set(repr(options).replace("'", " ").split())


@pytest.mark.parametrize(
    "pair",
    [
        {"tls_cert": CERTIFICATE},
        {"tls_key": PRIVATE_KEY},
        {"tls_cert": CERTIFICATE, "tls_key": CERTIFICATE},
        {"tls_cert": CERTIFICATE, "tls_key": TLS / "missing.pem"},
    ],
)
async def test_tls_needs_a_certificate_and_its_key(tmp_path: Path, pair: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"tls_cert.*tls_key"):
        await serve(options_in(tmp_path, **pair))


async def test_both_doors_speak_tls(tmp_path: Path) -> None:
    body = BODIES[Signal.TRACES]
    async with open_doors(tmp_path, tls_cert=CERTIFICATE, tls_key=PRIVATE_KEY) as doors:
        credentials = grpc.ssl_channel_credentials(CERTIFICATE.read_bytes())
        async with aio.secure_channel(f"localhost:{doors.grpc_port}", credentials) as channel:
            call = channel.unary_unary(f"/{Signal.TRACES.service}/Export", None, None)
            assert await call(body) == b""
        trust = ssl.create_default_context(cafile=str(CERTIFICATE))
        async with (
            aiohttp.ClientSession(headers={"Content-Type": PROTOBUF}) as client,
            client.post(
                f"https://localhost:{doors.http_port}/v1/traces", data=body, ssl=trust
            ) as answer,
        ):
            assert answer.status == 200
    assert [request.body for request in doors.stored()] == [body, body]


async def test_plain_text_gets_nothing_from_a_tls_door(tmp_path: Path) -> None:
    async with open_doors(tmp_path, tls_cert=CERTIFICATE, tls_key=PRIVATE_KEY) as doors:
        with pytest.raises(aiohttp.ClientError):
            await doors.post("/v1/traces", BODIES[Signal.TRACES])
        with pytest.raises(aio.AioRpcError):
            await doors.export(Signal.TRACES, BODIES[Signal.TRACES])
    assert doors.stored() == []
