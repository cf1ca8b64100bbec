"""Containers on a real engine: facts from the runtime, isolation, and nothing left behind."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from spanscore.instrumentation.container import BackendError, Mount
from spanscore.instrumentation.container.docker import OWNER_LABEL, DockerBackend
from spanscore.instrumentation.container.owner import owner
from tests.support.images import BASE, containers

from .commands import Bench

pytestmark = pytest.mark.docker

OURS = f"{OWNER_LABEL}={owner()}"

LOOK_AROUND = """
import json, os, socket
def refused(place):
    try:
        socket.create_connection(place, timeout=5)
    except OSError:
        return True
sockets = [os.path.join(top, name) for top in ("/run", "/var/run", "/tmp", "/spanscore")
           for top, _, names in os.walk(top) for name in names if name.endswith(".sock")]
print(json.dumps({
    "interfaces": [name for _, name in socket.if_nameindex()],
    "refused": refused(("127.0.0.1", PORT)),
    "sockets": sockets,
    "environment": sorted(os.environ),
}))
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(DockerBackend(), tmp_path, BASE)


def test_the_runtime_tells_image_times_exit_code_and_isolation(bench: Bench) -> None:
    image = bench.backend.image(BASE)
    assert image is not None
    assert (image.id or "").startswith("sha256:")
    assert image.digest == image.id  # no registry has given it one of its own
    ended = bench.run("sh", "-c", "id -u; sleep 1.2; exit 5", user="1000:1000", cpu_limit=0.5)
    assert (ended.exit_code, ended.isolation, ended.network) == (5, "network", "none")
    assert (ended.user, ended.read_only, ended.cpu_limit) == ("1000:1000", False, 0.5)
    assert (ended.oom_killed, ended.timed_out, ended.mounted_sockets) == (False, False, ())
    assert bench.out == "1000\n"
    assert ended.finished_ns is not None
    assert ended.started_ns is not None
    assert 1.2e9 <= ended.finished_ns - ended.started_ns < 60e9
    assert (ended.memory_peak_bytes or 0) > 0
    assert (ended.cpu_ns or 0) > 0
    assert ended.container_id
    assert containers(OURS) == []


def test_memory_beyond_the_limit_is_the_runtimes_out_of_memory(bench: Bench) -> None:
    limit = 64 << 20
    ended = bench.run("python3", "-c", "bytearray(1 << 30)", memory_limit_bytes=limit)
    assert (ended.oom_killed, ended.exit_code) == (True, 137)
    assert (ended.memory_limit_bytes, ended.memory_peak_bytes) == (limit, limit)


def test_a_container_has_no_network_no_socket_and_no_environment_of_the_harness(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of the harness")
    with socket.create_server(("127.0.0.1", 0)) as of_this_machine:
        port = of_this_machine.getsockname()[1]
        ended = bench.run("python3", "-c", LOOK_AROUND.replace("PORT", str(port)))
    assert ended.exit_code == 0, (bench.folder / "err").read_text()
    assert json.loads(bench.out) == {
        "interfaces": ["lo"],
        "refused": True,
        "sockets": [],
        "environment": ["HOME", "HOSTNAME", "LANG", "PATH"],
    }


def test_what_is_mounted_to_be_read_cannot_be_written(bench: Bench, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    mounts = [Mount(bench.workspace, "/spanscore/workspace"), Mount(shared, "/shared", True)]
    ended = bench.run("sh", "-c", "touch mine; touch /shared/no", mounts=mounts)
    assert ended.exit_code == 1
    assert [path.name for path in bench.workspace.iterdir()] == ["mine"]
    assert not list(shared.iterdir())


def test_what_ignores_sigterm_and_its_daemons_end_at_the_timeout(bench: Bench) -> None:
    line = "trap '' TERM; setsid sleep 1000 & sleep 1000"
    ended = bench.run("sh", "-c", line, timeout_s=1)
    assert (ended.timed_out, ended.exit_code) == (True, 137)
    assert containers(OURS) == []


def test_what_forks_without_end_is_bounded_and_ends_at_the_timeout(bench: Bench) -> None:
    bomb = "import os\nwhile True:\n try: os.fork()\n except OSError: print('enough', flush=True)"
    ended = bench.run("python3", "-c", bomb, timeout_s=5, memory_limit_bytes=256 << 20)
    assert ended.timed_out or ended.oom_killed
    assert containers(OURS) == []


def test_daemons_of_a_command_that_has_ended_end_with_it(bench: Bench) -> None:
    ended = bench.run("sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo started")
    assert (ended.exit_code, ended.timed_out, bench.out) == (0, False, "started\n")
    assert containers(OURS) == []


def test_cancelling_ends_the_container(bench: Bench) -> None:
    bench.cancelled.set()
    ended = bench.run("sleep", "1000")
    assert (ended.cancelled, ended.timed_out) == (True, False)
    assert containers(OURS) == []


def test_a_gigabyte_of_output_is_bounded_and_what_is_dropped_is_counted(bench: Bench) -> None:
    size = 1 << 30
    line = f"echo first; head -c {size} /dev/zero; echo last"
    ended = bench.run("sh", "-c", line, timeout_s=120, output_limit_bytes=1 << 20)
    assert (ended.exit_code, ended.timed_out) == (0, False)
    assert bench.out.startswith("first\n")
    assert bench.out.endswith("last\n")
    assert len(bench.out) < (1 << 20) + 100
    assert ended.dropped_output_bytes == size + 11 - (1 << 20)


def test_a_command_may_delete_its_workspace(bench: Bench) -> None:
    ended = bench.run("sh", "-c", "touch a; rm -rf /spanscore/workspace/* && echo gone")
    assert (ended.exit_code, bench.out) == (0, "gone\n")
    assert not list(bench.workspace.iterdir())


@pytest.mark.parametrize(("program", "code"), [("no-such-program", 127), ("/etc/passwd", 126)])
def test_a_program_that_cannot_be_started_is_told_as_the_runtime_says(
    bench: Bench, program: str, code: int
) -> None:
    ended = bench.run(program)
    assert ended.exit_code == code
    assert program in (ended.start_error or "")
    assert containers(OURS) == []


def test_a_container_of_a_killed_harness_is_removed_by_the_next_start(bench: Bench) -> None:
    script = (
        "import os, docker\n"
        "from spanscore.instrumentation.container.docker import OWNER_LABEL\n"
        "from spanscore.instrumentation.container.owner import owner\n"
        f"made = docker.from_env().containers.run({BASE!r}, ['sleep', '1000'], detach=True,\n"
        "    network_mode='none', labels={OWNER_LABEL: owner()})\n"
        "print(owner(), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=False
    )
    of_the_killed = f"{OWNER_LABEL}={done.stdout.strip()}"
    [left] = containers(of_the_killed)
    assert f"container {left}" in bench.backend.remove_leftovers()
    assert containers(of_the_killed) == []


def test_an_image_that_is_nowhere_is_refused_with_what_to_do(bench: Bench) -> None:
    with pytest.raises(BackendError, match="build it, or name another with --image"):
        bench.backend.image("localhost:1/no/such-image")
