"""What goes wrong in front of and behind the proxy."""

from __future__ import annotations


class ProxyError(Exception):
    """The proxy cannot do what it was asked; the message names the fix."""


class RecordingError(ProxyError):
    """A recording cannot be written or read; the message names the file and the fix."""


class SourceError(Exception):
    """The answer did not come, or broke off. `error_type` is the value of error.type."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type
