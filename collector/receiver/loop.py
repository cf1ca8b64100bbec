"""A collector that forwards to itself would never end: its own requests are refused."""

from __future__ import annotations

from .status import Kind, Refusal

FORWARDED_BY = "spanscore-forwarded-by"
"""Header of every forwarded request: the identity of the inbox that it comes from."""


def check_loop(header: str | None, identity: str) -> None:
    """Raises Refusal (LOOP) for a request that this collector itself has forwarded."""
    if header is not None and header.strip() == identity:
        raise Refusal(
            Kind.LOOP,
            "this collector forwards to itself: take this address out of `forward`",
        )
