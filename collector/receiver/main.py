"""The receiver as a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from spanscore.collector.child import NotStarted, Started, told_to_stop
from spanscore.collector.inbox import InboxError

from .server import AddressError, serve

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from .options import ReceiverOptions

DRAIN_S = 4
_PARENT_POLL_S = 1.0


def run(options: ReceiverOptions, report: Connection) -> None:
    """Serve until SIGTERM or SIGINT, or until the parent process is gone; then drain and return.

    Sends one `Started` or `NotStarted` through `report` and closes it.
    """
    asyncio.run(_run(options, report))


async def _run(options: ReceiverOptions, report: Connection) -> None:
    starter = multiprocessing.parent_process()
    parent = os.getppid() if starter is None else starter.pid
    with told_to_stop(signal.SIGTERM, signal.SIGINT) as stopping:
        with report:
            try:
                receiver = await serve(options)
            except (AddressError, InboxError, ValueError) as error:
                report.send(NotStarted(str(error)))
                return
            report.send(Started(receiver.grpc_port, receiver.http_port))
        while not stopping.is_set() and os.getppid() == parent:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _PARENT_POLL_S)
        await receiver.stop(DRAIN_S)
