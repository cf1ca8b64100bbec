"""Record the trials of a Harbor job as runs: a job plugin for Harbor 0.26 (Python 3.12 or newer).

    eval $(spanscore tokens)
    PYTHONPATH=examples harbor run --dataset ... --agent ... --plugin harbor_plugin:SpanscorePlugin

Each trial is a run of the sweep that the job is. Harbor tells no span of the container and none of
the model's calls, so the evidence of such a run is grade C at most.
"""

import asyncio
import contextvars
from typing import Any

from spanscore.instrumentation import Phase, Run


class SpanscorePlugin:
    """Harbor's JobPlugin: it is told of the job's beginning and end, and hooks into its trials."""

    def __init__(self, **_: Any) -> None:
        self._trials: dict[str, _Trial] = {}
        self._job = ""

    async def on_job_start(self, job: Any) -> None:
        self._job = job.config.job_name
        job.on_trial_started(self._started)
        job.on_agent_started(self._agent_started)
        job.on_agent_ended(self._agent_ended)
        job.on_verification_started(self._verification_started)
        job.on_trial_cancelled(self._cancelled)
        job.on_trial_ended(self._ended)

    async def on_job_end(self, job_result: Any) -> None:
        """Whatever never ended is sent as it is."""
        for trial in list(self._trials.values()):
            await asyncio.to_thread(trial.close)

    async def _started(self, event: Any) -> None:
        trial = self._trials[event.trial_name] = _Trial(event, self._job)
        await asyncio.to_thread(trial.enter, "task_setup")

    async def _agent_started(self, event: Any) -> None:
        self._trials[event.trial_name].enter("adapter_run")

    async def _agent_ended(self, event: Any) -> None:
        self._trials[event.trial_name].leave()

    async def _verification_started(self, event: Any) -> None:
        self._trials[event.trial_name].enter("verify")

    async def _cancelled(self, event: Any) -> None:
        self._trials[event.trial_name].run.root.set({"spanscore.run.cancelled_by": "SIGINT"})

    async def _ended(self, event: Any) -> None:
        trial = self._trials.pop(event.trial_name)
        trial.judge(event.result)
        await asyncio.to_thread(trial.close)


class _Trial:
    """One run. Harbor calls from many tasks, so what is entered is left in a context of its own."""

    def __init__(self, event: Any, job: str) -> None:
        agent = event.result.agent_info
        self.run = Run(
            agent=agent.name,
            model=agent.model_info.name if agent.model_info else None,
            task=event.task_name,
            sweep_id=job,
            attributes={
                "gen_ai.agent.version": agent.version,
                "spanscore.task.version": event.result.task_checksum,
                "spanscore.run.citable": False,
            },
        )
        self._context = contextvars.copy_context()
        self._phase: Phase | None = None
        self._context.run(self.run.__enter__)

    def enter(self, role: str) -> None:
        self.leave()
        self._phase = self.run.phase(role)
        self._context.run(self._phase.__enter__)

    def leave(self) -> None:
        if self._phase is not None:
            self._context.run(self._phase.__exit__, None, None, None)
            self._phase = None

    def judge(self, result: Any) -> None:
        """The verdict goes on the phase that is open: of a whole trial that is `verify`."""
        if self._phase is None or self._phase.role != "verify":
            return
        if result.verifier_result is None or not result.verifier_result.rewards:
            if result.exception_info is not None:
                self._phase.fail(result.exception_info.exception_message)
            return
        reward = min(result.verifier_result.rewards.values())
        self._phase.set(
            {
                "test.suite.run.status": "success" if reward >= 1 else "failure",
                "spanscore.verify.partial_score": min(max(float(reward), 0.0), 1.0),
            }
        )

    def close(self) -> None:
        self.leave()
        self._context.run(self.run.__exit__, None, None, None)
