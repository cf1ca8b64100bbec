"""Forwarding to oneself is a loop without end: what the address tells of it at start."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from spanscore.collector.config import split_address

from .destination import Destination


class LoopError(Exception):
    """A destination is this collector itself; the message names it."""


def check_no_loop(destinations: Iterable[Destination], doors: Iterable[str]) -> None:
    """Raise LoopError for a destination that is one of the `doors` (HOST:PORT as bound)."""
    for destination in destinations:
        for door in doors:
            host, port = split_address(door)
            if destination.port == port and _same_machine(destination.host, host):
                raise LoopError(
                    f"forward: {destination.url} is this collector itself; "
                    "name another address, or leave it out"
                )


def _same_machine(host: str, bound: str) -> bool:
    """Whether a connection to `host` ends at an address of ours that `bound` covers."""
    addresses = _addresses(host)
    return bool(addresses & _addresses(bound)) or (
        bound in ("0.0.0.0", "::") and any(map(_is_own, addresses))
    )


def _addresses(host: str) -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except OSError:
        return {host}


def _is_own(address: str) -> bool:
    """Whether this machine has the address: only then can something be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
