"""`spanscore import cells`: published cell records become runs of evidence grade D."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from .answers import load_waiting
from .cell_record import CellError
from .cell_spans import resource_spans
from .config import Settings
from .inbox import Inbox, Request
from .signals import Signal

CELLS_A_REQUEST = 500


class ImportCellsError(Exception):
    """The file holds no cell records, or one of them cannot be read; nothing was imported."""


@dataclass(frozen=True, slots=True)
class Imported:
    """How many records and spans were appended; those that were known already change nothing."""

    cells: int
    spans: int


def import_cells(settings: Settings, file: Path) -> Imported:
    """Append the records' spans to the database's inbox and load them; all of them or none.

    A collector that holds the database loads them itself, within a moment. The same file again
    changes nothing. Raises ImportCellsError, InboxError, DatabaseError.
    """
    requests, imported = read_cells(file)
    with Inbox(settings.inbox, max_bytes=settings.inbox_max) as inbox:
        inbox.append(requests)
    load_waiting(settings)
    return imported


def read_cells(file: Path) -> tuple[list[Request], Imported]:
    """The records of a JSON array as Export requests of origin `import`."""
    records = _records(file)
    spans = [_checked(file, number, record) for number, record in enumerate(records)]
    _refuse_doubles(file, records)
    requests = list(_requests(spans))
    return requests, Imported(len(records), sum(len(s.scope_spans[0].spans) for s in spans))


def _records(file: Path) -> list[dict[str, Any]]:
    try:
        records = orjson.loads(file.read_bytes())
    except OSError as error:
        raise ImportCellsError(f"{file}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise ImportCellsError(f"{file} is no JSON: {error}") from error
    if not isinstance(records, list):
        raise ImportCellsError(f"{file} must be a JSON array of cell records, one object a cell")
    return records


def _checked(file: Path, number: int, record: object) -> Any:
    if not isinstance(record, dict):
        raise ImportCellsError(f"{file}: record {number} is no object")
    try:
        return resource_spans(record)
    except CellError as error:
        raise ImportCellsError(f"{file}: record {number} {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ImportCellsError(
            f"{file}: record {number} has not the shape of a cell record: {error}"
        ) from error


def _refuse_doubles(file: Path, records: Sequence[dict[str, Any]]) -> None:
    seen: dict[str, int] = {}
    for number, record in enumerate(records):
        first = seen.setdefault(record["cell_id"], number)
        if first != number and records[first] != record:
            raise ImportCellsError(
                f"{file}: records {first} and {number} differ and have the same cell_id "
                f"{record['cell_id']!r}; give each its own, such as one ending in #run2"
            )


def _requests(spans: Sequence[Any]) -> Iterator[Request]:
    rest = iter(spans)
    while some := list(islice(rest, CELLS_A_REQUEST)):
        message = Signal.TRACES.request_type(resource_spans=some)
        yield Request(Signal.TRACES, "import", time.time_ns(), message.SerializeToString())
