"""When a destination may be tried again: exponential backoff with jitter, or when it says."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable

from .answer import Answer, Verdict

FIRST_S = 0.5
FIRST_SETUP_S = 5.0
LONGEST_S = 60.0
FACTOR = 2.0


class Pace:
    """One destination's; while it fails all its requests wait, and one at a time asks it.

    `chance` gives numbers from 0 to 1. A delay is between half and all of the present backoff, and
    never below what the destination asked for (Retry-After, RetryInfo).
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._failures = 0
        self._free_s = 0.0
        self._one = asyncio.Lock()

    @property
    def wait_s(self) -> float:
        """Seconds from now until the next try; 0 when it may be made."""
        return max(0.0, self._free_s - time.monotonic())

    async def ask(
        self, send: Callable[[], Awaitable[Answer]], stop: asyncio.Event
    ) -> Answer | None:
        """Send when it is time, and judge by the answer when the next time is.

        None when `stop` was set before it was sent.
        """
        if self._failures or self.wait_s:
            async with self._one:
                return await self._judged(send) if await self._free(stop) else None
        return None if stop.is_set() else await self._judged(send)

    async def _free(self, stop: asyncio.Event) -> bool:
        while not stop.is_set():
            wait_s = self.wait_s
            if not wait_s:
                return True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait_s)
        return False

    async def _judged(self, send: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await send()
        if answer.verdict in (Verdict.LATER, Verdict.WRONG_SETUP):
            self._failed(answer)
        else:
            self._failures = 0
        return answer

    def _failed(self, answer: Answer) -> None:
        """Wait longer than the last time; requests that failed together count once."""
        if self.wait_s:
            return
        first_s = FIRST_SETUP_S if answer.verdict is Verdict.WRONG_SETUP else FIRST_S
        backoff_s = min(LONGEST_S, first_s * FACTOR ** min(self._failures, 20))
        delay_s = backoff_s * (0.5 + 0.5 * self._chance())
        if answer.retry_after_s is not None:
            delay_s = answer.retry_after_s + self._chance() * min(1.0, answer.retry_after_s / 10)
        self._failures += 1
        self._free_s = time.monotonic() + delay_s
