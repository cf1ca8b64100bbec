"""`spanscore import cells`: says what went in."""

from __future__ import annotations

from pathlib import Path

from ..config import Settings
from ..import_cells import import_cells


def import_published_cells(settings: Settings, file: Path) -> None:
    """Import the records and print how many. Raises ImportCellsError, InboxError, DatabaseError."""
    imported = import_cells(settings, file)
    print(f"{imported.cells} cells went in as runs of evidence grade D, {imported.spans} spans")
