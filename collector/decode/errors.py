"""Why an export request could not be decoded."""

from __future__ import annotations


class DecodeError(ValueError):
    """A request is not the OTLP message that its signal calls for.

    `index` is the position of the first such request among those given; the others are fine or
    come after it.
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"request {index}: {reason}")
        self.index = index
        self.reason = reason


class Ambiguous(ValueError):
    """A oneof is set twice on the wire: only the canonical form of the message can be read."""
