"""Sweeps: what a file may say, and which runs are still to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanscore.instrumentation.sweep import Done, Sweep, SweepError, load, to_do

GOOD = """
agents = ["scripted", "command"]
models = ["a", "b"]
tasks = ["outcome-passes"]
repeats = 2
endpoint = "http://127.0.0.1:1/v1"
[agent.command]
command_line = "true"
timeout = 5
[model.b]
endpoint = "http://127.0.0.1:2/v1"
"""


def _sweep(tmp_path: Path, text: str = GOOD) -> Sweep:
    file = tmp_path / "nightly.toml"
    file.write_text(text)
    return load(file)


def test_a_sweep_is_the_product_of_its_lists_and_named_as_its_file(tmp_path: Path) -> None:
    sweep = _sweep(tmp_path)
    assert sweep.id == "nightly"
    assert [cell.id for cell in sweep.cells] == [
        "scripted/a/outcome-passes",
        "command/a/outcome-passes",
        "scripted/b/outcome-passes",
        "command/b/outcome-passes",
    ]
    assert {cell.sweep_id for cell in sweep.cells} == {"nightly"}
    assert {(cell.sweep_cells, cell.sweep_repeats) for cell in sweep.cells} == {(4, sweep.repeats)}


def test_options_of_the_model_go_before_those_of_the_agent_and_of_the_file(
    tmp_path: Path,
) -> None:
    sweep = _sweep(tmp_path)
    assert sweep.options_of(sweep.cells[3]) == {
        "endpoint": "http://127.0.0.1:2/v1",
        "command_line": "true",
        "timeout": 5,
    }
    assert sweep.cells[3].command_line == "true"
    assert sweep.cells[2].command_line == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("agents = [", "agnets = ["), "agnets: no such key"),
        (('["a", "b"]', '"a"'), "models: 'a' is no list"),
        (('["a", "b"]', "[]"), "models: a list of names is wanted"),
        (("repeats = 2", "repeats = 0"), "repeats: a number from 1"),
        (("repeats = 2", "repeats = true"), "repeats: True is no int"),
        (("repeats = 2", 'container = "podman"'), "container: docker or process"),
        (("[model.b]", "[model.c]"), "'c' is not in models"),
        (("timeout = 5", 'timeout = "5"'), "agent.command.timeout: '5' is no number"),
        (('["a", "b"]', '["a", "b", "a"]'), "scripted/a/outcome-passes is in it 2 times"),
        (("agents", "= agents"), "not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_the_key_and_what_is_wanted(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    with pytest.raises(SweepError, match=r"nightly\.toml") as raised:
        _sweep(tmp_path, GOOD.replace(*change, 1))
    assert said in str(raised.value)


def test_every_cell_is_run_once_before_any_is_run_again(tmp_path: Path) -> None:
    cells = to_do(_sweep(tmp_path), [], {})
    assert [cell.attempt for cell in cells] == [1, 1, 1, 1, 2, 2, 2, 2]


def test_what_finished_is_not_run_again_and_numbers_go_on(tmp_path: Path) -> None:
    sweep = _sweep(tmp_path)
    first, second, *_ = (cell.id for cell in sweep.cells)
    done = [
        Done(first, 1, is_finished=True, is_spoiled=False),
        Done(first, 2, is_finished=True, is_spoiled=True),
        Done(second, 7, is_finished=False, is_spoiled=True),
    ]
    attempts = {first: 2, second: 7}
    missing = [(c.id, c.attempt) for c in to_do(sweep, done, attempts) if c.id in (first, second)]
    assert missing == [(second, 8), (second, 9)]


def test_spoiled_runs_are_run_again_on_demand_and_replace_nothing(tmp_path: Path) -> None:
    sweep = _sweep(tmp_path)
    first = sweep.cells[0].id
    done = [
        Done(first, 1, is_finished=True, is_spoiled=False),
        Done(first, 2, is_finished=True, is_spoiled=True),
    ]
    again = to_do(sweep, done, {first: 2}, rerun_spoiled=True)
    assert [cell.attempt for cell in again if cell.id == first] == [3]
    done.append(Done(first, 3, is_finished=True, is_spoiled=False))
    again = to_do(sweep, done, {first: 3}, rerun_spoiled=True)
    assert first not in {cell.id for cell in again}
