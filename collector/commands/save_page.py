"""`spanscore show RUN --html FILE`: the page of a run as one file."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from spanscore.queries.lake.storage import is_lake

from .. import running
from ..answers import computed
from ..client import page_over_http
from ..config import Settings
from ..export.files import new_file
from ..keys import read_token
from ..store.database import DatabaseError
from ..web.saved import saved_page
from .show import UnknownRunError, find_run


def save_page(settings: Settings, run: str, file: Path) -> None:
    """Write the page of a run (its id, or the beginning of it) to `file`, whole or not at all.

    Raises UnknownRunError, QueryError, DatabaseError, InboxError, CatalogError, ClientError and
    ExportError.
    """
    run_id = find_run(settings, run)
    body = _page(settings, run_id)
    with new_file(file) as whole:
        whole.write(body)
    print(f"{file}: the page of run {run_id}, {len(body) / 1e6:.1f} MB; any browser opens it")


def _page(settings: Settings, run_id: str) -> bytes:
    if is_lake(settings.db):
        raise DatabaseError("a page is made from a database; --db names a lake")
    collector = running.find(settings.db)
    if collector and collector.web:
        path = f"/runs/{quote(run_id, safe='')}/saved"
        return page_over_http(collector.web, read_token(settings.db), path)
    with computed(settings) as connection:
        found = saved_page(connection, run_id)
    if found is None:
        raise UnknownRunError(f"there is no run {run_id}; `spanscore runs` lists them")
    return found
