"""One collector for all tests of real agents; each run has an id of its own in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running_collector import RunningCollector

from .trial import Bench


@pytest.fixture(scope="session")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with RunningCollector(tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.fixture
def bench(collector: RunningCollector, tmp_path: Path) -> Bench:
    return Bench(collector, tmp_path)
