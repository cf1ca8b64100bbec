"""`spanscore export`: where it goes, and how far it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import ByteSize
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from spanscore.queries.lake.storage import is_lake

from ..config import Settings
from ..export.bundle import write_bundle
from ..export.errors import ExportError
from ..export.files import new_file, new_folder
from ..export.otlp import write_otlp
from ..export.parquet import write_base, write_kept, write_missing
from ..export.requests import count_rows, stored_requests
from ..export.selection import Selection, select
from ..export.source import Source, open_source
from ..output import csv_pieces
from ..own_views import views_of

Form = Literal["otlp-json", "otlp-proto", "parquet", "csv", "bundle"]
FOLDERS = ("parquet", "bundle")
OF_A_LAKE = ("parquet", "csv")

ENGINE_MEMORY = ByteSize(256 << 20)
"""What DuckDB may take in an export, unless --memory allows it less; the rest is Python's."""

_SCORES = """
SELECT s.*, r.sweep_id, r.attempt, r.status, r.agent_version, r.task_version, e.grade, e.citable
FROM scores AS s
LEFT JOIN runs AS r USING (run_id)
LEFT JOIN evidence AS e USING (run_id)
WHERE {selected}
ORDER BY s.started_at, run_id
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for; `output` None: standard output."""

    form: Form
    output: Path | None
    runs: Sequence[str] = ()
    sweeps: Sequence[str] = ()
    since: str | None = None


def export(settings: Settings, wanted: Wanted) -> None:
    """Write what is wanted, all of it or nothing, and say on standard error what it was.

    Raises ExportError, DatabaseError, InboxError, CatalogError, ClientError and QueryError, and for
    a lake StorageError and LakeReadError.
    """
    _check(settings, wanted)
    memory = min(settings.memory, ENGINE_MEMORY)
    settings = settings.model_copy(update={"memory": memory})
    with open_source(settings) as source:
        if (wanted.runs or wanted.sweeps or wanted.form in ("parquet", "csv")) and (
            not _with_spinner("computing the views of runs", source.make_views_fresh)
        ):
            _note("the views of runs are not complete yet; export again in a moment")
        selection = select(source, run_ids=wanted.runs, sweeps=wanted.sweeps, since=wanted.since)
        total = count_rows(source, selection)
        if wanted.output is None:
            _to_stdout(source, selection, wanted.form, total)
        else:
            _to_output(settings, source, selection, wanted, total)
    where = f" to {wanted.output}" if wanted.output else ""
    what = "scores" if wanted.form == "csv" else f"{total:,} spans, log records and data points"
    _note(f"{what} ({selection.words}) exported{where}")


def _check(settings: Settings, wanted: Wanted) -> None:
    if is_lake(settings.db) and wanted.form not in OF_A_LAKE:
        raise ExportError(
            f"a lake keeps rows, and no requests as they came: {wanted.form} is exported from a "
            f"database; from a lake --format {' or '.join(OF_A_LAKE)}"
        )
    if wanted.output is None:
        if wanted.form in FOLDERS:
            raise ExportError(f"{wanted.form} makes a folder; name it with --output")
        if wanted.form == "otlp-proto" and sys.stdout.isatty():
            raise ExportError("protobuf is binary: name a file with --output")


def _to_stdout(source: Source, selection: Selection, form: Form, total: int) -> None:
    sys.stdout.flush()
    try:
        with _progress(total) as bar:
            _to_file(source, selection, form, sys.stdout.buffer, bar)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read it has had enough; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _to_output(
    settings: Settings, source: Source, selection: Selection, wanted: Wanted, total: int
) -> None:
    assert wanted.output
    output = wanted.output
    views = views_of(settings)
    if wanted.form == "bundle":
        with new_folder(output) as folder, _progress(2 * total) as bar:
            sha256 = write_bundle(
                source, selection, views, folder, memory_limit=settings.memory_limit,
                wrote=bar.wrote, computing=bar.computing,
            )  # fmt: skip
        _note(f"sha256 of {output / 'manifest.json'}: {sha256}")
    elif wanted.form == "parquet":
        with new_folder(output) as folder, _progress(total) as bar:
            write_base(source, selection, folder, bar.wrote)
            bar.computing()
            write_kept(source, selection, views, folder)
            write_missing(views, folder, settings.memory_limit)
    else:
        with new_file(output) as file, _progress(total) as bar:
            _to_file(source, selection, wanted.form, file, bar)


def _to_file(source: Source, selection: Selection, form: Form, file: BinaryIO, bar: _Bar) -> None:
    if form == "csv":
        with source.stream(_SCORES.format(selected=selection.of_view())) as batches:
            for piece in csv_pieces(batches.schema, batches):
                file.write(piece)
    elif form in ("otlp-json", "otlp-proto"):
        write_otlp(stored_requests(source, selection), file, form, bar.wrote)


class _Bar:
    """How far an export is."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("exporting", total=total)

    def wrote(self, rows: int) -> None:
        self._progress.advance(self._task, rows)

    def computing(self) -> None:
        self._progress.update(self._task, description="computing views")


@contextmanager
def _progress(total: int) -> Iterator[_Bar]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn(), TimeRemainingColumn())  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield _Bar(progress, total)


def _with_spinner(text: str, work: Callable[[], bool]) -> bool:
    console = Console(stderr=True)
    if not console.is_terminal:
        return work()
    with console.status(text):
        return work()


def _note(text: str) -> None:
    print(f"spanscore: {text}", file=sys.stderr)
