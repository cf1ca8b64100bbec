"""What a destination answered: taken, try again, refused, or set up wrong; each in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What is to be done next (OTLP 1.11, "Failures")."""

    TAKEN = "taken"
    LATER = "later"
    """Retryable: exactly 429, 502, 503, 504, the retryable gRPC codes, and no answer at all."""
    TOO_LARGE = "too large"
    """The request is to be split; a single record is refused for good."""
    REFUSED = "refused"
    """Permanent, and the data's fault: counted and kept, never tried again."""
    WRONG_SETUP = "wrong setup"
    """The destination's setting or state is at fault, not the data: held until it is mended."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `code` is an HTTP status or a gRPC code; `sentence` says what is wrong."""

    verdict: Verdict
    sentence: str = ""
    code: str = ""
    retry_after_s: float | None = None
    rejected_records: int = 0
    """Records of a request that was taken which the destination left out (partial_success)."""
    divisible: bool = False
    """Whether one bad record may have spoilt the others: then halves are worth trying."""
    slow: bool = False
    """Whether it did not answer in time: a smaller request may succeed."""


TAKEN = Answer(Verdict.TAKEN)


def short(text: str) -> str:
    """A backend's own words, on one line and not too long, for use within a sentence."""
    words = " ".join(text.split()).rstrip(".")
    return words if len(words) <= 200 else words[:197] + "..."
