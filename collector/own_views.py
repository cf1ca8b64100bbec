"""The views of the catalog together with those that a user adds."""

from __future__ import annotations

from pathlib import Path

from spanscore.queries import catalog
from spanscore.queries.view import View

from .config import Settings


def views_of(settings: Settings) -> tuple[View, ...]:
    """The built-in views, the user's folders (`views`) and prices (`prices`).

    Raises CatalogError naming the file that is wrong.
    """
    return catalog.load([Path(folder) for folder in settings.views], settings.prices)
