"""Values read as people say them, and unknown never reads as 0."""

from __future__ import annotations

from datetime import datetime

import pytest

from spanscore.collector.web import words


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ms"),
        (1_500, "1.5 µs"),
        (420_000_000, "420 ms"),
        (999_900_000, "1.0 s"),
        (12_340_000_000, "12.3 s"),
        (59_990_000_000, "1 min 00 s"),
        (245_000_000_000, "4 min 05 s"),
        (7_380_000_000_000, "2 h 03 min"),
        (-5_000_000_000, "\u22125.0 s"),
    ],
)
def test_a_duration_reads_in_the_unit_that_fits(ns: int, text: str) -> None:
    assert words.duration(ns).replace("\u2009", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (9_999, "9,999"),
        (12_345, "12.3k"),
        (999_900, "1M"),
        (4.56e6, "4.56M"),
    ],
)
def test_a_count_is_short(value: float, text: str) -> None:
    assert words.compact(value) == text


@pytest.mark.parametrize("name", sorted(words.FILTERS))
def test_what_nobody_recorded_is_a_dash(name: str) -> None:
    assert words.FILTERS[name](None) == words.UNKNOWN


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5 s ago"), (120, "2 min ago"), (7200, "2 h ago"), (200_000, "2 d ago")],
)
def test_a_time_is_told_from_now(seconds: int, text: str) -> None:
    now = datetime(2026, 11, 24, 18, 0)
    then = datetime.fromtimestamp(now.timestamp() - seconds)
    assert words.since(then, now).replace("\u2009", " ") == text


def test_ids_and_models_are_shortened() -> None:
    assert words.short("sha256:0123456789abcdef") == "0123456789ab…"
    assert words.bare_model("vendor/model") == "model"
    assert words.cost(0.0123) == "$0.0123"
    assert words.cost(4.5) == "$4.50"
