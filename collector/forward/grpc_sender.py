"""Sends Export requests over gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode as Code
from grpc import aio

from .answer import TAKEN, Answer, Verdict, short
from .http_answer import LOOP, MAX_RETRY_AFTER_S, certificate_sentence, taken

if TYPE_CHECKING:
    from spanscore.collector.signals import Signal

    from .destination import Destination

RETRYABLE = frozenset(
    [
        Code.CANCELLED,
        Code.DEADLINE_EXCEEDED,
        Code.ABORTED,
        Code.OUT_OF_RANGE,
        Code.UNAVAILABLE,
        Code.DATA_LOSS,
    ]
)
"""RESOURCE_EXHAUSTED is retryable as well, if the answer says when (OTLP 1.11, "Failures")."""

_TOKEN = frozenset([Code.UNAUTHENTICATED, Code.PERMISSION_DENIED])
_DETAILS = "grpc-status-details-bin"
_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.keepalive_time_ms", 60_000),
    # Our own backoff decides when to try again.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


class GrpcSender:
    """One destination's channel; `send` never raises for what the other side does.

    `marker` is further metadata, as it is when a request is sent.
    """

    def __init__(
        self, destination: Destination, marker: Mapping[str, str], timeout_s: float
    ) -> None:
        self._where = destination.url
        self._timeout_s = timeout_s
        self._headers = destination.sent_headers
        self._marker = marker
        gzip = destination.compression == "gzip"
        self._compression = grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
        target = f"{destination.host}:{destination.port}"
        if ":" in destination.host:
            target = f"[{destination.host}]:{destination.port}"
        if destination.is_tls:
            self._channel = aio.secure_channel(target, _credentials(destination), options=_OPTIONS)
        else:
            self._channel = aio.insecure_channel(target, options=_OPTIONS)

    async def send(self, signal: Signal, body: bytes) -> Answer:
        """Send one request and say what came of it."""
        export: Any = self._channel.unary_unary(f"/{signal.service}/Export", None, None)
        try:
            answered = await export(
                body,
                timeout=self._timeout_s,
                metadata=tuple({**self._headers, **self._marker}.items()),
                compression=self._compression,
            )
        except aio.AioRpcError as error:
            return _answer_of(error, signal, self._where, self._timeout_s)
        try:
            return taken(signal, signal.response_type.FromString(answered))
        except DecodeError:
            return TAKEN

    async def close(self) -> None:
        await self._channel.close(None)


def _credentials(destination: Destination) -> grpc.ChannelCredentials:
    def read(path: Any) -> bytes | None:
        return path.read_bytes() if path else None

    return grpc.ssl_channel_credentials(
        root_certificates=read(destination.tls_ca),
        private_key=read(destination.tls_key),
        certificate_chain=read(destination.tls_cert),
    )


def _answer_of(error: aio.AioRpcError, signal: Signal, where: str, timeout_s: float) -> Answer:
    code, details = error.code(), error.details() or ""
    wrong = _wrong_setup(code, details, signal, where)
    if wrong:
        return Answer(Verdict.WRONG_SETUP, wrong, code.name)
    retry_after_s = _retry_after_s(error)
    if code is Code.DEADLINE_EXCEEDED:
        sentence = f"{where} did not answer within {timeout_s:g} s"
        return Answer(Verdict.LATER, sentence, code.name, retry_after_s, slow=True)
    if code in RETRYABLE or (code is Code.RESOURCE_EXHAUSTED and retry_after_s is not None):
        sentence = f"{where} asks to come again later: {code.name}, {short(details)}"
        if "failed to connect" in details or "onnection refused" in details:
            sentence = f"nobody answers at {where}: {_last_reason(details)}"
        return Answer(Verdict.LATER, sentence, code.name, retry_after_s)
    sentence = f"{where} refused it for good: {code.name}, {short(details)}"
    if code is Code.RESOURCE_EXHAUSTED and "larg" in details:
        return Answer(Verdict.TOO_LARGE, sentence, code.name)
    return Answer(Verdict.REFUSED, sentence, code.name, divisible=code is Code.INVALID_ARGUMENT)


def _wrong_setup(code: grpc.StatusCode, details: str, signal: Signal, where: str) -> str:
    """The sentence for what no waiting mends; empty for the rest."""
    if code in _TOKEN:
        return f"{where} refuses the token ({code.name}, {short(details)}); see headers"
    if code is Code.FAILED_PRECONDITION and "circle" in details:
        return f"{where} {LOOP}"
    if "CERTIFICATE_VERIFY_FAILED" in details or "ertificate verify failed" in details:
        return certificate_sentence(where, details)
    if "WRONG_VERSION_NUMBER" in details or "SSL_ERROR" in details or "sl handshake" in details:
        return f"{where} does not speak TLS, or not ours; write grpc:// if it does not"
    if (
        "http1.x" in details
        or "http2 header with status" in details
        or "content-type" in details
        or ("rame" in details and "protocol" in details.lower())
    ):
        return f'{where} does not speak gRPC; if it is an HTTP port, set protocol = "http/protobuf"'
    if code in (Code.UNIMPLEMENTED, Code.NOT_FOUND):
        return (
            f"{where} has no OTLP service for {signal.name.lower()} "
            f"({code.name}, {short(details)}); see url, protocol and signals"
        )
    return ""


def _last_reason(details: str) -> str:
    return short(details.rsplit(": ", 1)[-1])


def _retry_after_s(error: aio.AioRpcError) -> float | None:
    """The delay of the RetryInfo in the answer's details, at most an hour."""
    metadata: Any = error.trailing_metadata() or ()
    for key, value in metadata:
        if key != _DETAILS or not isinstance(value, bytes):
            continue
        try:
            for detail in Status.FromString(value).details:
                info = RetryInfo()
                if detail.Unpack(info):
                    delay_s: float = info.retry_delay.ToTimedelta().total_seconds()
                    return min(max(0.0, delay_s), MAX_RETRY_AFTER_S)
        except (DecodeError, ValueError):
            return None
    return None
