"""A lake in a folder, fed from an inbox, and what its files hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from spanscore.collector.inbox import Inbox, Request
from spanscore.collector.lake.writer import LakeWriter
from spanscore.queries.lake.storage import Storage, open_storage

Row = dict[str, Any]


@contextmanager
def writing(
    folder: Path, storage: Storage | None = None, *, every_s: float = 0.0, collector: str = "a"
) -> Iterator[LakeWriter]:
    """A writer of the inbox below `folder` into the lake `folder/lake`, or into `storage`."""
    with Inbox(folder / "s.inbox") as inbox:
        storage = storage or open_storage(folder / "lake")
        yield LakeWriter(
            inbox, storage, folder / "s.lake.json", every_s=every_s, collector=collector
        )


def put(folder: Path, *requests: Request) -> None:
    """Append the requests to the inbox below `folder`."""
    with Inbox(folder / "s.inbox") as inbox:
        inbox.register("keeps")
        inbox.append(requests)


def fill(lake: Path | str, folder: Path, *requests: Request, collector: str = "a") -> None:
    """Seal the requests into `lake`, by way of the inbox below `folder`."""
    folder.mkdir(exist_ok=True)
    put(folder, *requests)
    with writing(folder, open_storage(lake), collector=collector) as writer:
        while writer.seal():
            pass


def rows(lake: Path, folder: str = "spans") -> list[Row]:
    """All rows below a folder of a lake, file by file."""
    found = []
    for path in sorted((lake / folder).rglob("*.parquet")):
        found += pq.ParquetFile(path).read().to_pylist(maps_as_pydicts="strict")
    return found


def files(lake: Path, folder: str = "spans") -> list[str]:
    """The names of the files below a folder of a lake."""
    return sorted(str(path.relative_to(lake)) for path in (lake / folder).rglob("*.parquet"))
