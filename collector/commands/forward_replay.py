"""`spanscore forward replay`: what to send, progress, and what came of it."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from datetime import UTC, datetime
from functools import partial

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..answers import ask
from ..config import ConfigError, Settings
from ..forward.destination import Destination
from ..forward.replay import Replayed, replay

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def run_replay(settings: Settings, name: str, since: str, until: str | None) -> int:
    """Send what was received between `since` and `until` again; the exit code, 1 for refusals.

    Raises ConfigError, and what asking the store raises.
    """
    destination = find(settings, name)
    from_ns = moment_ns("since", since)
    to_ns = time.time_ns() if until is None else moment_ns("until", until)
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
    for rejection in done.rejections[:20]:
        print(f"refused: {rejection.records:,} of {rejection.signal}: {rejection.reason}",
              file=sys.stderr)  # fmt: skip
    if len(done.rejections) > 20:
        print(f"and {len(done.rejections) - 20} refusals more", file=sys.stderr)
    return 1 if done.rejections else 0


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
    known = ", ".join(destination.title for destination in settings.forward)
    raise ConfigError(
        f"there is no destination {name!r}; "
        + (f"configured are {known}" if known else "none is configured here: give its URL")
    )


def moment_ns(setting: str, text: str) -> int:
    """An age (2h: two hours ago) or a time (UTC unless it says otherwise) as ns since 1970."""
    age = re.fullmatch(r"(\d+)([smhdw])", text.strip())
    if age:
        return time.time_ns() - int(age[1]) * _UNITS_S[age[2]] * 10**9
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(
            f"{setting} = {text!r} is no time; write an age such as 2h or 7d, or 2026-11-24T09:30"
        ) from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1e9)
