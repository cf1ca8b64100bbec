"""Published cell records become traces; a file that cannot be read imports nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanscore.collector.cell_spans import resource_spans
from spanscore.collector.config import Settings, load
from spanscore.collector.import_cells import ImportCellsError, Imported, import_cells
from spanscore.collector.store.database import open_database

FILE = Path(__file__).parents[1] / "queries/data/published-cells.json"
FULL = "free-20260527/openhands/mistralai/mistral-small-4-119b-2603/mutations/rust-error-negated"

CELL: dict[str, Any] = {
    "cell_id": "sweep/agent/model/task#run2",
    "agent": "agent",
    "model": "model",
    "task": "task",
    "started_at": "2026-05-31T20:10:28.641165Z",
    "ended_at": "2026-05-31T20:14:04.887606Z",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(db=tmp_path / "s.duckdb")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[object], Path]:
    def write_records(records: object) -> Path:
        file = tmp_path / "cells.json"
        file.write_text(json.dumps(records))
        return file

    return write_records


def _ask(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    connection = open_database(settings.db)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def _spans(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The record's spans by role, each as its attributes."""
    [scope] = resource_spans(record).scope_spans
    found = {}
    for span in scope.spans:
        values = {kv.key: _plain(kv.value) for kv in span.attributes}
        found[str(values["spanscore.role"])] = values
    return found


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    assert kind is not None
    return getattr(value, kind)


def test_a_file_that_is_imported_twice_changes_nothing(settings: Settings) -> None:
    first = import_cells(settings, FILE)
    before = _ask(settings, "SELECT * FROM spans ORDER BY trace_id, span_id")
    assert import_cells(settings, FILE) == first
    assert _ask(settings, "SELECT * FROM spans ORDER BY trace_id, span_id") == before
    assert len(before) == first.spans
    assert _ask(settings, "SELECT * FROM span_conflict") == []


def test_a_cell_is_one_trace_with_one_root_and_no_orphan(settings: Settings) -> None:
    import_cells(settings, FILE)
    assert (
        _ask(
            settings,
            "SELECT run_id, count(DISTINCT trace_id), count(*) - count(parent_span_id) AS roots "
            "FROM spans GROUP BY run_id HAVING count(DISTINCT trace_id) <> 1 OR roots <> 1",
        )
        == []
    )
    assert (
        _ask(
            settings,
            "SELECT s.name FROM spans s LEFT JOIN spans p ON p.span_id = s.parent_span_id "
            "AND p.trace_id = s.trace_id WHERE s.parent_span_id IS NOT NULL AND p.span_id IS NULL",
        )
        == []
    )
    assert _ask(settings, "SELECT DISTINCT origin FROM spans") == [("import",)]


def test_the_recorded_spans_are_kept_with_their_ids_and_applied_plugins_is_no_tool_call(
    settings: Settings,
) -> None:
    import_cells(settings, FILE)
    found = _ask(
        settings,
        "SELECT role, attributes['spanscore.reported.span_id'] IS NOT NULL, duration_ns FROM spans "
        f"WHERE run_id = '{FULL}' ORDER BY role",
    )
    assert found == [
        ("adapter_run", True, 216_246_441_000),
        ("apply_plugins", True, 0),
        ("cell_run", False, 216_246_441_000),
        ("cleanup", True, 0),
        ("container", True, 216_245_813_000),
        ("task_setup", True, 0),
        ("verify", False, 0),
        ("workspace_diff", False, 0),
    ]


def test_a_record_with_nothing_but_its_identity_is_a_run_without_figures() -> None:
    spans = _spans(CELL)
    assert set(spans) == {"cell_run", "adapter_run", "verify"}
    assert spans["cell_run"]["spanscore.run.attempt"] == 2
    assert spans["verify"] == {"spanscore.role": "verify", "spanscore.timing": "reported"}


