"""What the runs of one command share: the backend, the proxy, the way to the collector."""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from . import conventions as c
from . import workplace
from .adapters import version_in
from .adapters.adapter import Adapter
from .cell import Cell, Terms
from .container import Backend, ContainerSpec, Image, Mount
from .conventions import Role
from .delivery import Collector, Tell
from .proxy import Proxy, Route
from .reach import Reach, Relays, directly
from .recording import Attributes, Run
from .workplace import Workplace, end_of

INSIDE = "/spanscore"
"""Where a container has workspace and home; the verifier's has its own at the same place."""

VERSION_S = 60.0
_VERSION_BYTES = 4096


Opened = Callable[[str, Role], None]
"""Told the run and the role of each phase as it opens."""


class Cancellation(threading.Event):
    """Set when the operator ends the runs; `by` is the signal."""

    by: str | None = None

    def cancel(self, by: str) -> None:
        """End all runs: `by` is `SIGINT` or `SIGTERM`."""
        self.by = by
        self.set()


class Harness:
    """Runs cells while its `with` block goes on; `run.run_cell` is what runs one.

    What was left by a harness that was killed is removed first, and told.
    """

    def __init__(
        self,
        backend: Backend,
        collector: Collector,
        *,
        spool: Path,
        tell: Tell,
        opened: Opened = lambda run_id, role: None,
    ) -> None:
        self.backend = backend
        self.collector = collector
        self.tell = tell
        self._opened = opened
        self.cancellation = Cancellation()
        self._spool = spool
        self._closing = ExitStack()
        self._versions: dict[tuple[str | None, str], str | None] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        for name in (*self.backend.remove_leftovers(), *workplace.remove_leftovers()):
            self.tell(f"removed the {name} of a run that was killed")
        with ExitStack() as opening:
            made = tempfile.TemporaryDirectory(prefix="spanscore-")
            folder = Path(opening.enter_context(made)).resolve()
            self.relays = Relays(folder, self.collector)
            opening.enter_context(self.relays)
            self.proxy = opening.enter_context(Proxy(socket=self.relays.model_socket))
            self._closing = opening.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()

    def recorded(self, cell: Cell, attributes: Attributes) -> Run:
        """The recording of a new run of this cell; `attributes` are those of its root."""
        run_id = secrets.token_hex(8)
        return Run(
            agent=cell.agent.name,
            model=cell.model,
            task=cell.task.id,
            run_id=run_id,
            cell_id=cell.id,
            sweep_id=cell.sweep_id,
            attributes=attributes,
            collector=self.collector,
            spool=self._spool / f"{run_id}.pb",
            tell=self.tell,
            opened=lambda role: self._opened(run_id, role),
        )

    def reach(self, route: Route, terms: Terms) -> Reach:
        """How the agent reaches its model and the collector on these terms."""
        if self.is_contained and terms.network == "none":
            return self.relays.reach(route)
        return directly(route, self.collector)

    @property
    def is_contained(self) -> bool:
        """Whether commands run in containers."""
        return self.backend.name != "process"

    @property
    def machine(self) -> dict[str, str]:
        """What a bare process needs of this machine; an image has its own."""
        return {} if self.is_contained else {"PATH": os.environ.get("PATH", os.defpath)}

    def inside(self, path: Path) -> str:
        """A folder of a workplace as the agent sees it."""
        return f"{INSIDE}/{path.name}" if self.is_contained else str(path)

    def spec(
        self,
        place: Workplace,
        run: Run,
        terms: Terms,
        image: Image | None,
        command: Sequence[str],
        **more: object,
    ) -> ContainerSpec:
        """What the backend is to run for this agent."""
        user = terms.user or f"{os.getuid()}:{os.getgid()}"
        mounts = [Mount(path, self.inside(path)) for path in (place.workspace, place.home)]
        if terms.docker_socket is not None:
            mounts.append(Mount(terms.docker_socket, str(terms.docker_socket)))
        given = {
            "name": f"spanscore-{run.run_id}",
            "stdout": place.stdout,
            "stderr": place.stderr,
            "labels": {c.RUN_ID: run.run_id, c.CELL_ID: run.cell_id},
            **more,
        }
        return ContainerSpec(
            image=image.id or image.name if image else None,
            command=command,
            workdir=self.inside(place.workspace),
            mounts=mounts,
            user=user if self.is_contained else None,
            **given,  # type: ignore[arg-type]  # fields of it
        )

    def version(
        self, agent: Adapter, image: Image | None, ask: Callable[[], ContainerSpec]
    ) -> str | None:
        """The agent's version as it says it, asked once an image; None if it does not."""
        key = (image.id if image else None, agent.name)
        with self._lock:
            if key not in self._versions:
                self._versions[key] = self._ask_version(ask()) if agent.version_command else None
            return self._versions[key]

    def _ask_version(self, spec: ContainerSpec) -> str | None:
        ended = self.backend.run(spec, timeout_s=VERSION_S, cancelled=self.cancellation)
        if ended.exit_code != 0:
            return None
        said = "\n".join(end_of(file, _VERSION_BYTES) for file in (spec.stdout, spec.stderr))
        return version_in(said)
