"""`FILE.lake.json`: what the lake writer is about to seal, so that a kill repeats it exactly.

A file's name is made of the writer's id and the positions it holds. Which positions go together is
decided by size and by time, so the decision is written down before the first file of it is: after
a kill the same files are written once more, under the same names, and those that are there already
stay as they are.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path


class PlanError(Exception):
    """The file cannot be read; the message names it and the fix."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How far the lake has the inbox, and the positions that are sealed next (0, 0: none)."""

    writer: str
    """The id of this inbox's writer in this lake."""
    inbox: str
    """The identity of the inbox: positions mean something only together with it."""
    sealed: int = 0
    first: int = 0
    last: int = 0
    alias: str = ""
    """The id under which those files go that another collector's stand in the way of."""

    @property
    def is_open(self) -> bool:
        """Whether something is being sealed."""
        return self.last > 0

    def opened(self, first: int, last: int) -> Plan:
        """These positions are sealed next."""
        return replace(self, first=first, last=last)

    def closed(self) -> Plan:
        """All of it is sealed; where another stood in the way the alias is kept."""
        writer = self.alias or self.writer
        return Plan(writer, self.inbox, sealed=max(self.sealed, self.last))


class Plans:
    """The file, which holds a plan for each lake that the inbox ever fed."""

    def __init__(self, path: Path, url: str) -> None:
        self._path = path
        self._url = url

    def load(self, inbox: str) -> Plan:
        """The plan of this lake for this inbox, with a new writer's id where there is none.

        Raises PlanError for a file that is damaged: a new id could seal rows a second time.
        """
        plan = self._all().get(self._url)
        if plan is None or plan.inbox != inbox:
            plan = Plan(new_id(), inbox)
            self.save(plan)
        return plan

    def save(self, plan: Plan) -> None:
        """Write the plan, durably, whole or not at all."""
        plans = {url: asdict(each) for url, each in {**self._all(), self._url: plan}.items()}
        new = self._path.with_name(f"{self._path.name}.new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(plans, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _all(self) -> dict[str, Plan]:
        try:
            plans = json.loads(self._path.read_text("utf-8"))
            return {url: Plan(**plan) for url, plan in plans.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            raise PlanError(
                f"{self._path} is damaged ({error}). Delete it: a new one is made, and what was "
                "being sealed when it broke may be in the lake twice until `spanscore lake compact`"
            ) from None


def new_id() -> str:
    """An id that no other writer has."""
    return secrets.token_hex(6)
