"""`spanscore forward replay`: what to send, progress, and what came of it."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from functools import partial

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..answers import ask
from ..config import ConfigError, Settings, beside, parse_moment, unix_ns
from ..forward.destination import Destination
from ..forward.ledger import Ledger, Status
from ..forward.replay import Replayed, replay


def run_replay(settings: Settings, name: str, since: str, until: str | None) -> int:
    """Send what was received between `since` and `until` again; the exit code, 1 for refusals.

    Raises ConfigError, LedgerError, and what asking the store raises.
    """
    destination = find(settings, name)
    from_ns = _moment_ns("since", since)
    to_ns = time.time_ns() if until is None else _moment_ns("until", until)
    if from_ns > to_ns:
        raise ConfigError(f"since = {since} is after until = {until or 'now'}; swap them")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeRemainingColumn())  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"to {destination.title}", total=None)

        def moved(done: Replayed) -> None:
            progress.update(task, completed=done.read_rows, total=done.total_rows)

        done = asyncio.run(
            replay(settings, destination, partial(ask, settings), from_ns, to_ns, moved)
        )
    print(f"{done.sent_records:,} records in {done.sent_requests:,} requests went to "
          f"{destination.title}")  # fmt: skip
    for rejection in done.rejections:
        print(f"refused: {rejection.records:,} of {rejection.signal}: {rejection.reason}",
              file=sys.stderr)  # fmt: skip
    if done.refused_requests > len(done.rejections):
        print(f"refused in all: {done.refused_records:,} records in {done.refused_requests:,} "
              "requests", file=sys.stderr)  # fmt: skip
    return 1 if done.refused_requests else 0


def find(settings: Settings, name: str) -> Destination:
    """The configured destination of that name, or the one that the URL describes."""
    for destination in settings.forward:
        if name == destination.title:
            return destination
    if "://" in name:
        try:
            return Destination.model_validate(name)
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ConfigError(f"{name}: {message}") from None
    flagged = _given_by_flag(settings, name)
    if flagged:
        raise ConfigError(
            f"{name} was given to the collector by a flag, which is not seen here; write "
            f"{flagged.profile}+{flagged.url}, or a [[forward]] table if it needs headers"
        )
    known = ", ".join(destination.title for destination in settings.forward)
    raise ConfigError(
        f"there is no destination {name!r}; "
        + (f"configured are {known}" if known else "none is configured here: give its URL")
    )


def _given_by_flag(settings: Settings, name: str) -> Status | None:
    """What a collector on this database forwards to, or did when it ran last."""
    path = beside(settings.db, "forward")
    if not path.exists():
        return None
    with Ledger(path) as ledger:
        return ledger.statuses().get(name)


def _moment_ns(setting: str, text: str) -> int:
    try:
        return unix_ns(parse_moment(text, datetime.now(UTC)))
    except ValueError as error:
        raise ConfigError(f"{setting} = {error}") from None
