"""What the tests of the store share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stored import Stored, stored


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Stored]:
    """A fresh store."""
    with stored(tmp_path) as fresh:
        yield fresh
