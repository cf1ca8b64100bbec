"""The published cells, imported: their scores come out as displayed, their classes as observed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spanscore.collector.config import load
from spanscore.collector.import_cells import import_cells
from spanscore.collector.store.database import open_database
from spanscore.queries.catalog import create_tables
from tests.support.scored import rows

FILE = Path(__file__).parent / "data/published-cells.json"
RECORDS = {record["cell_id"]: record for record in json.loads(FILE.read_text())}
FULL = "free-20260527/openhands/mistralai/mistral-small-4-119b-2603/mutations/rust-error-negated"

CLASSES = {
    "pass": None,
    "refusal_correct": None,
    "banner_429": "provider_rate_limited",
    "banner_handshake": "model_incompatible",
    "banner_timeout": "timed_out",
    "integrity_fail_no_doc": "refusal_missing",
    "oracle_contradiction(verifier pass, refusal_produced=false)": "refusal_missing",
    "refusal_plus_fabrication": "refusal_fabricated",
    "wrong_file_only": "wrong_place",
    # Nobody watched their calls, or counted their changes: the record proves none of these.
    "silent_noop(exit0,no banner)": "unclassified",
    "aider_no_tokens_no_edit(exit0)": "unclassified",
    "aider_reply_but_no_edit": "unclassified",
    "wrong_patch": "unclassified",
}
"""What a reader of the pages observed, and the class that the record proves."""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """By run: the columns of scores, outcomes and failures of the imported cells."""
    db = tmp_path_factory.mktemp("cells") / "s.duckdb"
    import_cells(load(db=db), FILE)
    connection = open_database(db)
    create_tables(connection)
    found = rows(
        connection,
        "SELECT * EXCLUDE (o.run_id, f.run_id) FROM scores AS s "
        "JOIN outcomes AS o ON o.run_id = s.run_id LEFT JOIN failures AS f ON f.run_id = s.run_id",
    )
    yield {row["run_id"]: row for row in found}
    connection.close()


def test_every_cell_is_one_run(cells: dict[str, dict[str, Any]]) -> None:
    assert sorted(cells) == sorted(RECORDS)


@pytest.mark.parametrize("cell", RECORDS)
def test_the_composite_and_the_axes_are_those_displayed(
    cells: dict[str, dict[str, Any]], cell: str
) -> None:
    row, shown = cells[cell], RECORDS[cell]["displayed"]
    assert f"{row['composite_published']:.3f}" == shown["composite"]
    assert f"{row['wall_clock_ms'] / 1000:.1f}s" == shown["wall"]
    assert f"{row['blast_radius']:.3f}" == shown["blast"]
    assert f"{row['integrity']:.3f}" == shown["integrity"]
    assert f"{row['pass']:.3f}" == shown["pass"]
    refused = {None: "", 0.0: "no", 0.5: "yes", 1.0: "yes"}[row["refusal"]]
    assert refused == shown["refusal"]


def test_the_fully_published_cell_comes_out_to_the_last_digit(
    cells: dict[str, dict[str, Any]],
) -> None:
    row, record = cells[FULL], RECORDS[FULL]
    components = record["composite"]["components"]
    assert row["composite_published"] == pytest.approx(0.5137055815134947, abs=1e-15)
    assert row["composite_published"] == pytest.approx(record["composite"]["composite"], abs=1e-15)
    assert row["latency_efficiency"] == pytest.approx(components["latency_efficiency"], abs=1e-15)
    assert row["wall_clock_ms"] == components["wall_clock_ms"]
    assert row["container_active_ms"] == record["latency"]["container_active_ms"]


@pytest.mark.parametrize("cell", RECORDS)
def test_the_class_is_what_was_observed_and_the_record_proves(
    cells: dict[str, dict[str, Any]], cell: str
) -> None:
    assert cells[cell]["failure_class"] == CLASSES[RECORDS[cell]["observed_class"]]


def test_what_was_not_recorded_is_null_and_displayed_tokens_are_not_in_the_published_composite(
    cells: dict[str, dict[str, Any]],
) -> None:
    for cell, row in cells.items():
        shown = RECORDS[cell]["tokens_display"]
        assert row["model_calls"] is None
        assert row["model_call_ms"] is None
        assert row["cost_usd"] is None
        if shown == "not recorded":
            assert (row["prompt_tokens"], row["total_tokens"]) == (None, None)
        else:
            assert row["prompt_tokens"] == shown["prompt_tokens"]
            assert row["total_tokens"] == shown["prompt_tokens"] + shown["completion_tokens"]
            assert row["token_source"] == "TUI stdout"


def test_a_timeout_without_calls_is_nobodys_known_fault(cells: dict[str, dict[str, Any]]) -> None:
    [timeout] = [row for row in cells.values() if row["failure_class"] == "timed_out"]
    assert (timeout["attributed_to"], timeout["outcome"]) == ("unknown", "unknown")
    assert "adapter timed out after 630s" in timeout["reason"]


def test_the_proof_of_a_published_failure_is_a_reported_attribute(
    cells: dict[str, dict[str, Any]],
) -> None:
    for row in cells.values():
        if row["failure_class"] is None:
            assert row["reason"] is None
        elif row["failure_class"] == "unclassified":
            assert (row["basis"], row["evidence_kind"]) == ("inferred", "absence")
        else:
            assert (row["basis"], row["evidence_kind"]) == ("reported", "span")
            assert row["evidence_span_id"] is not None
            assert row["evidence_value"] is not None


def test_peers_are_counted_not_claimed(cells: dict[str, dict[str, Any]]) -> None:
    limited = [row for row in cells.values() if row["failure_class"] == "provider_rate_limited"]
    evidence = {(row["model"], row["peer_evidence"].partition(":")[0]) for row in limited}
    assert evidence == {
        # In the same hours opencode passed with this model; with the others nobody else ran.
        ("minimaxai/minimax-m3", "yes"),
        ("minimaxai/minimax-m2.7", "unknown"),
        ("mistralai/mistral-small-4-119b-2603", "unknown"),
    }


@pytest.mark.parametrize(
    ("banner", "detail", "failure_class", "attributed_to"),
    [
        (
            "This run timed out",
            "UnixHTTPConnectionPool(host='localhost'): Read timed out. (read timeout=60)",
            "harness_error",
            "harness",
        ),
        (None, "docker client read timeout", "harness_error", "harness"),
        ("This run timed out", None, "timed_out", "unknown"),
        ("Authentication failed (HTTP 401)", None, "provider_auth", "provider"),
        ("The provider answered HTTP 503", None, "provider_error", "provider"),
        ("Model not found (HTTP 404)", None, "provider_model_not_found", "provider"),
        ("Out of quota (HTTP 402)", None, "provider_quota", "provider"),
        ("Something odd happened", None, "unclassified", "unknown"),
    ],
)
def test_a_banner_gives_the_class_and_its_own_words_are_the_proof(
    tmp_path: Path, banner: str | None, detail: str | None, failure_class: str, attributed_to: str
) -> None:
    record = RECORDS[FULL] | {"banner": banner, "banner_detail": detail}
    file = tmp_path / "cell.json"
    file.write_text(json.dumps([record]))
    import_cells(load(db=tmp_path / "s.duckdb"), file)
    connection = open_database(tmp_path / "s.duckdb")
    create_tables(connection)
    [row] = rows(connection, "FROM failures")
    connection.close()
    assert (row["failure_class"], row["attributed_to"]) == (failure_class, attributed_to)
    assert (row["basis"], row["evidence_value"]) == ("reported", banner or detail)
    for words in (banner, detail):
        assert words is None or words in row["reason"]
