"""An index and the files that came since it was made, put together: the SQL, for every engine.

`old_NAME` is what the index keeps (`trace`, what resolves the rest, every kept view), `new_FOLDER`
the files that it knows nothing of. `stale` are the runs that must be computed from the files; the
rows of all others are read from the index.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..catalog import fingerprint
from ..view import View, reading_from
from . import views as lake_views
from .snapshot import FOLDERS, Snapshot
from .storage import Storage
from .views import Step, select

RESOLVED = ("trace", "session_times", "instance_run", "conversation_window")


def usable(snapshot: Snapshot, views: Sequence[View]) -> bool:
    """Whether the snapshot has an index, made by these very views."""
    return bool(snapshot.manifest.index) and snapshot.manifest.views == fingerprint(views)


def path(storage: Storage, snapshot: Snapshot, name: str) -> str:
    """The index's file of this name, as engines read it."""
    return storage.path(f"{snapshot.manifest.index}/{name}.parquet")


def resolving() -> Iterator[Step]:
    """`trace` and what it stands on, of `old_...` and `new_...`; each after those it reads from."""
    new = {f"raw_{folder}": f"new_{folder}" for folder in FOLDERS}
    for step in lake_views.parts():
        yield Step(f"new_{step.name}", reading_from(step.select, new), True)
    yield Step("trace_ids", select("trace_merged"), True)
    yield Step("session_times", select("session_times_merged"), True)
    yield from lake_views.resolving()


def stale() -> Iterator[Step]:
    """The runs of which the index says nothing, or not what is so now: `stale`, and its steps."""
    for record, folder in (("log", "logs"), ("metric_point", "metric_points")):
        joined = reading_from(select(f"{record}_joined"), {f"lake_{folder}": f"new_{folder}"})
        yield Step(f"new_{record}_joined", joined, False)
    yield Step("moved_instance", select("moved_instance"), True)
    yield Step("stale", select("stale"), True)


def overlay(view: View, computed: str | None) -> str:
    """A kept view: the index's rows of runs that are not stale, and those of the table `computed`.

    Without such a table nothing is stale.
    """
    columns = ", ".join(f'"{column.name}"' for column in view.columns)
    kept = f"SELECT {columns} FROM old_{view.name}"
    if computed is None:
        return kept
    return (
        f"{kept} WHERE run_id NOT IN (SELECT run_id FROM stale) "
        f"UNION ALL SELECT {columns} FROM {computed}"
    )
