"""The phase of a run in which the agent works: its container, its model calls, how it ended."""

from __future__ import annotations

import threading
import time
from typing import Any

from . import conventions as c
from . import plugins
from .adapters.adapter import LaunchContext
from .cell import Cell, Terms
from .container import Ended, Image
from .conventions import Role
from .harness import Cancellation, Harness
from .launch import launch
from .outcome import Outcome
from .proxy import Route, Traffic
from .recording import Phase, Run
from .workplace import Workplace

BUDGET_GRACE_S = 20.0
"""How long an agent may go on after its budget was reached, in which its calls are refused."""

_DUMMY_KEY = "spanscore-no-real-key"


def run_agent(
    phase: Phase,
    run: Run,
    harness: Harness,
    cell: Cell,
    terms: Terms,
    place: Workplace,
    outcome: Outcome,
) -> None:
    """The agent in its container, every model call through the proxy."""
    timeout_s = terms.timeout_of(cell.task)
    phase.set(
        {
            c.OPERATION_NAME: "invoke_agent",
            c.AGENT_NAME: cell.agent.name,
            c.AGENT_VERSION: run.root.attributes.get(c.AGENT_VERSION),
            c.REQUEST_MODEL: cell.model,
            c.TIMEOUT_MS: round(timeout_s * 1000),
        }
    )
    container = run.phase(Role.CONTAINER)
    route = _route(harness, run, container, cell, terms)
    try:
        with run.phase(Role.APPLY_PLUGINS) as applying:
            command, environment = _launch(applying, harness, route, cell, terms, place)
        sockets = harness.reach(route, terms).sockets
        spec = harness.spec(
            place, run, terms, outcome.image, command,
            environment={**environment, **run.agent_ids, "TRACEPARENT": container.trace_parent},
            sockets=sockets,
            network=terms.network if harness.is_contained else "host",
            memory_limit_bytes=terms.memory_limit_bytes or cell.task.memory_limit_bytes,
            cpu_limit=terms.cpu_limit,
        )  # fmt: skip
        stop = _Stop(harness.cancellation, route)
        with container:
            run.telemetry.flush()  # whatever kills the harness from here on, the run is known
            ended = harness.backend.run(spec, timeout_s=timeout_s, cancelled=stop)
            container.took(ended.started_ns, ended.finished_ns)
            container.set(_container(harness, outcome.image, command, ended))
        traffic = route.close(ended.finished_ns)
    finally:
        route.close()
    _tell(harness, traffic)
    outcome.ended, outcome.traffic = ended, traffic
    phase.set(
        {
            c.EXIT_CODE: ended.exit_code,
            c.EXIT_REASON: cell.agent.exit_reasons.get(ended.exit_code or 0),
            c.TIMED_OUT: ended.timed_out,
            c.BUDGET_EXHAUSTED: "disk" if ended.disk_full else traffic.budget_exhausted,
            c.CALLS_COMPLETE: _calls_complete(ended, traffic),
        }
    )


def _tell(harness: Harness, traffic: Traffic) -> None:
    """What the user must know of a recording."""
    if traffic.recording_error is not None:
        harness.tell(f"the recording is not whole: {traffic.recording_error}")
    if traffic.divergences:
        harness.tell(f"{traffic.divergences} requests or answers differ from the recording")


def _route(harness: Harness, run: Run, container: Phase, cell: Cell, terms: Terms) -> Route:
    return harness.proxy.route(
        run.telemetry.tracer,
        container.context,
        terms.upstream,
        model=cell.model,
        capture_content=terms.capture_content,
        record=terms.record,
        replay=terms.replay,
        replay_timing=terms.replay_timing,
        budget=terms.budget,
        secrets=secrets_of(run, cell),
    )


def secrets_of(run: Run, cell: Cell) -> list[str]:
    """What must not be kept anywhere: the run's tokens, and what plugins look up."""
    tokens = (run.collector.harness_token, run.collector.agent_token)
    return [*(token for token in tokens if token), *plugins.secrets(cell.plugins)]


def _launch(
    phase: Phase, harness: Harness, route: Route, cell: Cell, terms: Terms, place: Workplace
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The command and its environment; its files are written, the plugins applied."""
    reach = harness.reach(route, terms)
    context = LaunchContext(
        prompt=cell.task.prompt,
        model=cell.model,
        model_url=reach.model_url,
        model_key=_DUMMY_KEY,
        home=harness.inside(place.home),
        workspace=harness.inside(place.workspace),
        otlp_http=reach.otlp_http,
        otlp_grpc=reach.otlp_grpc,
        files=cell.task.files,
        command_line=cell.command_line,
    )
    started = launch(cell.agent, context, cell.plugins)
    phase.set({c.PLUGINS_APPLIED: started.applied, c.PLUGINS_SKIPPED: started.skipped})
    place.write_home(started.files)
    place.give_to(terms.user if harness.is_contained else None)
    return tuple(started.command), {**harness.machine, **started.environment}


def _container(
    harness: Harness, image: Image | None, command: tuple[str, ...], ended: Ended
) -> dict[str, Any]:
    return {
        c.RUNTIME_NAME: harness.backend.name,
        c.CONTAINER_ID: ended.container_id,
        c.IMAGE_NAME: image.name if image else None,
        c.IMAGE_ID: image.id if image else None,
        c.IMAGE_DIGEST: image.digest if image else None,
        c.REPO_DIGESTS: (image.repo_digests or None) if image else None,
        c.COMMAND_ARGS: command,
        c.EXIT_CODE: ended.exit_code,
        c.START_ERROR: ended.start_error,
        c.OOM_KILLED: ended.oom_killed,
        c.MEMORY_PEAK: ended.memory_peak_bytes,
        c.MEMORY_LIMIT: ended.memory_limit_bytes,
        c.CPU_LIMIT: ended.cpu_limit,
        c.CPU_TIME_MS: None if ended.cpu_ns is None else ended.cpu_ns / 1e6,
        c.OUTPUT_DROPPED: ended.dropped_output_bytes or None,
        c.ISOLATION: ended.isolation,
        c.CONTAINER_USER: ended.user,
        c.NETWORK: ended.network,
        c.READ_ONLY: ended.read_only,
        c.MOUNTED_SOCKETS: ended.mounted_sockets or None,
    }


def _calls_complete(ended: Ended, traffic: Traffic) -> bool | None:
    """Whether no model call is unseen.

    Only without a network is it proven that an agent called nobody; an agent that could have is
    taken to use the proxy alone if it used it at all, since it has no other key.
    """
    if ended.isolation != "network" and traffic.requests == 0:
        return None
    return traffic.calls_complete


class _Stop(threading.Event):
    """Set when the operator ends the run, or a while after its budget was reached."""

    def __init__(self, cancellation: Cancellation, route: Route) -> None:
        super().__init__()
        self._cancellation = cancellation
        self._route = route
        self._reached_s: float | None = None

    def is_set(self) -> bool:
        """See above."""
        if self._route.budget_exhausted and self._reached_s is None:
            self._reached_s = time.monotonic()
        over = self._reached_s is not None and time.monotonic() - self._reached_s > BUDGET_GRACE_S
        return over or self._cancellation.is_set()
