"""A backend of containers: the Docker SDK on any socket that speaks Docker's API."""

from __future__ import annotations

import os
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import LogConfig
from docker.types import Mount as BindMount

from . import BackendError, ContainerSpec, Ended, Image, Mount
from .output import BoundedFile
from .owner import is_gone, owner
from .waiting import GRACE_S, Reason, until_end

OWNER_LABEL = "spanscore.owner"
"""On every container: the harness that made it, so that the next one can tell if that is gone."""

INSIDE = "/spanscore/inside"
"""Where a container finds the forwarder and the sockets."""

PIDS_LIMIT = 4096
_INSIDE = Path(__file__).with_name("inside")
_CALL_S = 60
_LAST_S = 30.0


def socket_path() -> Path:
    """The engine's socket on this machine, as DOCKER_HOST names it. Raises BackendError."""
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    scheme, _, path = host.partition("://")
    if scheme != "unix":
        raise BackendError(
            f"DOCKER_HOST is {host}: an engine elsewhere does not see the folders of this machine; "
            "name a socket of this machine, unix:///PATH, or use --container process"
        )
    return Path(path)


class DockerBackend:
    """Runs commands in containers. Raises BackendError when no engine answers.

    A container without a network reaches `sockets` of this machine by a forwarder inside of it,
    which needs a shell and one of python3, node and perl in the image.
    """

    name = "docker"

    def __init__(self) -> None:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(socket_path()))
            self._client = docker.from_env(timeout=_CALL_S)
            weakref.finalize(self, self._client.close)
        except (DockerException, OSError) as error:
            raise BackendError(
                f"no Docker engine answers ({_reason(error)}); start it, name its socket with "
                "DOCKER_HOST, or use --container process"
            ) from None

    def image(self, name: str | None) -> Image | None:
        """What pins the image, which is pulled if this machine lacks it. Raises BackendError."""
        if name is None:
            raise BackendError("a container needs an image; name one with --image")
        try:
            found = self._client.images.get(name)
        except ImageNotFound:
            found = self._pull(name)
        except DockerException as error:
            raise BackendError(f"the image {name!r} cannot be used: {_reason(error)}") from None
        digests = tuple(found.attrs.get("RepoDigests") or ())
        digest = digests[0].rpartition("@")[2] if digests else found.id
        return Image(name, found.id, digest, digests)

    def _pull(self, name: str) -> Any:
        try:
            self._client.images.pull(name if "@" in name or ":" in name else f"{name}:latest")
            return self._client.images.get(name)
        except DockerException as error:
            raise BackendError(
                f"there is no image {name!r}, and pulling it failed ({_reason(error)}); "
                "build it, or name another with --image"
            ) from None

    def run(self, spec: ContainerSpec, *, timeout_s: float, cancelled: threading.Event) -> Ended:
        """See Backend.run."""
        with ExitStack() as closing:
            out = closing.enter_context(BoundedFile(spec.stdout, spec.output_limit_bytes))
            err = closing.enter_context(BoundedFile(spec.stderr, spec.output_limit_bytes))
            container = closing.enter_context(self._created(spec))
            pieces = container.attach(stdout=True, stderr=True, stream=True, demux=True)
            closing.callback(_close, pieces)
            pump = threading.Thread(target=_pump, args=(pieces, out, err), daemon=True)
            try:
                container.start()
            except APIError as error:
                return self._ended(container, spec, None, start_error=_reason(error))
            pump.start()
            usage = _Usage(self._client, container.id)
            reason = self._until_end(container, spec, timeout_s, cancelled)
            pump.join(_LAST_S)
            dropped = out.dropped_bytes + err.dropped_bytes
            return self._ended(container, spec, reason, usage=usage, dropped_bytes=dropped)

    @contextmanager
    def _created(self, spec: ContainerSpec) -> Iterator[Any]:
        """The container, which is removed at the end, whatever goes on in it."""
        try:
            container = self._client.containers.create(**_creation(spec))
        except DockerException as error:
            raise BackendError(f"no container could be made: {_reason(error)}") from None
        try:
            yield container
        finally:
            with suppress(NotFound):
                container.remove(force=True, v=True)

    def _until_end(
        self, container: Any, spec: ContainerSpec, timeout_s: float, cancelled: threading.Event
    ) -> Reason | None:
        over = threading.Event()

        def wait() -> None:
            try:
                self._client.api.wait(container.id, timeout=None)
            finally:
                over.set()

        threading.Thread(target=wait, daemon=True).start()
        writable = [m.source for m in spec.mounts if not m.read_only]
        reason = until_end(over, timeout_s=timeout_s, cancelled=cancelled, folders=writable)
        if reason is not None:
            with suppress(APIError):
                container.stop(timeout=0 if reason == "disk" else int(GRACE_S))
            over.wait(_LAST_S)
        return reason

    def _ended(
        self,
        container: Any,
        spec: ContainerSpec,
        reason: Reason | None,
        *,
        usage: _Usage | None = None,
        dropped_bytes: int = 0,
        start_error: str | None = None,
    ) -> Ended:
        container.reload()
        state, config = container.attrs["State"], container.attrs["HostConfig"]
        peak_bytes = usage.memory_peak_bytes if usage else None
        if state["OOMKilled"] and config["Memory"]:
            peak_bytes = max(peak_bytes or 0, config["Memory"])
        network = str(config["NetworkMode"])
        return Ended(
            exit_code=state["ExitCode"],
            started_ns=_ns(state["StartedAt"]),
            finished_ns=_ns(state["FinishedAt"]),
            timed_out=reason == "timeout",
            cancelled=reason == "cancelled",
            disk_full=reason == "disk",
            oom_killed=state["OOMKilled"],
            memory_peak_bytes=peak_bytes,
            cpu_ns=usage.cpu_ns if usage else None,
            container_id=container.id,
            isolation="network" if network == "none" else "container",
            user=container.attrs["Config"]["User"] or "root",
            network=network,
            read_only=config["ReadonlyRootfs"],
            mounted_sockets=tuple(str(m.source) for m in _mounts(spec) if m.source.is_socket()),
            memory_limit_bytes=config["Memory"] or None,
            cpu_limit=config["NanoCpus"] / 1e9 or None,
            start_error=start_error or state["Error"] or None,
            dropped_output_bytes=dropped_bytes,
        )

    def remove_leftovers(self) -> list[str]:
        """Remove the containers of harnesses of this machine that are gone."""
        removed = []
        for container in self._client.containers.list(
            all=True, filters={"label": OWNER_LABEL}, ignore_removed=True
        ):
            if is_gone(container.labels[OWNER_LABEL]):
                with suppress(APIError):
                    container.remove(force=True, v=True)
                    removed.append(f"container {container.name}")
        return removed


