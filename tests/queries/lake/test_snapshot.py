"""What counts in a lake at one moment, and which of its files a time can be in."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanscore.queries.lake.snapshot import NO_TIME, take
from spanscore.queries.lake.storage import open_storage

HOUR_NS = 3600 * 10**9
DAY_NS = 24 * HOUR_NS
SEPTEMBER_21_NS = 1_789_948_800 * 10**9
"""2026-09-21 00:00:00 UTC."""

PLACES = (NO_TIME, "date=2026-09-20/hour=23", "date=2026-09-21/hour=00", "date=2026-09-21/hour=05")


@pytest.mark.parametrize(
    ("first_ns", "last_ns", "expected"),
    [
        (SEPTEMBER_21_NS, SEPTEMBER_21_NS + HOUR_NS - 1, (0, 2)),
        (SEPTEMBER_21_NS - 1, SEPTEMBER_21_NS, (0, 1, 2)),
        (SEPTEMBER_21_NS + DAY_NS, SEPTEMBER_21_NS + DAY_NS, (0,)),
        (0, SEPTEMBER_21_NS, (0, 1, 2)),
        (-5, 2**63 - 1, (0, 1, 2, 3)),
    ],
)
def test_files_of_other_hours_are_passed_over_but_not_those_of_no_known_time(
    tmp_path: Path, first_ns: int, last_ns: int, expected: tuple[int, ...]
) -> None:
    lake = open_storage(tmp_path)
    for place in PLACES:
        lake.create(f"logs/{place}/a.parquet", b"x")
    assert take(lake).between("logs", first_ns, last_ns) == [
        f"logs/{PLACES[number]}/a.parquet" for number in expected
    ]
