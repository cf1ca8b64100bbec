"""The gRPC door: the three Export services (OTLP 1.11, "OTLP/gRPC")."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
from grpc import aio

from spanscore.collector.signals import Signal

from .accept import Acceptor, Received
from .limits import GZIP_MAGIC, Allowance, Lease, too_large, too_slow
from .loop import FORWARDED_BY
from .origin import TOKEN_HEADER
from .status import Refusal, refusal_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from google.protobuf.message import Message

    from .options import KeyPair

    Context = aio.ServicerContext[bytes, bytes]

_IDENTITY_AND_GZIP = 0b101
_MAX_STREAMS_PER_CONNECTION = 64


class GrpcDoor:
    """Translates between gRPC and the acceptor."""

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor
        self._server = aio.server(
            options=(
                # A port that is taken must be an error, not shared.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", acceptor.limits.max_request_bytes),
                ("grpc.max_concurrent_streams", _MAX_STREAMS_PER_CONNECTION),
                # Decompressed here and in bounded steps, as over HTTP.
                ("grpc.per_message_decompression", 0),
                ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_AND_GZIP),
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
            )
        )
        for signal in Signal:
            # To read the one request as a stream lets the door check the token first.
            method = grpc.stream_unary_rpc_method_handler(self._export_of(signal))
            handler = grpc.method_handlers_generic_handler(signal.service, {"Export": method})
            self._server.add_generic_rpc_handlers((handler,))

    async def open(self, address: str, tls: KeyPair | None) -> int:
        """Bind HOST:PORT and serve; the port that was bound. Raises OSError."""
        try:
            if tls is None:
                port = self._server.add_insecure_port(address)
            else:
                credentials = grpc.ssl_server_credentials([(tls.key, tls.certificates)])
                port = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise OSError("it is in use, or no address of this machine") from error
        await self._server.start()
        return port

    async def close(self, grace_s: float) -> None:
        """Take no more calls; those in flight have `grace_s` to end."""
        await self._server.stop(grace_s)

    def _export_of(self, signal: Signal) -> Callable[[object, Context], Awaitable[bytes]]:
        async def export(_: object, context: Context) -> bytes:
            try:
                response = await self._export(signal, context)
            except Exception as error:  # noqa: BLE001 - every error becomes a status
                refusal = refusal_of(error)
                self._acceptor.refused(refusal)
                await _abort(context, refusal)
            return response.SerializeToString()

        return export

    async def _export(self, signal: Signal, context: Context) -> Message:
        metadata: Mapping[str, str] = dict(context.invocation_metadata() or ())
        forwarded_by = metadata.get(FORWARDED_BY)
        self._acceptor.loops.check(forwarded_by)
        origin = self._acceptor.origins.resolve(
            path_token=None,
            header_token=metadata.get(TOKEN_HEADER),
            authorization=metadata.get("authorization"),
        )
        self._acceptor.loops.remember(forwarded_by)
        allowance = self._acceptor.allowances[origin]
        body = await self._read(context, allowance)
        with Lease(allowance) as lease:
            lease.take(len(body))
            received = Received(signal, origin, body, gzipped=body.startswith(GZIP_MAGIC))
            return await self._acceptor.accept(received, lease)

    async def _read(self, context: Context, allowance: Allowance) -> bytes:
        limits = self._acceptor.limits
        try:
            async with asyncio.timeout(limits.body_timeout_s), allowance.reading:
                body = await context.read()
        except TimeoutError:
            raise too_slow(limits) from None
        if not isinstance(body, bytes):
            # The library has answered in place of us, unless the client sent nothing.
            raise too_large(limits.max_request_bytes, "as sent, or missing")
        return body


async def _abort(context: Context, refusal: Refusal) -> None:
    status = refusal.status()
    details = (("grpc-status-details-bin", status.SerializeToString()),) if status.details else ()
    await context.abort(refusal.kind.grpc_code, status.message, details)
