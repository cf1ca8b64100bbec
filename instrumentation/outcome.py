"""What came of a run, as the harness saw it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .container import Ended, Image
from .proxy import Traffic
from .verify import Verdict
from .workspace import Diff, Snapshot


@dataclass
class Outcome:
    """What came of a run, as far as it got. `error` is a failure of the harness."""

    run_id: str
    cell_id: str
    attempt: int
    provisional: list[str]
    image: Image | None = None
    before: Snapshot | None = None
    ended: Ended | None = None
    traffic: Traffic | None = None
    diff: Diff | None = None
    verdict: Verdict | None = None
    error: str | None = None
    cancelled_by: str | None = None
    output_tail: str = ""
    kept: Path | None = None
    removed: list[str] = field(default_factory=list)
