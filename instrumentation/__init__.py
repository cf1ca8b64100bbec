"""Runs coding agents and emits a real OpenTelemetry span for every phase.

For a harness of one's own: `Run` is a run, `Run.phase` a phase of it; see examples/own_harness.py.
Importing this needs nothing of the server's parts.
"""

from .conventions import Role
from .delivery import Collector
from .recording import Phase, Run, collector_of_environment

__all__ = ["Collector", "Phase", "Role", "Run", "collector_of_environment"]
