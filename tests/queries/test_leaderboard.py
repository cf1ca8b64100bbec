"""The leaderboard, the comparison of two sides and the frontier, over made runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from spanscore.queries.catalog import create_tables
from spanscore.queries.comparing import compare
from tests.support.repeated_runs import repeated_runs
from tests.support.scored import rows
from tests.support.stored import stored


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which every view is computed."""
    with stored(tmp_path_factory.mktemp("board")) as store:
        store.put(*(request for run in repeated_runs() for request in run.requests()))
        create_tables(store.connection)
        yield store.connection


@pytest.fixture(scope="module")
def board(views: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """By agent: its row of the leaderboard."""
    return {row["agent"]: row for row in rows(views, "FROM leaderboard")}


def test_the_recorded_rate_and_that_of_valid_runs_stand_side_by_side(
    board: dict[str, dict[str, Any]],
) -> None:
    row = board["unlucky"]
    assert (row["runs"], row["passes"], row["valid_runs"]) == (6, 2, 2)
    assert (row["pass_rate"], row["pass_rate_valid"]) == (pytest.approx(1 / 3), 1.0)
    assert row["left_out"] == "provider_rate_limited 4"
    assert board["quick"]["left_out"] == ""


def test_the_intervals_are_wilsons(board: dict[str, dict[str, Any]]) -> None:
    # 5 of 6 and 2 of 2, by the formula of Wilson (1927) with z = 1.96.
    quick, unlucky = board["quick"], board["unlucky"]
    assert quick["pass_rate_low"] == pytest.approx(0.4365, abs=1e-4)
    assert quick["pass_rate_high"] == pytest.approx(0.9699, abs=1e-4)
    assert unlucky["pass_rate_valid_low"] == pytest.approx(0.3424, abs=1e-4)
    assert unlucky["pass_rate_valid_high"] == 1


def test_pass_at_k_pass_hat_k_and_stability_are_over_the_repeats_of_tasks(
    board: dict[str, dict[str, Any]],
) -> None:
    quick, slow, unlucky = board["quick"], board["slow"], board["unlucky"]
    assert (quick["k"], quick["pass_at_k"]) == (2, 1.0)
    assert quick["pass_hat_k"] == pytest.approx(2 / 3)
    assert quick["stability"] == pytest.approx(2 / 3)
    assert slow["pass_at_k"] == pytest.approx(2 / 3)
    assert slow["pass_hat_k"] == pytest.approx(1 / 3)
    assert (unlucky["k"], unlucky["stability"]) == (1, None)


def test_spoiled_runs_are_in_no_mean(board: dict[str, dict[str, Any]]) -> None:
    assert board["unlucky"]["composite"] > board["quick"]["composite"]
    assert board["unlucky"]["wall_p50_ms"] == 31_000
    assert board["unlucky"]["tokens_p50"] == 110


def test_two_agents_are_compared_on_the_same_repeats_of_the_same_tasks(
    views: duckdb.DuckDBPyConnection,
) -> None:
    pairs = rows(views, "FROM comparison WHERE differs_in = 'agent' AND a = 'quick' AND b = 'slow'")
    assert {(pair["run_a"], pair["run_b"]) for pair in pairs} == {
        (f"quick {task} {nth}", f"slow {task} {nth}")
        for task in ("t1", "t2", "t3")
        for nth in (0, 1)
    }
    result = compare(pairs)
    assert (result.tasks, result.pairs, result.left_out) == (3, 6, 0)
    assert (result.both_passed, result.only_a, result.only_b, result.neither) == (3, 2, 0, 1)
    assert result.mcnemar_p == 0.5
    assert result.wall_ms is not None
    assert result.wall_ms.mean == -20_000
    assert result.tokens is not None
    assert (result.tokens.mean, result.tokens.pairs, result.tokens.tasks) == (-490, 3, 2)


def test_pairs_with_a_spoiled_run_are_left_out_and_counted(
    views: duckdb.DuckDBPyConnection,
) -> None:
    result = compare(rows(views, "FROM comparison WHERE a = 'quick' AND b = 'unlucky'"))
    assert (result.pairs, result.left_out) == (2, 4)


def test_the_frontier_holds_whom_nobody_beats(views: duckdb.DuckDBPyConnection) -> None:
    frontier = {row["agent"]: row for row in rows(views, "FROM pareto")}
    assert frontier["quick"]["on_time_frontier"] is True
    assert frontier["unlucky"]["on_time_frontier"] is True
    assert frontier["slow"]["on_time_frontier"] is False
    assert {row["on_cost_frontier"] for row in frontier.values()} == {None}
