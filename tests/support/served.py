"""A running collector whose pages are looked at, with runs put straight into its inbox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from spanscore.collector.config import beside
from spanscore.collector.inbox import Inbox, Request
from spanscore.collector.keys import read_token

from .running_collector import RunningCollector


class Served:
    """The address of the pages, the token that opens them, and a way to send further requests."""

    def __init__(self, collector: RunningCollector) -> None:
        self.web = collector.web
        self.db = collector.db
        self.token = read_token(collector.db)
        self.cookie_name = f"spanscore-read-{urlsplit(self.web).port}"
        self._collector = collector

    def put(self, *requests: Request) -> None:
        """Send these, as the receiver would after checking them; returns when they are stored."""
        with Inbox(beside(self.db, "inbox")) as inbox:
            inbox.append(requests)
        self._collector.settle()

    def wait_for(self, *run_ids: str) -> None:
        """Until the views tell of these runs."""
        listed = ", ".join(f"'{run_id}'" for run_id in run_ids)
        query = f"SELECT count(*) AS n FROM runs WHERE run_id IN ({listed})"
        self._collector.wait_until(
            lambda: self._collector.ask(query)[0]["n"] == len(run_ids), 60, f"the runs {run_ids}"
        )


@contextmanager
def served(folder: Path, requests: Iterable[Request] = ()) -> Iterator[Served]:
    """Serve a database in `folder` that has these requests."""
    with RunningCollector(folder) as collector:
        made = Served(collector)
        made.put(*requests)
        yield made
