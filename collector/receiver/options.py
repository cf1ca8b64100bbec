"""What a receiver needs to know, and which combinations are refused."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from spanscore.collector.config import is_loopback, split_address
from spanscore.collector.inbox import DEFAULT_MAX_BYTES

from .limits import Limits


@dataclass(frozen=True, slots=True)
class ReceiverOptions:
    """The settings of one receiver process; plain values, so that they can be pickled.

    Addresses are HOST:PORT (port 0: any free one); `ingest_key` signs ingest tokens;
    `max_in_flight_bytes` bounds the requests of one origin; `secrets` are exact values to mask.
    """

    inbox: Path
    ingest_key: bytes = field(repr=False)
    grpc: str = "127.0.0.1:4317"
    http: str = "127.0.0.1:4318"
    token: str | None = field(default=None, repr=False)
    insecure: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    max_request_bytes: int = 64 * 1024**2
    max_in_flight_bytes: int = 256 * 1024**2
    body_timeout_s: float = 30
    inbox_max_bytes: int = DEFAULT_MAX_BYTES
    secrets: tuple[str, ...] = field(default=(), repr=False)
    mask_patterns: bool = True
    content: Literal["full", "hash"] = "full"

    @property
    def limits(self) -> Limits:
        """The bounds of requests."""
        return Limits(self.max_request_bytes, self.max_in_flight_bytes, self.body_timeout_s)

    def validate(self) -> None:
        """Raises ValueError, naming setting and fix, for a door that anyone could write to."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together; set both or none")
        for name, address in (("grpc", self.grpc), ("http", self.http)):
            host, _ = split_address(address)
            if not (is_loopback(host) or self.token or self.insecure):
                raise ValueError(
                    f"{name} = {address} can be reached by others; set a token "
                    "(--token or SPANSCORE_TOKEN), or --insecure if that is intended"
                )

    def key_pair(self) -> KeyPair | None:
        """What the doors need for TLS, if it is asked for. Raises ValueError naming the file."""
        if self.tls_cert is None or self.tls_key is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.tls_cert, self.tls_key)
            return KeyPair(self.tls_cert.read_bytes(), self.tls_key.read_bytes(), context)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(
                f"tls_cert = {self.tls_cert}, tls_key = {self.tls_key}: {error}. "
                "Both must be readable PEM files that belong together"
            ) from error


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate chain and its private key as PEM, and the same as Python's TLS takes it."""

    certificates: bytes
    key: bytes = field(repr=False)
    context: ssl.SSLContext
