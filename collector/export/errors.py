"""What goes wrong with exports, in a sentence for the user."""

from __future__ import annotations


class ExportError(Exception):
    """It cannot be exported, or the bundle not be read; the message says why and what to do."""
