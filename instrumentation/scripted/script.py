"""What the scripted model says: a few steps with their token counts, and how it fails, as data."""

from __future__ import annotations

import math
from dataclasses import dataclass

FOREVER_S = math.inf


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one answer. `input_tokens` includes what was read from or put in a cache."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def fresh_tokens(self) -> int:
        """Input that no cache had a part in: what Anthropic's API calls `input_tokens`."""
        return self.input_tokens - self.cache_read_tokens - self.cache_creation_tokens


@dataclass(frozen=True, slots=True)
class Step:
    """One answer of the model: a shell command for the agent to run, or a final text."""

    usage: Usage
    text: str = ""
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """An error in place of an answer, for the first `times` model calls or (None) for all."""

    status: int
    retry_after_s: int | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """The steps in order; the last one is repeated, and must be a text.

    Which step is due is read from the conversation in the request (how many tool results it
    holds), so retries, parallel conversations and side questions get the answer that fits them.
    """

    steps: tuple[Step, ...]
    fault: Fault | None = None
    delay_s: float = 0.0  # before each answer; FOREVER_S hangs until the server stops

    def step(self, tool_results: int, *, can_run_commands: bool) -> Step:
        """The step due after so many tool results; a caller without a shell gets the text."""
        return self.steps[min(tool_results, len(self.steps) - 1) if can_run_commands else -1]


BUGGY_FILE = ("calc.py", "def add(a, b):\n    return a - b\n")
FIXED_TEXT = "def add(a, b):\n    return a + b\n"
PROMPT = "Fix the bug in calc.py"

FIX_STEPS = (
    Step(
        Usage(2100, 57, cache_read_tokens=1024, cache_creation_tokens=300, reasoning_tokens=12),
        text="I will correct the operator.",
        command="sed -i 's/return a - b/return a + b/' calc.py && cat calc.py",
    ),
    Step(
        Usage(2345, 41, cache_read_tokens=2048, cache_creation_tokens=100, reasoning_tokens=7),
        text="calc.py is corrected: add() returns a + b.",
    ),
)
FIX_THE_BUG = Script(FIX_STEPS)
