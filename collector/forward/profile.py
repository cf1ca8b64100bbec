"""Profiles: what a backend wants of OTLP, one file of data each in `profiles/`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, NamedTuple


class Addition(NamedTuple):
    """An attribute that is added: its key, and its sources in order of preference.

    A source of several keys is their sum, unknown where the first is; only counts have such ones.
    """

    key: str
    sources: tuple[tuple[str, ...], ...]
    is_count: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """What fits the data to one backend; the stored telemetry is never touched.

    `adds` gives the attributes added to a span by its role, with `""` for all others. So does
    `kinds` with the value of `kind_attribute`. Keys that begin with `counts` get whole numbers.
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
    counts: str | None = None
    adds: dict[str, tuple[Addition, ...]] = field(default_factory=dict)

    def additions(self, role: str) -> tuple[Addition, ...]:
        """What is added to a span of this role."""
        return self.adds.get(role) or self.adds.get("", ())

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
    added = values.pop("add", {})
    adds = {
        "" if role == "any" else role: _additions(
            {**keys, **added.get("any", {})}, values.get("counts")
        )
        for role, keys in added.items()
    }
    kinds = {"" if role == "any" else role: kind for role, kind in values.pop("kinds", {}).items()}
    return Profile(name=name, adds=adds, kinds=kinds, **values)


def _additions(sources: dict[str, list[str]], counts: str | None) -> tuple[Addition, ...]:
    return tuple(
        Addition(
            key,
            tuple(tuple(name.split(" + ")) for name in names),
            is_count=counts is not None and key.startswith(counts),
        )
        for key, names in sources.items()
    )


PROFILES = _read_all()
"""Every profile by its name."""
