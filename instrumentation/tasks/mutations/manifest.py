"""The manifest of mutation tasks: enough to make them again from the same sdist, and no more."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ..load import TaskError
from .mutate import Mutation


@dataclass(frozen=True, slots=True)
class Made:
    """A mutation that was kept, and the tests that fail with it."""

    id: str
    mutation: Mutation
    fail_to_pass: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which mutations of which library; `pass_to_pass` of a task are all tests but its failing."""

    library: str
    version: str
    sdist_sha256: str
    seed: int
    tests: tuple[str, ...]
    """What is given to pytest: files and folders; nothing means what it finds by itself."""
    passing: tuple[str, ...]
    """The tests that pass in the library as it is."""
    made: tuple[Made, ...]


def write_manifest(manifest: Manifest, file: Path) -> None:
    """Write it as JSON with a mutation a line, as it is to be read in a diff."""
    told = asdict(manifest)
    made = ",\n".join("    " + json.dumps(one) for one in told.pop("made"))
    passing = ",\n".join("    " + json.dumps(name) for name in told.pop("passing"))
    head = json.dumps(told, indent=2)[:-2]
    file.write_text(f'{head},\n  "passing": [\n{passing}\n  ],\n  "made": [\n{made}\n  ]\n}}\n')


def read_manifest(file: Path) -> Manifest:
    """Read one. Raises TaskError."""
    try:
        return TypeAdapter(Manifest).validate_json(file.read_bytes())
    except OSError as error:
        raise TaskError(f"{file}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise TaskError(f"{file}: {key}: {first['msg']}; make it anew") from error


def toml_text(value: object) -> str:
    """A text, number or list of texts as TOML; JSON's spelling of them is TOML's."""
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    assert tomllib.loads(f"x = {text}")["x"] == value
    return text
