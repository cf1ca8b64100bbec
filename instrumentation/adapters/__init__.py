"""Adapters: one small file an agent. A module of this folder with an `ADAPTER` is one."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from .adapter import Adapter, AdapterError

__all__ = ["AdapterError", "all", "find", "version_in"]

_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)*(?:[-.+]?[a-z]+\.?\d+)*", re.I)


@cache
def _known() -> dict[str, Adapter]:
    modules = (import_module(f".{found.name}", __name__) for found in iter_modules(__path__))
    known = (vars(module).get("ADAPTER") for module in modules)
    return {adapter.name: adapter for adapter in known if isinstance(adapter, Adapter)}


def all() -> list[Adapter]:
    """Every adapter, by name."""
    return sorted(_known().values(), key=lambda adapter: adapter.name)


def find(name: str) -> Adapter:
    """The adapter of that name. Raises AdapterError, which lists the known names."""
    try:
        return _known()[name]
    except KeyError:
        known = ", ".join(adapter.name for adapter in all())
        raise AdapterError(f"no adapter is called {name!r}; known: {known}") from None


def version_in(printed: str) -> str | None:
    """The version number in what an agent's version command printed; None if it has none."""
    found = _VERSION.search(printed)
    return found[0] if found else None
