"""One run of a cell: the phases, in order."""

from __future__ import annotations

import traceback
from typing import Any

from . import conventions as c
from .agent_phase import run_agent, secrets_of
from .cell import Cell, Terms
from .conventions import Role
from .harness import Cancellation, Harness
from .outcome import Outcome
from .recording import Phase, Run
from .verify import verify
from .workplace import Workplace, end_of
from .workspace import compare, copy, snapshot

TAIL_BYTES = 4096


def run_cell(harness: Harness, cell: Cell, terms: Terms) -> Outcome:
    """Run one cell to its end, whatever happens in it; its spans tell all of it.

    A failure of the agent, or of the harness within a phase, is an outcome and no exception.
    """
    with harness.recorded(cell, _identity(cell, terms)) as run:
        outcome = Outcome(run.run_id, run.cell_id, cell.attempt, ["unfinished"])
        place: Workplace | None = None
        try:
            with run.phase(Role.TASK_SETUP) as phase:
                place = Workplace()
                _set_up(phase, run, harness, cell, terms, place, outcome)
            with run.phase(Role.ADAPTER_RUN) as phase:
                run_agent(phase, run, harness, cell, terms, place, outcome)
            if _is_judged(outcome, harness.cancellation):
                with run.phase(Role.WORKSPACE_DIFF) as phase:
                    _compare(phase, cell, place, outcome)
                with run.phase(Role.VERIFY) as phase:
                    _verify(phase, harness, cell, place, outcome)
        except Exception as error:  # noqa: BLE001 - what ends a run is recorded, and the run's result
            _fail(harness, outcome, error)
        if place is not None:
            with run.phase(Role.CLEANUP) as phase:
                _clean_up(phase, harness, terms, place, outcome)
                outcome.output_tail = _masked(outcome.output_tail, secrets_of(run, cell))
        run.root.set(_citation(harness, run, outcome))
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
        c.SWEEP_CELLS: cell.sweep_cells,
        c.SWEEP_REPEATS: cell.sweep_repeats,
        c.MODEL_BUILD_ID: terms.model_build_id,
        c.MODEL_ENDPOINT: terms.upstream.shown_url if terms.upstream else None,
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
        environment = {"HOME": harness.inside(place.home), **harness.machine}
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
    if terms.keep is not None:
        try:
            outcome.kept = place.keep_in(terms.keep / outcome.run_id)
        except OSError as error:  # the run is none the worse for it
            harness.tell(f"the workspace could not be kept in {terms.keep}: {error}")
    try:
        place.remove()
        outcome.removed = [str(place.folder)]
    except OSError as error:
        phase.fail(f"not everything could be removed: {error}")
        harness.tell(f"{place.folder} could not be removed: {error}")
    if harness.is_contained and outcome.ended is not None:
        outcome.removed.append(f"container spanscore-{outcome.run_id}")
    phase.set({c.CLEANUP_REMOVED: outcome.removed})


def _citation(harness: Harness, run: Run, outcome: Outcome) -> dict[str, Any]:
    """Whether the run can be cited: what pins it is recorded, and nothing speaks against it."""
    outcome.cancelled_by = harness.cancellation.by
    outcome.provisional = []
    if not harness.is_contained:
        outcome.provisional.append("no container")
    elif outcome.image is None or outcome.image.digest is None:
        outcome.provisional.append("the image is not pinned")
    if c.AGENT_VERSION not in run.root.attributes:
        outcome.provisional.append("the agent's version is unknown")
    return {
        c.CANCELLED_BY: outcome.cancelled_by,
        c.CITABLE: not outcome.provisional,
        c.PROVISIONAL: outcome.provisional or None,
    }


def _masked(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _fail(harness: Harness, outcome: Outcome, error: Exception) -> None:
    outcome.error = str(error) or type(error).__name__
    expected = isinstance(error, OSError) or type(error).__module__.startswith("spanscore.")
    if not expected:
        harness.tell("".join(traceback.format_exception(error)))
