"""Profiles: what a backend wants of OTLP, one file of data each in `profiles/`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Profile:
    """What fits the data to one backend; the stored telemetry is never touched.

    `adds` gives for each role of a span (and `""`: any) the attributes added to it: a key, and the
    sources of its value in order of preference; `a + b` adds up numbers. `kinds` gives the value of
    `kind_attribute` by role, with `""` for all others.
    """

    name: str
    title: str
    signals: tuple[Any, ...] = ("traces", "logs", "metrics")
    protocols: tuple[Any, ...] = ("http/protobuf", "grpc", "http/json")
    max_request_bytes: int = 4_000_000
    max_records: int = 512
    headers: dict[str, str] = field(default_factory=dict)
    needs: dict[str, str] = field(default_factory=dict)
    max_attribute_bytes: int | None = None
    kind_attribute: str | None = None
    kinds: dict[str, str] = field(default_factory=dict)
    adds: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def changes_spans(self) -> bool:
        """Whether spans must be parsed and written anew for it."""
        return bool(self.kind_attribute or self.adds or self.max_attribute_bytes)


def _read_all() -> dict[str, Profile]:
    found = {
        file.name.removesuffix(".toml"): tomllib.loads(file.read_text("utf-8"))
        for file in files(__package__).joinpath("profiles").iterdir()
        if file.name.endswith(".toml")
    }
    return {name: _profile(name, _whole(name, found)) for name in found}


def _whole(name: str, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The file's own settings over those of the profile that it extends."""
    own = dict(found[name])
    base = own.pop("extends", None)
    return own if base is None else {**_whole(base, found), **own}


def _profile(name: str, data: dict[str, Any]) -> Profile:
    values: dict[str, Any] = {
        key: tuple(item) if isinstance(item, list) else item for key, item in data.items()
    }
    adds = {
        "" if role == "any" else role: {key: tuple(sources) for key, sources in keys.items()}
        for role, keys in values.pop("add", {}).items()
    }
    kinds = {"" if role == "any" else role: kind for role, kind in values.pop("kinds", {}).items()}
    return Profile(name=name, adds=adds, kinds=kinds, **values)


PROFILES = _read_all()
"""Every profile by its name."""
