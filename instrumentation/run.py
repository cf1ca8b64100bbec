"""One run of a cell: the phases, in order."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import conventions as c
from .adapters.adapter import LaunchContext
from .cell import Cell, Terms
from .container import Ended, Image
from .conventions import Role
from .harness import Cancellation, Harness
from .launch import launch
from .proxy import Route, Traffic
from .recording import Phase, Run
from .verify import Verdict, verify
from .workplace import Workplace, end_of
from .workspace import Diff, Snapshot, compare, copy, snapshot

BUDGET_GRACE_S = 20.0
"""How long an agent may go on after its budget was reached, in which its calls are refused."""

TAIL_BYTES = 4096

_DUMMY_KEY = "spanscore-no-real-key"


@dataclass
class Outcome:
    """What came of a run, as far as it got. `error` is a failure of the harness."""

    run_id: str
    cell_id: str
    attempt: int
    provisional: list[str]
    image: Image | None = None
    before: Snapshot | None = None
    ended: Ended | None = None
    traffic: Traffic | None = None
    diff: Diff | None = None
    verdict: Verdict | None = None
    error: str | None = None
    cancelled_by: str | None = None
    output_tail: str = ""
    kept: Path | None = None
    removed: list[str] = field(default_factory=list)


def run_cell(harness: Harness, cell: Cell, terms: Terms) -> Outcome:
    """Run one cell to its end, whatever happens in it; its spans tell all of it.

    A failure of the agent, or of the harness within a phase, is an outcome and no exception.
    """
    with harness.recorded(cell) as run:
        outcome = Outcome(run.run_id, run.cell_id, cell.attempt, ["unfinished"])
        run.root.set(_identity(cell, terms))
        place = Workplace()
        try:
            with run.phase(Role.TASK_SETUP) as phase:
                _set_up(phase, run, harness, cell, terms, place, outcome)
            with run.phase(Role.ADAPTER_RUN) as phase:
                _run_agent(phase, run, harness, cell, terms, place, outcome)
            if _is_judged(outcome, harness.cancellation):
                with run.phase(Role.WORKSPACE_DIFF) as phase:
                    _compare(phase, cell, place, outcome)
                with run.phase(Role.VERIFY) as phase:
                    _verify(phase, harness, cell, place, outcome)
        except Exception as error:  # noqa: BLE001 - what ends a run is recorded, and the run's result
            _fail(harness, outcome, error)
        with run.phase(Role.CLEANUP) as phase:
            _clean_up(phase, harness, terms, place, outcome)
        run.root.set(_citation(harness, outcome))
    return outcome


def _identity(cell: Cell, terms: Terms) -> dict[str, Any]:
    return {
        c.TASK_VERSION: cell.task.version,
        c.TASK_FAMILY: cell.task.family,
        c.RUN_ATTEMPT: cell.attempt,
        c.RUN_SEED: cell.seed,
        c.BEHAVIOR_MODE: cell.behavior_mode,
        c.PLUGIN_STACK: [plugin.name for plugin in cell.plugins],
        c.TIMEOUT_MS: round(terms.timeout_of(cell.task) * 1000),
        c.MODEL_BUILD_ID: terms.model_build_id,
        c.CONTEXT_WINDOW: terms.context_window,
        c.IMAGE_NAME: terms.image_of(cell.task),
    }


def _set_up(
    phase: Phase,
    run: Run,
    harness: Harness,
    cell: Cell,
    terms: Terms,
    place: Workplace,
    outcome: Outcome,
) -> None:
    """The workspace, its fingerprint, and what pins the run: image and version of the agent."""
    left_out = copy(cell.task.workspace, place.workspace)
    if left_out:
        raise OSError(f"the workspace of {cell.task.id} cannot be copied whole: {left_out[0]}")
    place.give_to(terms.user if harness.is_contained else None)
    outcome.image = image = harness.backend.image(terms.image_of(cell.task))

    def asking() -> Any:
        environment = {"HOME": harness.inside(place.home), **_machine(harness)}
        return harness.spec(
            place, run, terms, image, cell.agent.version_command,
            name=f"spanscore-version-{run.run_id}", environment=environment,
        )  # fmt: skip

    version = harness.version(cell.agent, image, asking)
    outcome.before = snapshot(place.workspace)
    phase.set(
        {
            c.TASK_ID: cell.task.id,
            c.WORKSPACE_PATH: harness.inside(place.workspace),
            c.WORKSPACE_FILE_COUNT: outcome.before.count,
            c.WORKSPACE_BASELINE_HASH: outcome.before.baseline_hash,
            c.PLUGIN_STACK: [plugin.name for plugin in cell.plugins],
        }
    )
    run.root.set({c.AGENT_VERSION: version, c.IMAGE_DIGEST: image.digest if image else None})


def _run_agent(
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
            ended = harness.backend.run(spec, timeout_s=timeout_s, cancelled=stop)
            container.took(ended.started_ns, ended.finished_ns)
            container.set(_container(harness, outcome.image, command, ended))
    finally:
        traffic = route.close()
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
        secrets=[t for t in (run.collector.harness_token, run.collector.agent_token) if t],
    )


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
    return tuple(started.command), {**_machine(harness), **started.environment}


def _machine(harness: Harness) -> dict[str, str]:
    """What a bare process needs of this machine; an image has its own."""
    return {} if harness.is_contained else {"PATH": os.environ.get("PATH", os.defpath)}


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


def _is_judged(outcome: Outcome, cancellation: Cancellation) -> bool:
    """An agent that never ran, or a run that the operator ended, has no verdict."""
    started = outcome.ended is not None and outcome.ended.start_error is None
    return started and not cancellation.is_set()


def _compare(phase: Phase, cell: Cell, place: Workplace, outcome: Outcome) -> None:
    assert outcome.before is not None  # the agent has run
    after = snapshot(place.workspace)
    outcome.diff = compare(outcome.before, after, cell.task, cell.agent.artefacts)
    phase.set(outcome.diff.attributes())


def _verify(phase: Phase, harness: Harness, cell: Cell, place: Workplace, outcome: Outcome) -> None:
    assert outcome.diff is not None  # compared before
    phase.set({c.TASK_ID: cell.task.id})
    image = outcome.image
    outcome.verdict = verify(
        harness.backend,
        (image.id or image.name) if image else None,
        cell.task,
        place.workspace,
        diff=outcome.diff,
        agent_stdout=place.stdout,
        cancelled=harness.cancellation,
        labels={c.RUN_ID: outcome.run_id},
    )
    phase.set(outcome.verdict.attributes())


def _clean_up(
    phase: Phase, harness: Harness, terms: Terms, place: Workplace, outcome: Outcome
) -> None:
    outcome.output_tail = end_of(place.stderr, TAIL_BYTES) or end_of(place.stdout, TAIL_BYTES)
    try:
        if terms.keep is not None:
            outcome.kept = place.keep_in(terms.keep / outcome.run_id)
        place.remove()
        outcome.removed = [str(place.folder)]
    except OSError as error:
        phase.fail(f"not everything could be removed: {error}")
        harness.tell(f"{place.folder} could not be removed: {error}")
    if harness.is_contained and outcome.ended is not None:
        outcome.removed.append(f"container spanscore-{outcome.run_id}")
    phase.set({c.CLEANUP_REMOVED: outcome.removed})


def _citation(harness: Harness, outcome: Outcome) -> Mapping[str, Any]:
    """Whether the run can be cited: what pins it is recorded, and nothing speaks against it."""
    outcome.cancelled_by = harness.cancellation.by
    reasons = []
    if not harness.is_contained:
        reasons.append("no container")
    elif outcome.image is None or outcome.image.digest is None:
        reasons.append("the image is not pinned")
    return {
        c.CANCELLED_BY: outcome.cancelled_by,
        **_provisional(outcome, reasons),
    }


def _provisional(outcome: Outcome, reasons: list[str]) -> Mapping[str, Any]:
    outcome.provisional = reasons
    return {c.CITABLE: not reasons, c.PROVISIONAL: reasons or None}


def _fail(harness: Harness, outcome: Outcome, error: Exception) -> None:
    outcome.error = str(error) or type(error).__name__
    expected = isinstance(error, OSError) or type(error).__module__.startswith("spanscore.")
    if not expected:
        harness.tell("".join(traceback.format_exception(error)))


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
