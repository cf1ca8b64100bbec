"""HTTP answers and failed connections, as Answers."""

from __future__ import annotations

import json
import os
import re
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status

from .answer import TAKEN, Answer, Verdict, short

if TYPE_CHECKING:
    from spanscore.collector.signals import Signal

RETRYABLE = frozenset([429, 502, 503, 504])
MAX_RETRY_AFTER_S = 3600.0
LOOP = "is this collector itself, or forwards to it: a circle; take it out of forward"
_TOKEN = frozenset([401, 403, 407])
_DIVISIBLE = frozenset([400, 422])
_TLS_PORT = re.compile(rb"HTTPS (server|port)", re.IGNORECASE)
_NOT_HERE = frozenset([404, 405, 410, 415, 421, 426, 501, 505])


def answer_of(
    signal: Signal, url: str, status: int, headers: Mapping[str, str], body: bytes
) -> Answer:
    """What an HTTP answer means; `headers` are looked up without regard to case."""
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    is_html = kind == "text/html" or body.lstrip()[:9].lower() in (b"<!doctype", b"<html>")
    if 200 <= status < 300:
        return _wrong(status, _page(url)) if is_html else _taken(signal, kind, body)
    if status in RETRYABLE:
        sentence = f"{url} asks to come again later: {_reason(status, kind, body)}"
        return Answer(Verdict.LATER, sentence, str(status), _retry_after_s(headers))
    if status in _TOKEN:
        return _wrong(
            status, f"{url} refuses the token ({_reason(status, kind, body)}); see headers"
        )
    if 300 <= status < 400:
        target = headers.get("Location", "another address")
        return _wrong(status, f"{url} sends on to {short(target)}; set that as url")
    if status == 400 and (is_html or _TLS_PORT.search(body)):
        fix = "write https://" if _TLS_PORT.search(body) else "see url and protocol"
        return _wrong(status, f"{url} does not take OTLP by this protocol; {fix}")
    if status == 508:
        return _wrong(status, f"{url} {LOOP}")
    if status in _NOT_HERE:
        what = f"no OTLP endpoint for {signal.name.lower()} ({_reason(status, kind, body)})"
        return _wrong(status, f"{url} is {what}; see url, protocol and signals")
    sentence = f"{url} refused it for good: {_reason(status, kind, body)}"
    if status == 413:
        return Answer(Verdict.TOO_LARGE, sentence, str(status))
    return Answer(Verdict.REFUSED, sentence, str(status), divisible=status in _DIVISIBLE)


def failure_of(error: Exception, url: str, timeout_s: float) -> Answer:
    """What a request without an answer means: what is down may come back, what is wrong not."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return _wrong(None, certificate_sentence(url, str(error)))
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return _later(f"the name of {url} is unknown; is it right, and is there a network?")
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        if "WRONG_VERSION_NUMBER" in str(error) or "RECORD_LAYER" in str(error):
            return _wrong(None, f"{url} does not speak TLS; write http:// if that is right")
        return _wrong(None, f"{url} and we do not agree on TLS: {short(str(error))}")
    if isinstance(error, TimeoutError):
        return Answer(
            Verdict.LATER, f"{url} did not answer within {timeout_s:g} s", "timeout", slow=True
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        # asyncio puts the address in place of the reason.
        reason = os.strerror(number) if number and number > 0 else str(error.os_error)
        return _later(f"nobody answers at {url}: {short(reason)}")
    if isinstance(error, aiohttp.ClientResponseError) or "BadStatusLine" in repr(error):
        return _wrong(
            None, f'{url} does not speak HTTP/1.1; if it is a gRPC port, set protocol = "grpc"'
        )
    return _later(f"the connection to {url} broke: {short(str(error) or type(error).__name__)}")


def certificate_sentence(url: str, details: str) -> str:
    """What is wrong with a certificate, in words."""
    if "expired" in details:
        return f"the certificate of {url} has expired; it must be renewed"
    if "self-signed" in details or "self signed" in details or "local issuer" in details:
        return f"the certificate of {url} is signed by nobody we trust; set tls_ca to its issuer's"
    if "mismatch" in details or "not valid for" in details:
        return f"the certificate of {url} is for another name; use the name that is in it"
    return f"the certificate of {url} is not accepted: {short(details)}"


def _later(sentence: str) -> Answer:
    return Answer(Verdict.LATER, sentence, "connection")


def _wrong(status: int | None, sentence: str) -> Answer:
    return Answer(Verdict.WRONG_SETUP, sentence, "connection" if status is None else str(status))


def _page(url: str) -> str:
    return f"{url} answers with a web page (HTML): it is no OTLP endpoint, see url"


def _taken(signal: Signal, kind: str, body: bytes) -> Answer:
    """Accepted, maybe in part; a body that is neither protobuf nor JSON says nothing."""
    response: Any = signal.response_type()
    try:
        if kind == "application/json" and body:
            json_format.Parse(body, response, ignore_unknown_fields=True)
        elif kind in ("application/x-protobuf", "application/protobuf"):
            response.MergeFromString(body)
    except (json_format.ParseError, DecodeError, UnicodeDecodeError):
        return TAKEN
    return taken(signal, response)


def taken(signal: Signal, response: Any) -> Answer:
    """What an Export<Signal>ServiceResponse says."""
    partial = response.partial_success
    rejected = getattr(partial, signal.rejected_field)
    if not rejected:
        return TAKEN
    reason = short(partial.error_message) or "no reason given"
    sentence = f"left out of a request that was taken: {reason}"
    return Answer(Verdict.TAKEN, sentence, "partial_success", rejected_records=rejected)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds or a date (RFC 9110, 10.2.3), at most an hour."""
    text = headers.get("Retry-After", "").strip()
    try:
        delay_s = (
            float(text)
            if re.fullmatch(r"\d+(\.\d+)?", text)
            else (parsedate_to_datetime(text).timestamp() - time.time())
        )
    except (ValueError, TypeError):
        return None
    return min(max(0.0, delay_s), MAX_RETRY_AFTER_S)


def _reason(status: int, kind: str, body: bytes) -> str:
    """The status in words, and what the backend says itself."""
    try:
        name = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        name = str(status)
    said = _said(kind, body)
    return f"{name}, {said}" if said else name


def _said(kind: str, body: bytes) -> str:
    try:
        if kind == "application/x-protobuf":
            return short(Status.FromString(body).message)
        if kind == "application/json":
            document = json.loads(body)
            for key in ("message", "detail", "error"):
                if isinstance(document, dict) and isinstance(document.get(key), str):
                    return short(document[key])
        if kind == "text/plain":
            return short(body.decode(errors="replace"))
    except (DecodeError, ValueError):
        return ""
    return ""
