"""What `run` and `sweep` show on standard error while they work."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars

from spanscore.instrumentation.conventions import Role

from ..table import visible


class Progress:
    """A moving line a run on a terminal, a plain line a phase elsewhere. Safe to use from threads.

    With a `total` there is a bar of the runs that are done, and phases are no lines of their own.
    """

    def __init__(self, total: int | None = None) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._total = total
        self._lock = threading.Lock()
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(20) if total else TextColumn(""),
            MofNCompleteColumn() if total else TextColumn(""),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._runs: dict[str, int] = {}
        self._whole = self._bars.add_task("runs", total=total) if total else None

    @property
    def _moves(self) -> bool:
        return self._console.is_terminal

    def __enter__(self) -> Self:
        if self._moves:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def tell(self, message: str) -> None:
        """Say something above what moves."""
        with self._lock:
            for line in message.splitlines():
                self._console.print(f"spanscore: {visible(line)}")
            sys.stderr.flush()

    def opened(self, run_id: str, role: Role) -> None:
        """A run has come to a phase."""
        if role in (Role.APPLY_PLUGINS, Role.CONTAINER):
            return  # parts of the phase that is shown
        what = f"{run_id[:8]} {role}"
        with self._lock:
            if self._moves:
                if run_id not in self._runs:
                    self._runs[run_id] = int(self._bars.add_task(what, total=None))
                self._bars.update(self._runs[run_id], description=what)  # type: ignore[arg-type]
            elif not self._total and role is not Role.CELL_RUN:
                self._console.print(f"spanscore: {role}")

    def done(self, run_id: str) -> None:
        """A run has ended."""
        with self._lock:
            if run_id in self._runs:
                self._bars.remove_task(self._runs.pop(run_id))  # type: ignore[arg-type]
            if self._whole is not None:
                self._bars.advance(self._whole)
