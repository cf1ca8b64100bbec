"""For each failure class a run that must land in it, and a near miss that must land elsewhere."""

from __future__ import annotations

from .failure_cases_left import LEFT
from .failure_cases_told import TOLD

PAIRS = TOLD | LEFT
