"""The one place where an error becomes an HTTP status or a gRPC code.

Two kinds, by OTLP 1.11 ("Failures"): permanent (the sender's fault, not to be tried again) and
retryable (ours: 503 or UNAVAILABLE, always with a delay).
"""

from __future__ import annotations

import logging
from enum import Enum

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from spanscore.collector.inbox import InboxBusy, InboxError, InboxFull

log = logging.getLogger(__name__)

_MAX_MESSAGE_CHARACTERS = 1000
_RETRY_SOON_S = 2
_RETRY_LATER_S = 15


class Kind(Enum):
    """Why a request is refused, with the HTTP status and the gRPC code that say so."""

    UNDECODABLE = 400, grpc.StatusCode.INVALID_ARGUMENT
    UNAUTHENTICATED = 401, grpc.StatusCode.UNAUTHENTICATED
    CROSS_SITE = 403, grpc.StatusCode.PERMISSION_DENIED
    UNKNOWN_PATH = 404, grpc.StatusCode.NOT_FOUND
    WRONG_METHOD = 405, grpc.StatusCode.UNIMPLEMENTED
    TOO_LARGE = 413, grpc.StatusCode.RESOURCE_EXHAUSTED
    UNSUPPORTED_TYPE = 415, grpc.StatusCode.INVALID_ARGUMENT
    LOOP = 508, grpc.StatusCode.FAILED_PRECONDITION
    UNAVAILABLE = 503, grpc.StatusCode.UNAVAILABLE

    @property
    def http_status(self) -> int:
        """The status of the HTTP answer."""
        return self.value[0]

    @property
    def grpc_code(self) -> grpc.StatusCode:
        """The status code of the gRPC answer."""
        return self.value[1]

    @property
    def counter(self) -> str:
        """The name of the counter of requests refused for this reason."""
        return f"refused_requests_{self.name.lower()}"


class Refusal(Exception):
    """A request that is not acknowledged; `str()` tells its sender why and what to do.

    `retry_after_s` is set if, and only if, the sender should try again.
    """

    def __init__(self, kind: Kind, message: str, *, retry_after_s: int = _RETRY_SOON_S) -> None:
        # A sender's own words in it may be long, and need not be Unicode.
        text = message[:_MAX_MESSAGE_CHARACTERS].encode(errors="backslashreplace").decode()
        super().__init__(text)
        self.kind = kind
        self.retry_after_s = retry_after_s if kind is Kind.UNAVAILABLE else None

    def status(self) -> Status:
        """The `google.rpc.Status` of the answer, with a RetryInfo where a retry makes sense."""
        status = Status(code=self.kind.grpc_code.value[0], message=str(self))
        if self.retry_after_s is not None:
            delay = Duration(seconds=self.retry_after_s)
            status.details.add().Pack(RetryInfo(retry_delay=delay))
        return status

    def headers(self) -> dict[str, str]:
        """The headers that HTTP wants beside the status."""
        if self.retry_after_s is not None:
            return {"Retry-After": str(self.retry_after_s)}
        if self.kind is Kind.UNAUTHENTICATED:
            return {"WWW-Authenticate": "Bearer"}
        if self.kind is Kind.WRONG_METHOD:
            return {"Allow": "POST"}
        return {}


def refusal_of(error: Exception) -> Refusal:
    """What the sender is told about `error`.

    Whatever is not the sender's fault is retryable, also what nobody foresaw: a 500 would make
    the sender drop its telemetry.
    """
    if isinstance(error, Refusal):
        # Its traceback would hold the request for as long as the caller holds the refusal.
        return error.with_traceback(None)
    if isinstance(error, InboxBusy | InboxFull):
        return Refusal(Kind.UNAVAILABLE, str(error))
    if isinstance(error, InboxError):
        return Refusal(Kind.UNAVAILABLE, str(error), retry_after_s=_RETRY_LATER_S)
    log.error("a request failed in a way nobody foresaw", exc_info=error)
    text = "the receiver failed, its log says how; nothing was stored, try again later"
    return Refusal(Kind.UNAVAILABLE, text, retry_after_s=_RETRY_LATER_S)
