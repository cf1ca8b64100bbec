"""Bare processes: their end, their output, and that nothing of them is left running."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from spanscore.instrumentation.container import BackendError, Mount, process
from spanscore.instrumentation.container.process import ProcessBackend

from .commands import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(ProcessBackend(), tmp_path)


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_command_gets_its_environment_and_no_other(bench: Bench) -> None:
    ended = bench.run("env", environment={"PATH": "/usr/bin:/bin", "ONE": "1"})
    names = {line.partition("=")[0] for line in bench.out.splitlines()}
    assert (ended.exit_code, ended.isolation) == (0, "none")
    assert names == {"PATH", "ONE", "SPANSCORE_PROCESS"}


def test_a_command_hears_the_signals_that_end_it(bench: Bench) -> None:
    bench.run("grep", "SigIgn", "/proc/self/status")
    ignored = int(bench.out.split()[1], 16)
    ending = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
    assert [number for number in ending if ignored >> (number - 1) & 1] == []


def test_exit_code_and_interval_are_those_of_the_command(bench: Bench) -> None:
    before_ns = time.time_ns()
    ended = bench.run("sh", "-c", "sleep 0.3; exit 7")
    assert ended.exit_code == 7
    assert ended.started_ns is not None
    assert ended.finished_ns is not None
    assert before_ns <= ended.started_ns <= ended.finished_ns - 300_000_000
    assert ended.finished_ns <= time.time_ns()


class WhenThere(threading.Event):
    """Set once a file is there."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def is_set(self) -> bool:
        return self._file.exists()


WITHOUT_PROC = """\
import sys
sys.path.insert(0, {folder!r})
import supervisor
supervisor.SEES_CHILDREN, supervisor.descendants = False, lambda pid: []
supervisor.main()
"""


def test_where_no_process_can_be_found_the_group_of_the_command_is_ended(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = tmp_path / "blind.py"
    blind.write_text(WITHOUT_PROC.format(folder=str(Path(process.__file__).parent)))
    monkeypatch.setattr(process, "_SUPERVISOR", blind)
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    pid = bench.workspace / "pid"
    bench.cancelled = WhenThere(pid)
    deaf = "trap '' TERM; sleep 1000 & echo $! > new; mv new pid; wait; sleep 1000"
    ended = bench.run("sh", "-c", deaf)
    assert (ended.cancelled, ended.exit_code) == (True, 137)
    assert not _lives(pid.read_text().strip())


@pytest.mark.parametrize(("program", "code"), [("no-such-program", 127), ("/etc/passwd", 126)])
def test_what_cannot_be_started_says_so_with_the_shells_exit_code(
    bench: Bench, program: str, code: int
) -> None:
    ended = bench.run(program)
    assert ended.exit_code == code
    assert program in (ended.start_error or "")
    assert ended.started_ns is None


def test_at_the_timeout_everything_is_ended_though_it_ignores_sigterm(bench: Bench) -> None:
    line = "trap '' TERM; setsid sleep 1000 & echo $!; sh -c 'setsid sleep 1000 & echo $!'; wait"
    ended = bench.run("sh", "-c", line, timeout_s=1)
    assert (ended.timed_out, ended.exit_code) == (True, 137)
    assert [pid for pid in bench.out.split() if _lives(pid)] == []


def test_daemons_of_a_command_that_has_ended_are_ended_with_it(bench: Bench) -> None:
    ended = bench.run("sh", "-c", "nohup setsid sleep 1000 >/dev/null 2>&1 & echo $!")
    assert ended.exit_code == 0
    assert not _lives(bench.out.strip())


def test_a_command_that_forks_without_end_is_ended(bench: Bench) -> None:
    forks = "import os,time\nfor _ in range(200):\n  if not os.fork(): os.setsid(); time.sleep(999)"
    ended = bench.run(sys.executable, "-c", forks + "\ntime.sleep(999)", timeout_s=2)
    assert ended.timed_out
    marks = [path for path in Path("/proc").glob("[0-9]*") if _is_marked(path)]
    assert marks == []


def _is_marked(process: Path) -> bool:
    try:
        return b"SPANSCORE_PROCESS=spanscore-test-" in (process / "environ").read_bytes()
    except OSError:
        return False


def test_a_killed_supervisor_leaves_nothing_running(bench: Bench) -> None:
    ended = bench.run("sh", "-c", "setsid sleep 1000 & echo $!; kill -9 $PPID; sleep 1000")
    assert ended.exit_code is None
    assert not _lives(bench.out.strip())


def test_output_without_end_is_bounded_and_what_is_dropped_is_counted(bench: Bench) -> None:
    line = "echo first; head -c 20000000 /dev/zero; echo last"
    ended = bench.run("sh", "-c", line, output_limit_bytes=10_000)
    assert bench.out.startswith("first\n")
    assert bench.out.endswith("last\n")
    assert len(bench.out) < 10_100
    assert ended.dropped_output_bytes == 20_000_000 + 11 - 10_000


def test_more_memory_than_the_limit_ends_the_command(bench: Bench) -> None:
    takes = "b = bytearray(300 << 20)\nimport time; time.sleep(30)"
    ended = bench.run(sys.executable, "-c", takes, memory_limit_bytes=100 << 20)
    assert (ended.oom_killed, ended.exit_code, ended.timed_out) == (True, 137, False)
    assert (ended.memory_peak_bytes or 0) > 100 << 20


def test_a_command_may_delete_its_workspace(bench: Bench) -> None:
    assert bench.run("sh", "-c", 'rm -rf "$PWD"').exit_code == 0
    assert not bench.workspace.exists()


def test_cancelling_ends_the_command(bench: Bench) -> None:
    bench.cancelled.set()
    ended = bench.run("sleep", "1000")
    assert (ended.cancelled, ended.timed_out) == (True, False)


def test_too_little_room_on_the_disk_ends_the_command(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = iter([1 << 30, 1 << 30])
    monkeypatch.setattr(
        "spanscore.instrumentation.container.waiting._free_bytes", lambda _: next(rooms, 1)
    )
    ended = bench.run("sleep", "1000")
    assert (ended.disk_full, ended.exit_code) == (True, 137)


def test_a_mount_elsewhere_is_refused(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="use --container docker"):
        bench.run("true", mounts=[Mount(tmp_path, "/elsewhere")])
