"""A run of a real agent against the collector, with all that may be asked about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from spanscore.collector.agent_lines import Setup, setup
from spanscore.instrumentation.adapters import find
from tests.support.agents import AgentRun, run_agent
from tests.support.model_server import FIX_THE_BUG, Exchange, ModelServer, Script, Usage
from tests.support.running_collector import Row, RunningCollector

VIEWS = ("spans", "logs", "metric_points")


@dataclass(frozen=True, slots=True)
class Trial:
    """A run that has ended, whose telemetry is loaded.

    `run_id` was given to the agent as a resource attribute, so that tests share a collector.
    """

    run_id: str
    run: AgentRun
    model_calls: list[Exchange]
    collector: RunningCollector

    def ask(self, query: str) -> list[Row]:
        """Rows of a query in which `$run` is this run's id."""
        return self.collector.ask(query.replace("$run", f"'{self.run_id}'"))

    def counts(self) -> dict[str, int]:
        """How many rows of each view belong to this run."""
        counted = (f"(SELECT count(*) FROM {view} WHERE run_id = $run) AS {view}" for view in VIEWS)
        return self.ask(f"SELECT {', '.join(counted)}")[0]

    def found(self, column: str) -> set[tuple[str, str]]:
        """The values of a column by view, `("spans", "codex_exec")` say, among this run's rows."""
        parts = (
            f"SELECT '{view}' AS view, {column} AS value FROM {view} WHERE run_id = $run"
            for view in VIEWS
        )
        rows = self.ask(f"SELECT DISTINCT view, value FROM ({' UNION ALL '.join(parts)})")
        return {(row["view"], row["value"]) for row in rows}

    def events(self) -> list[str]:
        """The names of this run's log events, each once, without the agent's prefix."""
        rows = self.ask("SELECT DISTINCT event_name FROM logs WHERE run_id = $run ORDER BY ALL")
        return [str(row["event_name"]).rpartition(".")[2] for row in rows]

    @property
    def told(self) -> list[Usage]:
        """What the model server said that the calls cost, in order."""
        return [call.usage for call in self.model_calls if call.usage]


@dataclass(frozen=True, slots=True)
class Bench:
    """Runs agents against one collector."""

    collector: RunningCollector
    folder: Path

    def setup(self, agent: str) -> Setup:
        """What `spanscore serve` tells a user to paste for this agent."""
        return setup(self.collector.endpoints, agent)

    def run(
        self,
        agent: str,
        script: Script = FIX_THE_BUG,
        *,
        configured: Setup | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Trial:
        """One run, set up as the collector says unless told otherwise."""
        run_id = f"{agent}-{uuid4().hex}"
        variables = {
            "OTEL_RESOURCE_ATTRIBUTES": f"spanscore.run.id={run_id}",
            **(environment or {}),
        }
        with ModelServer(script) as model:
            ended = run_agent(
                find(agent),
                self.folder / run_id,
                model_url=model.url,
                setup=configured or self.setup(agent),
                environment=variables,
            )
            calls = model.model_calls
        self.collector.settle()
        return Trial(run_id, ended, calls, self.collector)
