"""`spanscore compare A B` says what the runs of both on the same tasks show."""

from __future__ import annotations

import csv
import io
import json

import pytest

from spanscore.collector.commands.compare import NothingInCommonError, compare_two
from spanscore.collector.config import Settings


def test_the_text_names_the_counts_the_test_and_the_differences(
    made: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    compare_two(made, "a", "b", "table")
    text = capsys.readouterr().out
    assert text.splitlines()[0] == "a and b: 3 pairs of valid runs, 3 tasks"
    assert "McNemar's exact p = 1.0000" in text
    assert "time: a takes 40.0 s less, over 2 pairs that both passed (95 %: -40.0 to -40.0)" in text


def test_the_other_way_round_the_signs_turn(
    made: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    compare_two(made, "b", "a", "table")
    assert "time: b takes 40.0 s more" in capsys.readouterr().out


def test_json_is_an_array_of_one_object_and_csv_one_line_with_the_same_names(
    made: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    compare_two(made, "a", "b", "json")
    [row] = json.loads(capsys.readouterr().out)
    assert (row["both_passed"], row["only_a"], row["only_b"]) == (2, 1, 0)
    assert (row["pairs"], row["left_out"]) == (3, 1)
    assert (row["wall_ms_mean"], row["wall_ms_pairs"], row["wall_ms_tasks"]) == (-40000, 2, 2)
    assert (row["tokens_mean"], row["tokens_pairs"]) == (-890, 2)
    compare_two(made, "a", "b", "csv")
    [line] = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert list(line) == list(row)


@pytest.mark.parametrize(("a", "b"), [("a", "nobody"), ("a", "a"), ("' OR 1=1 --", "b")])
def test_two_that_share_no_task_are_told_what_there_is_to_compare(
    made: Settings, a: str, b: str
) -> None:
    with pytest.raises(NothingInCommonError, match="among the agents: a, b"):
        compare_two(made, a, b, "table")
