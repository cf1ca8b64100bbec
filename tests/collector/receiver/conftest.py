"""What the tests of the receiver share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.doors import Doors, open_doors


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    """A receiver with the usual settings, on free ports."""
    async with open_doors(tmp_path) as running:
        yield running
