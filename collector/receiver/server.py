"""Both doors over one inbox: start, ports, stop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from spanscore.collector.config import cannot_open

from .accept import Acceptor
from .commit import GroupCommit
from .grpc import GrpcDoor
from .http import HttpDoor
from .masking import Masker
from .origin import Origins

if TYPE_CHECKING:
    from .options import KeyPair, ReceiverOptions


_COMMIT_S = 5.0


class AddressError(Exception):
    """A door could not be opened; the message names the address, the setting and the fix."""


async def serve(options: ReceiverOptions) -> Receiver:
    """Open both doors; the receiver is stopped in the same event loop.

    Raises ValueError for options that `validate` refuses, AddressError for an address that cannot
    be bound, and InboxError.
    """
    options.validate()
    tls = options.key_pair()
    commits = GroupCommit(options.inbox, options.inbox_max_bytes)
    receiver = Receiver(commits, make_acceptor(options, commits))
    try:
        receiver.http_port = await _open(receiver.http, "http", options.http, tls)
        receiver.grpc_port = await _open(receiver.grpc, "grpc", options.grpc, tls)
    except BaseException:
        await receiver.stop(0)
        raise
    return receiver


def make_acceptor(options: ReceiverOptions, commits: GroupCommit) -> Acceptor:
    """What validates and masks as `options` say, for the doors and for imports.

    Raises ValueError for a secret that is too short to be masked.
    """
    return Acceptor(
        commits,
        Masker(options.secrets, options.mask_patterns),
        Origins(options.ingest_key, options.token),
        options.limits,
        hashes_content=options.content == "hash",
        identity=commits.identity,
    )


class Receiver:
    """A running receiver: `grpc_port` and `http_port` are the ports that were bound."""

    def __init__(self, commits: GroupCommit, acceptor: Acceptor) -> None:
        self.grpc = GrpcDoor(acceptor)
        self.http = HttpDoor(acceptor)
        self.grpc_port = 0
        self.http_port = 0
        self._commits = commits
        self._acceptor = acceptor

    async def stop(self, grace_s: float) -> None:
        """Take no more requests, answer those in flight for at most `grace_s`, close the inbox.

        What the disk has not taken _COMMIT_S after that is not acknowledged.
        """
        await asyncio.gather(self.grpc.close(grace_s), self.http.close(grace_s))
        self._acceptor.close()
        await self._commits.close(_COMMIT_S)


async def _open(door: GrpcDoor | HttpDoor, setting: str, address: str, tls: KeyPair | None) -> int:
    try:
        return await door.open(address, tls)
    except OSError as error:
        raise AddressError(cannot_open(setting, address, error)) from error
