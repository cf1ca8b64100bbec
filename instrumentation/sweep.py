"""A sweep: agents x models x tasks x repeats from a file, and which of its runs are still to do."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import adapters, plugins, tasks
from .cell import Cell

OPTIONS = {
    "endpoint": str, "key_env": str, "image": str, "timeout": (int, float), "memory_limit": str,
    "cpus": (int, float), "network": str, "user": str, "docker_socket": bool, "max_calls": int,
    "max_tokens": int, "capture_content": bool, "model_build_id": str, "context_window": int,
    "keep": str, "command_line": str,
}  # fmt: skip
"""What may stand in the file, in `[agent.NAME]` and in `[model.NAME]`: the options of `run`."""

_LISTS = ("agents", "models", "tasks")
_TOP = {
    **dict.fromkeys((*_LISTS, "plugins"), list),
    "name": str,
    "container": str,
    "repeats": int,
    "parallel": int,
    "agent": dict,
    "model": dict,
}
_MOST_REPEATS = 1000


class SweepError(ValueError):
    """The file of a sweep is wrong; the message names file, key and fix."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A checked sweep. `cells` are in the order in which they are run, once each."""

    id: str
    cells: tuple[Cell, ...]
    repeats: int = 1
    parallel: int = 1
    container: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    by_agent: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    by_model: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def options_of(self, cell: Cell) -> dict[str, Any]:
        """The options for a cell: the file's, then its agent's, then its model's."""
        return {
            **self.options,
            **self.by_agent.get(cell.agent.name, {}),
            **self.by_model.get(cell.model, {}),
        }


@dataclass(frozen=True, slots=True)
class Done:
    """A run of this sweep that is in the database."""

    cell_id: str
    attempt: int
    is_finished: bool
    """It came to its end and the operator did not end it."""
    is_spoiled: bool
    """Infra, provider or harness spoiled it."""


def load(path: Path) -> Sweep:
    """Read a file. Raises SweepError, and AdapterError, TaskError or PluginError for its names."""
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise SweepError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SweepError(f"{path}: not TOML: {error}") from None
    _check(path, "", table, {**_TOP, **OPTIONS})
    by_agent, by_model = (_tables(path, name, table) for name in ("agent", "model"))
    for name in _LISTS:
        values = table.get(name)
        if not values or not all(isinstance(value, str) for value in values):
            raise SweepError(f'{path}: {name}: a list of names is wanted, such as {name} = ["a"]')
    for name, known in (("agent", by_agent), ("model", by_model)):
        for key in known.keys() - set(table[f"{name}s"]):
            raise SweepError(f"{path}: {name}.{key}: {key!r} is not in {name}s")
    for name, most in (("repeats", _MOST_REPEATS), ("parallel", 64)):
        if not 1 <= table.get(name, 1) <= most:
            raise SweepError(f"{path}: {name}: a number from 1 to {most} is wanted")
    if table.get("container") not in (None, "docker", "process"):
        raise SweepError(f"{path}: container: docker or process is wanted")
    options = {key: table[key] for key in OPTIONS if key in table}
    sweep = Sweep(
        id=table.get("name", path.stem),
        cells=(),
        repeats=table.get("repeats", 1),
        parallel=table.get("parallel", 1),
        container=table.get("container"),
        options=options,
        by_agent=by_agent,
        by_model=by_model,
    )
    cells = list(_cells(path, table, sweep))
    for cell_id, times in Counter(cell.id for cell in cells).items():
        if times > 1:
            raise SweepError(f"{path}: {cell_id} is in it {times} times; name it once")
    n, repeats = len(cells), sweep.repeats
    sized = (replace(cell, sweep_cells=n, sweep_repeats=repeats) for cell in cells)
    return replace(sweep, cells=tuple(sized))


def _check(path: Path, at: str, table: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if key not in known:
            raise SweepError(f"{path}: {at}{key}: no such key; known: {', '.join(sorted(known))}")
        wanted = known[key]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            kind = getattr(wanted, "__name__", "number")
            raise SweepError(f"{path}: {at}{key}: {value!r} is no {kind}")


def _tables(path: Path, name: str, table: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = table.get(name, {})
    for key, options in found.items():
        if not isinstance(options, dict):
            raise SweepError(f"{path}: {name}.{key}: a table of options is wanted")
        _check(path, f"{name}.{key}.", options, OPTIONS)
    return found


def _cells(path: Path, table: Mapping[str, Any], sweep: Sweep) -> Iterator[Cell]:
    """Tasks outermost, so that agents and models meet the same task in the same hour."""
    applied = tuple(plugins.find(_beside(path, name)) for name in table.get("plugins", []))
    for task in [tasks.find(_beside(path, name)) for name in table["tasks"]]:
        for model in table["models"]:
            for agent in map(adapters.find, table["agents"]):
                cell = Cell(agent, model, task, plugins=applied, sweep_id=sweep.id)
                line = sweep.options_of(cell).get("command_line", "")
                yield replace(cell, command_line=line)


def _beside(path: Path, name: str) -> str:
    """A path in the file is meant from the file's folder."""
    return str(path.parent / name) if (path.parent / name).exists() else name


def to_do(
    sweep: Sweep,
    done: Collection[Done],
    attempts: Mapping[str, int],
    *,
    rerun_spoiled: bool = False,
) -> Sequence[Cell]:
    """The runs that are missing, each with its attempt's number: every cell once, then again.

    A run that finished counts, however it ended; with `rerun_spoiled` one that was spoiled does
    not. `attempts` is the highest number of each cell so far.
    """
    missing: list[list[Cell]] = [[] for _ in range(sweep.repeats)]
    for cell in sweep.cells:
        counted = [
            run
            for run in done
            if run.cell_id == cell.id and run.is_finished and not (rerun_spoiled and run.is_spoiled)
        ]
        first = attempts.get(cell.id, 0) + 1
        for nth in range(sweep.repeats - len(counted)):
            missing[len(counted) + nth].append(replace(cell, attempt=first + nth))
    return [cell for repeat in missing for cell in repeat]
