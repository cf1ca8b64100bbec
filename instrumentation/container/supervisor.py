"""Runs one command and all that comes of it; started by process.py as a program of its own.

It alone is the parent of everything the command starts: as a subreaper it inherits what detaches
itself, so that nothing is left running when the command ends, the time is over, or the harness is
killed (its end of standard input closes then). It imports nothing of spanscore.

Standard input: a line of JSON (command, environment, workdir, memory_limit_bytes), then `T` to
terminate, `K` to kill. File descriptor argv[1]: a line of JSON as the command starts, and one as it
ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any, TextIO

SAMPLE_S = 0.2
"""How often memory is looked at."""

KILL_S = 5.0
"""How long killing all that is left may take; what the kernel holds longer is counted."""

_SET_SUBREAPER = 36  # linux/prctl.h, PR_SET_CHILD_SUBREAPER
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_NO_PROGRAM, _NO_PERMISSION = 127, 126

SEES_CHILDREN = os.path.isdir("/proc/self/task")
"""Whether the kernel tells what a process started (Linux). Elsewhere the command's own process
group is what can be ended; what left it stays."""


class Supervisor:
    """One command, from its start until nothing of it is left."""

    def __init__(self, spec: dict[str, Any], report: TextIO) -> None:
        self._spec = spec
        self._report = report
        self._pid = 0
        self._status: int | None = None
        self._finished_ns = 0
        self._cpu_s = 0.0
        self._peak_bytes = 0
        self._out_of_memory = False
        self._next_sample_s = 0.0
        self._own_maxrss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def run(self, orders: bytes) -> None:
        """Start the command, watch it, end what is left of it, say how it ended."""
        woken = _wake_on_child_end()
        if not self._start():
            return
        for order in orders:
            self._obey(bytes([order]))
        while self._status is None:
            ready, _, _ = select.select([0, woken], [], [], SAMPLE_S)
            if woken in ready:
                os.read(woken, 512)
            if 0 in ready:
                self._obey(os.read(0, 1))
            self._reap()
            self._watch_memory()
        left = self._end_all()
        self._say(
            exit_code=_exit_code(self._status),
            finished_ns=self._finished_ns,
            cpu_ns=int(self._cpu_s * 1e9),
            memory_peak_bytes=self._peak_bytes or None,
            oom_killed=self._out_of_memory,
            left=left,
        )

    def _start(self) -> bool:
        started_ns = time.time_ns()
        try:
            self._command = subprocess.Popen(
                self._spec["command"],
                env=self._spec["environment"],
                cwd=self._spec["workdir"],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # kept: one that is let go reaps a command that has ended, and its status is lost
            self._pid = self._command.pid
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            self._say(
                start_error=f"{error.filename}: {error.strerror}",
                exit_code=_NO_PROGRAM if missing else _NO_PERMISSION,
            )
            return False
        self._say(started_ns=started_ns)
        return True

    def _obey(self, order: bytes) -> None:
        """`T` asks the command to end; `K`, or the harness' death, ends everything."""
        if order == b"T":
            with suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGTERM)
        else:
            self._end_all()

    def _reap(self) -> None:
        """Take note of every process that has ended, the command itself among them."""
        with suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    return
                self._cpu_s += usage.ru_utime + usage.ru_stime
                if usage.ru_maxrss > self._own_maxrss:  # below, it may be ours from before exec
                    self._peak_bytes = max(self._peak_bytes, usage.ru_maxrss * _MAXRSS_UNIT_BYTES)
                if pid == self._pid:
                    self._status, self._finished_ns = status, time.time_ns()

    def _watch_memory(self) -> None:
        if time.monotonic() < self._next_sample_s:
            return
        self._next_sample_s = time.monotonic() + SAMPLE_S
        used_bytes = sum(map(_own_memory, descendants(os.getpid())))
        self._peak_bytes = max(self._peak_bytes, used_bytes)
        limit_bytes = self._spec["memory_limit_bytes"]
        if limit_bytes is not None and used_bytes > limit_bytes and self._status is None:
            self._out_of_memory = True
            self._end_all()

    def _end_all(self) -> int:
        """Kill what is left; how many processes could not be killed in time.

        Stopped first, so that none can fork faster than it is found.
        """
        if not SEES_CHILDREN:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)
        deadline_s = time.monotonic() + KILL_S
        while found := self._living():
            if time.monotonic() > deadline_s:
                return len(found)
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in found:
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, number)
            self._reap()
            time.sleep(0.002)
        return 0

    def _living(self) -> list[int]:
        self._reap()
        return descendants(os.getpid())

    def _say(self, **what: Any) -> None:
        with suppress(BrokenPipeError):
            print(json.dumps(what), file=self._report, flush=True)


def descendants(pid: int) -> list[int]:
    """The children of a process, their children, and so on (Linux)."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{thread}/children") as file:
                    children = [int(child) for child in file.read().split()]
                found += children
                waiting += children
    return found


def _exit_code(status: int) -> int:
    """As shells and containers say it: 128 and the signal for a process that a signal ended."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _own_memory(pid: int) -> int:
    """What a process takes of memory for itself, shared files left out."""
    with suppress(OSError, ValueError), open(f"/proc/{pid}/statm") as file:
        _, resident, shared, *_ = file.read().split()
        return (int(resident) - int(shared)) * _PAGE_BYTES
    return 0


_MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def _wake_on_child_end() -> int:
    """A descriptor that becomes readable when a child ends."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    return readable


def _first_line() -> tuple[bytes, bytes]:
    """The first line of standard input, and the orders that came with it."""
    read = bytearray()
    while b"\n" not in read:
        piece = os.read(0, 1 << 16)
        if not piece:
            sys.exit(1)
        read += piece
    line, _, orders = bytes(read).partition(b"\n")
    return line, orders


def main() -> None:
    """Be the parent of everything, run the command, report."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which the command would inherit
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(int(sys.argv[1]), "w") as report:
        line, orders = _first_line()
        Supervisor(json.loads(line), report).run(orders)


if __name__ == "__main__":
    main()
