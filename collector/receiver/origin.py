"""Who sent a request: ingest tokens and the server token become an origin.

An ingest token is stateless, `<origin>.<id>.<first 32 hex digits of hmac-sha256(key,
"<origin>.<id>")>`, so minting one needs the key alone and nothing has to be remembered.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from .status import Kind, Refusal

ORIGINS = ("harness", "agent", "open", "import")
TOKEN_HEADER = "x-spanscore-token"
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def mint(key: bytes, origin: str, identity: str) -> str:
    """The ingest token that stamps requests with `origin`; fit for a path and for a header.

    `identity` tells tokens apart (a run's id, say): 1 to 128 letters, digits, `_` or `-`.
    Raises ValueError for another identity or an unknown origin.
    """
    if origin not in ORIGINS:
        raise ValueError(f"origin {origin!r} is none of {', '.join(ORIGINS)}")
    if not _ID.fullmatch(identity):
        raise ValueError(f"token id {identity!r} must be 1 to 128 letters, digits, '_' or '-'")
    signed = f"{origin}.{identity}"
    return f"{signed}.{_signature(key, signed)}"


def verify(key: bytes, token: str) -> str | None:
    """The origin that a token made by `mint` with this key stands for, else None."""
    signed, _, signature = token.rpartition(".")
    if not _equal(_signature(key, signed), signature):
        return None
    return signed.partition(".")[0]


def _signature(key: bytes, signed: str) -> str:
    return hmac.new(key, _encoded(signed), hashlib.sha256).hexdigest()[:32]


def _equal(one: str, other: str) -> bool:
    """Compare in a time that does not tell where they differ."""
    return hmac.compare_digest(_encoded(one), _encoded(other))


def _encoded(text: str) -> bytes:
    # Header bytes that are no UTF-8 come as lone surrogates.
    return text.encode(errors="backslashreplace")


class Origins:
    """Decides the origin of a request from the credentials that came with it."""

    def __init__(self, key: bytes, server_token: str | None) -> None:
        """`key` signs ingest tokens; with a `server_token` every request must show a token."""
        self._key = key
        self._server_token = server_token

    def resolve(
        self, *, path_token: str | None, header_token: str | None, authorization: str | None
    ) -> str:
        """The origin of a request with these credentials (None: not given).

        Each one that is given must be valid; an ingest token decides before the server token,
        the path before the headers. Raises Refusal (UNAUTHENTICATED).
        """
        bearer = _bearer(authorization)
        ingest = [token for token in (path_token, header_token) if token is not None]
        if bearer is not None and not self._is_server_token(bearer):
            ingest.append(bearer)
        origins = [self._verified(token) for token in ingest]
        if origins:
            return origins[0]
        if self._server_token is not None and bearer is None:
            raise Refusal(
                Kind.UNAUTHENTICATED,
                "this collector asks for a token: send the header 'Authorization: Bearer <token>'",
            )
        return "open"

    def _is_server_token(self, token: str) -> bool:
        return self._server_token is not None and _equal(token, self._server_token)

    def _verified(self, token: str) -> str:
        origin = verify(self._key, token)
        if origin is None:
            raise Refusal(
                Kind.UNAUTHENTICATED,
                "this token is unknown here: it must be the collector's own token or an ingest "
                "token made for this database",
            )
        return origin


def _bearer(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