def _creation(spec: ContainerSpec) -> dict[str, Any]:
    command = list(spec.command)
    if spec.sockets:
        ports = ",".join(map(str, spec.sockets))
        command = ["/bin/sh", f"{INSIDE}/start.sh", ports, *command]
    return {
        "name": spec.name,
        "image": spec.image,
        "entrypoint": command[:1],
        "command": command[1:],
        "environment": dict(spec.environment),
        "working_dir": spec.workdir,
        "mounts": [
            BindMount(m.target, str(m.source), type="bind", read_only=m.read_only)
            for m in _mounts(spec)
        ],
        "network_mode": spec.network,
        "user": spec.user,
        "mem_limit": spec.memory_limit_bytes,
        "memswap_limit": spec.memory_limit_bytes,
        "nano_cpus": int(spec.cpu_limit * 1e9) if spec.cpu_limit else None,
        "pids_limit": PIDS_LIMIT,
        "labels": {**spec.labels, OWNER_LABEL: owner()},
        "log_config": LogConfig(type="none"),  # we read along; the engine's disk stays free of it
        "stdin_open": False,
    }


def _mounts(spec: ContainerSpec) -> list[Mount]:
    found = list(spec.mounts)
    if spec.sockets:
        found += [
            Mount(file, f"{INSIDE}/{file.name}", read_only=True) for file in _INSIDE.iterdir()
        ]
    return found + [Mount(path, f"{INSIDE}/{port}.sock") for port, path in spec.sockets.items()]


def _close(pieces: Any) -> None:
    """End reading. The SDK's own close leaves the connection to the garbage collector."""
    pieces.close()
    pieces._response.close()


def _pump(pieces: Any, out: BoundedFile, err: BoundedFile) -> None:
    with suppress(DockerException, OSError):
        for to_out, to_err in pieces:
            out.write(to_out or b"")
            err.write(to_err or b"")


@dataclass
class _Figures:
    memory_peak_bytes: int | None = None
    cpu_ns: int | None = None


class _Usage(_Figures):
    """Reads along what the runtime says of memory and CPU, once a second, until it is removed."""

    def __init__(self, client: Any, container_id: str) -> None:
        super().__init__()
        threading.Thread(target=self._run, args=(client, container_id), daemon=True).start()

    def _run(self, client: Any, container_id: str) -> None:
        with suppress(DockerException, OSError, ValueError):
            for said in client.api.stats(container_id, decode=True, stream=True):
                memory = said.get("memory_stats", {})
                peak = memory.get("max_usage") or memory.get("usage")
                cpu = said.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage")
                self.memory_peak_bytes = max(peak or 0, self.memory_peak_bytes or 0) or None
                self.cpu_ns = max(cpu or 0, self.cpu_ns or 0) or None


def _ns(told: str) -> int | None:
    """Docker's `2026-01-31T12:34:56.123456789Z`, ns since 1970; None for its year 1."""
    whole, _, fraction = told.rstrip("Z").partition(".")
    seconds = datetime.fromisoformat(f"{whole}+00:00").timestamp()
    return int(seconds) * 10**9 + int(fraction[:9].ljust(9, "0") or 0) if seconds > 0 else None


def _reason(error: Exception) -> str:
    told = getattr(error, "explanation", None) or str(error)
    return str(told).strip().splitlines()[0] if str(told).strip() else type(error).__name__
