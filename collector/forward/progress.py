"""What one destination's forwarding has done, kept in the ledger and said in the log."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Sequence

from .answer import Answer, Verdict
from .ledger import Ledger, LedgerError, Rejection, Status
from .parts import Part

RATE_WINDOW_S = 60.0
SAY_EVERY_S = 60.0
"""The same trouble is said at most this often."""

RETRY_S = 2.0

FILLS = (
    "what waits for it takes more than half of --inbox-max; without a database (--no-db) it is "
    "kept nowhere else, so when the inbox is full senders are told to come again later (503)"
)


class Progress:
    """Counts, and says trouble when it is new; `ledger` is used by one thread at a time."""

    def __init__(self, status: Status, ledger: Ledger, lock: asyncio.Lock) -> None:
        self.status = status
        self._ledger = ledger
        self._lock = lock
        self._changed = True
        self._recent: deque[tuple[float, int]] = deque()
        self._said: dict[str, float] = {}

    def sent(self, part: Part) -> None:
        """A request was taken."""
        status = self.status
        status.sent_records += part.records
        status.sent_requests += 1
        status.sent_bytes += len(part.body)
        status.last_sent_at_ns = time.time_ns()
        status.tries_again_at_ns = None
        self._recent.append((time.monotonic(), part.records))
        if status.state in ("retrying", "held"):
            self._say(f"{status.destination} takes telemetry again", again_s=0)
        self.enter("sending")

    def failed(self, answer: Answer, tries_again_s: float) -> None:
        """A request must be sent again, in so many seconds."""
        self.status.retries += 1
        self.status.tries_again_at_ns = time.time_ns() + int(tries_again_s * 1e9)
        self.enter("held" if answer.verdict is Verdict.WRONG_SETUP else "retrying")
        self.trouble(answer.sentence)

    async def refused(self, rejections: Sequence[Rejection]) -> None:
        """Keep what was refused for good; it is on the disk when this returns.

        A fault of the ledger is said and waited out: nothing is passed by without a trace.
        """
        while not await self._kept(rejections):
            await asyncio.sleep(RETRY_S)
        self.status.refused_requests += len(rejections)
        self.status.refused_records += sum(rejection.records for rejection in rejections)
        self.trouble(rejections[-1].reason)

    async def _kept(self, rejections: Sequence[Rejection]) -> bool:
        try:
            async with self._lock:
                await asyncio.to_thread(self._ledger.reject, rejections)
        except LedgerError as error:
            self.trouble(str(error))
            return False
        return True

    def trouble(self, sentence: str) -> None:
        """Remember the last error, and say it unless it was said a moment ago."""
        self.status.last_error = sentence
        self.status.last_error_at_ns = time.time_ns()
        self._changed = True
        self._say(f"forwarding to {self.status.destination}: {sentence}", again_s=SAY_EVERY_S)

    def fills_inbox(self, fills: bool) -> None:
        """Say so, and again while it lasts, when what waits for it will fill the inbox."""
        if fills != self.status.fills_inbox:
            self.status.fills_inbox = fills
            self._changed = True
        if fills:
            self._say(f"forwarding to {self.status.destination}: {FILLS}", again_s=SAY_EVERY_S)

    def enter(self, state: str) -> None:
        """Say what the destination's forwarding does now."""
        self._changed = True
        self.status.state = state

    async def write(self) -> None:
        """Write the status into the ledger, if there is something new."""
        rate = self._rate()
        if not self._changed and rate == self.status.records_per_s:
            return
        self._changed = False
        self.status.records_per_s = rate
        async with self._lock:
            await asyncio.to_thread(self._ledger.write_status, self.status)

    def _rate(self) -> float:
        """Records a second over the last minute."""
        now_s = time.monotonic()
        while self._recent and self._recent[0][0] < now_s - RATE_WINDOW_S:
            self._recent.popleft()
        return round(sum(records for _, records in self._recent) / RATE_WINDOW_S, 1)

    def _say(self, sentence: str, again_s: float) -> None:
        now_s = time.monotonic()
        if now_s - self._said.get(sentence, -again_s) < again_s:
            return
        if len(self._said) > 100:
            self._said.clear()
        self._said[sentence] = now_s
        print(f"spanscore: {sentence}", file=sys.stderr, flush=True)