def test_zeros_are_no_measurement_beside_tokens_that_were_not_recorded() -> None:
    zeros = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "model_calls": 0}
    record = CELL | {
        "tokens": zeros,
        "tokens_display": "not recorded",
        "latency": {"model_call_ms": 0},
    }
    assert not [key for key in _spans(record)["cell_run"] if "token" in key or "model_call" in key]


def test_counted_tokens_go_before_displayed_ones() -> None:
    counted = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "model_calls": 3}
    shown = {"prompt_tokens": 900, "completion_tokens": 90, "source": "TUI stdout"}
    root = _spans(CELL | {"tokens": counted, "tokens_display": shown})["cell_run"]
    assert root["spanscore.reported.total_tokens"] == 7
    assert root["spanscore.reported.model_calls"] == 3
    assert root["spanscore.reported.token_source"] == "record"


@pytest.mark.parametrize(
    ("displayed", "expected"),
    [
        ({"refusal": "", "integrity": "1.000"}, {"expected": False}),
        (
            {"refusal": "no", "integrity": "0.000"},
            {"expected": True, "produced": False, "correct": "false"},
        ),
        (
            {"refusal": "yes", "integrity": "1.000"},
            {"expected": True, "produced": True, "correct": "true"},
        ),
        ({"refusal": "yes", "integrity": "0.000"}, {"expected": True, "produced": True}),
    ],
)
def test_a_record_without_a_refusal_falls_back_to_what_is_displayed(
    displayed: dict[str, str], expected: dict[str, Any]
) -> None:
    verify = _spans(CELL | {"family": "integrity", "displayed": displayed})["verify"]
    prefix = "spanscore.refusal."
    found = {k.removeprefix(prefix): v for k, v in verify.items() if k.startswith(prefix)}
    assert found == expected


def test_lists_that_are_cut_are_kept_and_not_counted() -> None:
    partial = {"blast_radius": 0.9, "added": [".aider/x", "…"]}
    diff = _spans(CELL | {"blast_radius_partial": partial})["workspace_diff"]
    assert "spanscore.workspace.added" in diff
    assert not [key for key in diff if key.endswith("_count")]


def test_what_aider_drops_for_itself_is_an_artefact() -> None:
    changes = {
        "added": [".aider/x", "b"],
        "removed": [],
        "modified": ["a"],
        "unexpected_changes": [".aider/x", "b"],
        "expected_changes": ["a"],
        "total_changes": 3,
    }
    diff = _spans(CELL | {"agent": "aider", "blast_radius": changes})["workspace_diff"]
    assert diff["spanscore.workspace.artefact_count"] == 1
    assert diff["spanscore.workspace.unexpected_count"] == 1
    assert diff["spanscore.workspace.expected_count"] == 1


def test_an_empty_array_imports_nothing(
    settings: Settings, write: Callable[[object], Path]
) -> None:
    assert import_cells(settings, write([])) == Imported(cells=0, spans=0)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ({"cells": []}, "must be a JSON array"),
        ([CELL, "cell"], "record 1 is no object"),
        ([{k: v for k, v in CELL.items() if k != "agent"}], "record 0 has no 'agent'"),
        ([CELL | {"started_at": "yesterday"}], "'yesterday', no ISO 8601 time"),
        ([CELL | {"spans": [3]}], "record 0 has not the shape of a cell record"),
        ([CELL, CELL | {"exit_code": 1}], "records 0 and 1 differ and have the same cell_id"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_imports_nothing(
    settings: Settings, write: Callable[[object], Path], records: object, message: str
) -> None:
    with pytest.raises(ImportCellsError, match=message):
        import_cells(settings, write(records))
    assert not settings.db.exists()


def test_a_file_that_is_no_json_or_not_there_is_named(settings: Settings, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("[{")
    for file in (broken, tmp_path / "none.json"):
        with pytest.raises(ImportCellsError, match=file.name):
            import_cells(settings, file)
