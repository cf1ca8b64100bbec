"""Keeps the views of runs current while telemetry arrives, beside the loader."""

from __future__ import annotations

import sys
import threading
import time

import duckdb

from .marts import Marts

EVERY_S = 1.0

SHARE = 10
"""After a refresh it rests for so many times its length: at most a tenth of a core, a few seconds
behind."""


def refresh_until(stop: threading.Event, marts: Marts) -> None:
    """Compute stale runs until `stop` is set; `marts` is this thread's own.

    A fault is said on stderr and tried again: the marks are still there.
    """
    rest_s = EVERY_S
    while not stop.wait(rest_s):
        began_s = time.monotonic()
        try:
            marts.refresh()
        except duckdb.FatalException:
            return  # the loader meets it too, and ends the process
        except duckdb.Error as error:
            print(f"spanscore: the views of runs wait: {error}", file=sys.stderr, flush=True)
        rest_s = max(EVERY_S, SHARE * (time.monotonic() - began_s))
