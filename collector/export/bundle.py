"""A folder from which anybody recomputes every score with nothing but DuckDB."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow.parquet as pq

from spanscore.queries.catalog import BASE_VIEWS
from spanscore.queries.view import View

from .files import compressed, create
from .otlp import write_otlp
from .parquet import write_base, write_missing
from .requests import stored_requests
from .selection import Selection
from .source import Source

FORM = 1
"""The form of the folder; a reader refuses a higher one."""

MANIFEST = "manifest.json"
VIEWS = "views.sql"
REQUESTS = "requests.pb.gz"
README = "README.md"
RECOMPUTE = """\
import duckdb

duckdb.execute(open("views.sql").read())
print(duckdb.sql("FROM leaderboard"))
"""
"""All that a reader needs, run inside the folder."""

_README = f"""\
# A spanscore bundle

Runs of coding agents: what was recorded of them, and what it was scored. To compute every score
anew, with nothing but DuckDB (`pip install duckdb`), inside this folder:

```python
{RECOMPUTE}```

or `duckdb -c ".read views.sql" -c "FROM leaderboard"`. Then compare with `leaderboard.parquet`.

| file | what it is |
|---|---|
| `spans.parquet`, `logs.parquet`, `metric_points.parquet` | what was recorded |
| `{VIEWS}` | the SQL of every view, in order |
| `leaderboard.parquet`, `scores.parquet`, ... | what these views say, a file each |
| `{REQUESTS}` | the same telemetry as OTLP, as it came |
| `{MANIFEST}` | versions, and the sha256 of every file |

`spanscore import FOLDER` checks the sums, computes the views anew, says what differs, and takes
the runs into a store.
"""


def write_bundle(
    source: Source,
    selection: Selection,
    views: Sequence[View],
    folder: Path,
    *,
    memory_limit: str,
    wrote: Callable[[int], None],
    computing: Callable[[], None],
) -> str:
    """Fill an empty folder; returns the sha256 of its manifest, which stands for all of it.

    The views are computed from the very files of the bundle by its own SQL, so that whoever
    computes them again must get the same. `wrote` is told of each row of telemetry twice,
    `computing` when they are all written and the views come next.
    """
    write_base(source, selection, folder, wrote)
    with create(folder / REQUESTS) as file, compressed(file) as packed:
        write_otlp(stored_requests(source, selection), packed, "otlp-proto", wrote)
    computing()
    write_missing(views, folder, memory_limit)
    _write_text(folder / VIEWS, views_sql(views))
    _write_text(folder / README, _README)
    manifest = orjson.dumps(_manifest(selection, views, folder), option=orjson.OPT_INDENT_2)
    _write_text(folder / MANIFEST, manifest.decode() + "\n")
    return sha256_of(folder / MANIFEST)


def views_sql(views: Sequence[View]) -> str:
    """One script that reads the files beside it and computes every view into a table."""
    parts = ["-- Run this inside the folder of the bundle."]
    parts += [f"CREATE OR REPLACE VIEW {name} AS FROM '{name}.parquet';" for name in BASE_VIEWS]
    for view in views:
        parts.append(f"-- {view.text}\n-- Grain: {view.grain}")
        parts.append(f"CREATE OR REPLACE TABLE {view.name} AS\n{view.select};")
    return "\n\n".join(parts) + "\n"


def view_sums(views: Sequence[View]) -> dict[str, str]:
    """The sha256 of each view's SQL."""
    return {view.name: hashlib.sha256(view.select.encode()).hexdigest() for view in views}


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(selection: Selection, views: Sequence[View], folder: Path) -> dict[str, Any]:
    return {
        "form": FORM,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "selection": selection.words,
        "versions": {
            "spanscore": version("spanscore"),
            "duckdb": duckdb.__version__,
            "python": platform.python_version(),
        },
        "rows": {path.stem: _count(path) for path in sorted(folder.glob("*.parquet"))},
        "views": view_sums(views),
        "files": {
            path.name: {"sha256": sha256_of(path), "bytes": path.stat().st_size}
            for path in sorted(folder.iterdir())
        },
    }


def _count(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def _write_text(path: Path, text: str) -> None:
    with create(path) as file:
        file.write(text.encode())
