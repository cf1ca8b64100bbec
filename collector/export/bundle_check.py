"""What differs in a bundle: its files from their sums, its results from its telemetry."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import orjson

from spanscore.queries.catalog import BASE_VIEWS
from spanscore.queries.view import View

from .bundle import FORM, MANIFEST, sha256_of, view_sums
from .errors import ExportError
from .parquet import engine, file_of, read_file

# What two computations of a floating-point sum may differ in is far to the right of this.
_COMPARABLE = {"DOUBLE": "printf('%.10g', {0})", "FLOAT": "printf('%.6g', {0})"}


@dataclass(frozen=True, slots=True)
class Difference:
    """A view whose rows, computed anew, are not those of the bundle."""

    view: str
    columns: tuple[str, ...]
    """Those whose values differ."""
    rows: int
    """Rows of the bundle that are not found again."""


@dataclass(slots=True)
class Findings:
    """All that was found; nothing when the bundle is what it says, under the views of this version.

    Until `is_untouched` nothing else was looked at.
    """

    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    made_by: dict[str, str] = field(default_factory=dict)
    other_views: list[str] = field(default_factory=list)
    """Views whose SQL is another here, or is only here or only there."""
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_untouched(self) -> bool:
        """Whether every file is there and has its sum."""
        return not (self.changed or self.missing or self.extra)

    @property
    def is_unexplained(self) -> bool:
        """Whether the results differ although the views are the same."""
        return bool(self.differences) and not self.other_views


def is_bundle(path: Path) -> bool:
    """Whether the path is a folder with a manifest."""
    return path.is_dir() and (path / MANIFEST).is_file()


def check_bundle(folder: Path, views: Sequence[View], memory_limit: str) -> Findings:
    """Compare the files with their sums and, if all are right, the results with those of `views`.

    Raises ExportError for a manifest that is none, or of a later form.
    """
    manifest = _read_manifest(folder)
    findings = Findings(made_by=manifest["versions"])
    _check_files(folder, manifest["files"], findings)
    if findings.is_untouched:
        here, there = view_sums(views), manifest["views"]
        findings.other_views = sorted(
            name for name in here.keys() | there.keys() if here.get(name) != there.get(name)
        )
        findings.differences = _recompute(folder, views, memory_limit)
    return findings


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = orjson.loads(path.read_bytes())
        form, files = manifest["form"], manifest["files"]
        whole = (
            isinstance(form, int)
            and all(isinstance(file["sha256"], str) for file in files.values())
            and all(isinstance(manifest[part], dict) for part in ("versions", "views"))
            and not any("/" in name or name.startswith(".") for name in files)
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise ExportError(f"{path} is no manifest of a bundle, or it is damaged")
    if form > FORM:
        raise ExportError(
            f"{folder} is a bundle of form {form}; this spanscore reads up to {FORM}: install a "
            "newer one"
        )
    return dict(manifest)


def _check_files(folder: Path, files: Mapping[str, Mapping[str, Any]], findings: Findings) -> None:
    for name, told in sorted(files.items()):
        path = folder / name
        if path.is_symlink() or not path.is_file():
            findings.missing.append(name)
        elif sha256_of(path) != told["sha256"]:
            findings.changed.append(name)
    there = {path.name for path in folder.iterdir()}
    findings.extra = sorted(there - files.keys() - {MANIFEST})


def _recompute(folder: Path, views: Sequence[View], memory_limit: str) -> list[Difference]:
    with (
        tempfile.TemporaryDirectory() as spill,
        closing(engine(memory_limit, Path(spill))) as db,
    ):
        for name in BASE_VIEWS:
            read_file(db, name, folder)
        found = []
        for view in views:
            db.execute(f"CREATE TEMP TABLE {view.name} AS {view.select}")
            if file_of(folder, view.name).exists():
                read_file(db, view.name, folder, name="bundled")
                found.append(_compare(db, view.name))
                db.execute("DROP VIEW bundled")
        return [difference for difference in found if difference]


def _compare(db: duckdb.DuckDBPyConnection, view: str) -> Difference | None:
    here, there = _columns(db, view), _columns(db, "bundled")
    shared = [name for name in there if name in here]
    differing = [name for name in {**there, **here} if here.get(name) != there.get(name)]
    compared = {name: _COMPARABLE.get(here[name], "{0}").format(f'"{name}"') for name in shared}
    for name, text in compared.items():
        if name not in differing and _lost(db, view, [text]):
            differing.append(name)
    lost = _lost(db, view, list(compared.values()))
    if not (lost or differing):
        return None
    return Difference(view, tuple(differing), lost)


def _columns(db: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    return {row[0]: row[1] for row in db.execute(f"DESCRIBE {name}").fetchall()}


def _lost(db: duckdb.DuckDBPyConnection, view: str, columns: Sequence[str]) -> int:
    """Rows of the bundle that are not found again, or the other way round, if those are more."""
    listed = ", ".join(columns)
    there, here = f"SELECT {listed} FROM bundled", f"SELECT {listed} FROM {view}"
    [(lost,)] = db.execute(
        f"SELECT greatest((SELECT count(*) FROM ({there} EXCEPT ALL {here})), "
        f"(SELECT count(*) FROM ({here} EXCEPT ALL {there})))"
    ).fetchall()
    return int(lost)
