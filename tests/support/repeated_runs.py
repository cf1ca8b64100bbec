"""A sweep of made runs: three agents on the same tasks, for the leaderboard and comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from .harness_run import GOOD, LIMITED, Call, Run

# By agent and task: how the repeats came out. Passed, failed, spoiled by a rate limit.
RESULTS = {
    "quick": {"t1": "PP", "t2": "PP", "t3": "PF"},
    "slow": {"t1": "PP", "t2": "PF", "t3": "FF"},
    "unlucky": {"t1": "SP", "t2": "SP", "t3": "SS"},
}
SECONDS = {"quick": 20.0, "slow": 40.0, "unlucky": 30.0}
FAR_APART_S = 100.0


def repeated_runs() -> Iterator[Run]:
    """Each agent twice on each task."""
    for (agent, results), (task, nth) in product(
        RESULTS.items(), product(("t1", "t2", "t3"), (0, 1))
    ):
        result = results[task][nth]
        big = Call(tokens=(500, 100))
        yield Run(
            f"{agent} {task} {nth}",
            agent=agent,
            task=task,
            start_s=nth * FAR_APART_S,
            agent_s=SECONDS[agent],
            verdict="success" if result == "P" else "failure",
            calls=(LIMITED,) if result == "S" else (big if agent == "slow" else GOOD,),
        )
