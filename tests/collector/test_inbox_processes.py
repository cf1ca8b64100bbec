"""Several processes on one inbox, some of which are killed: nothing is lost, nothing doubled."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from spanscore.collector.inbox import Inbox
from tests.support import inbox_child
from tests.support.inbox_requests import name_of, names_in, read_all

TIMEOUT_S = 60


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.inbox"


def start(path: Path, point: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, inbox_child.__file__, str(path), point, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def run(path: Path, point: str, *arguments: str) -> tuple[list[str], int]:
    """The lines that a child printed before it ended, and how it ended."""
    with start(path, point, *arguments) as child:
        printed, _ = child.communicate(timeout=TIMEOUT_S)
    return printed.splitlines(), child.returncode


def stored_pairs(path: Path) -> list[str]:
    """The appends that are in the inbox, each whole and its two requests side by side."""
    names = names_in(path)
    pairs = [name.removesuffix(" 1") for name in names[::2]]
    assert names == [f"{pair} {half}" for pair in pairs for half in "12"]
    assert len(set(pairs)) == len(pairs)
    return pairs


def check_appended(path: Path, acknowledged: dict[str, list[str]]) -> None:
    """All that was acknowledged is there, in order, and at most one append a child beside it."""
    pairs = stored_pairs(path)
    for name, lines in acknowledged.items():
        stored = [pair for pair in pairs if pair.split()[0] == name]
        assert stored[: len(lines)] == lines
        assert len(stored) <= len(lines) + 1
    with Inbox(path) as inbox:
        assert inbox.counters() == Counter(pair.split()[0] for pair in pairs)


APPENDING = [
    *(f"opcode:{steps}" for steps in range(60, 800, 70)),
    *(f"bytes:{size}" for size in (10, 200_000, 260_000, 330_000, 400_000, 700_000)),
]


def test_a_writer_killed_between_any_two_steps_loses_and_doubles_nothing(path: Path) -> None:
    """One file through all the deaths, the first of them while it is being made."""
    acknowledged = {}
    deaths = 0
    for child, point in enumerate(APPENDING):
        acknowledged[f"c{child}"], status = run(path, point, "append", f"c{child}", "6")
        check_appended(path, acknowledged)
        deaths += status < 0
    assert deaths >= len(APPENDING) - 3
    assert sum(map(len, acknowledged.values())) > len(APPENDING)


@pytest.mark.parametrize("step", range(1, 8))
def test_a_process_killed_while_making_the_file_leaves_none_or_a_whole_one(
    path: Path, step: int
) -> None:
    acknowledged, status = run(path, f"event:{step}", "append", "c", "1")
    assert (status < 0) == (step < 7)
    assert len(acknowledged) == (step == 7)
    check_appended(path, {"c": acknowledged})


def check_standing(path: Path, passed: dict[str, int], last: int) -> None:
    """Every reader stands where it said or later, and finds all that follows."""
    with Inbox(path) as inbox:
        for reader, position in passed.items():
            stands = inbox.register(reader)
            assert stands >= position
            left = [entry.position for entry in read_all(inbox, reader, stands)]
            assert left == list(range(stands + 1, last + 1))


def test_readers_killed_between_any_two_steps_lose_nothing(path: Path) -> None:
    with Inbox(path) as inbox:
        for number in range(20):
            inbox.append(inbox_child.pair("c", number))
        inbox.register("one")
        inbox.register("two")
    passed = {"one": 0, "two": 0}
    for steps in range(130, 1000, 73):
        lines, status = run(path, f"opcode:{steps}", "pass", "one", "two")
        passed.update({line.split()[0]: int(line.split()[1]) for line in lines})
        check_standing(path, passed, last=40)
        assert status < 0 or passed == {"one": 40, "two": 40}
    assert run(path, "never", "pass", "one", "two")[1] == 0
    check_standing(path, {"one": 40, "two": 40}, last=40)
    assert names_in(path) == []


def test_many_writers_and_a_reader_at_once_lose_and_double_nothing(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.register("loader")
        inbox.register("late")
        writers = [start(path, "never", "append", f"w{number}", "60") for number in range(4)]
        seen: list[str] = []
        after = 0
        running = True
        while running:
            running = any(writer.poll() is None for writer in writers)
            for entry in read_all(inbox, "loader", after):
                assert entry.position == after + 1
                after = entry.position
                seen.append(name_of(entry))
            inbox.advance("loader", after)
        late = [name_of(entry) for entry in read_all(inbox, "late")]
    printed = [writer.communicate(timeout=TIMEOUT_S)[0].splitlines() for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4
    assert late == seen
    check_appended(path, {f"w{number}": lines for number, lines in enumerate(printed)})
    assert len(seen) == 4 * 60 * 2


def test_killing_some_of_many_writers_harms_none_of_the_others(path: Path) -> None:
    killed = {
        f"k{after}": start(path, "never", "append", f"k{after}", "9999") for after in (1, 7, 30)
    }
    others = {f"w{number}": start(path, "never", "append", f"w{number}", "30") for number in (1, 2)}
    acknowledged: dict[str, list[str]] = {}
    for name, child in killed.items():
        assert child.stdout
        lines = [child.stdout.readline() for _ in range(int(name[1:]))]
        child.kill()
        acknowledged[name] = "".join([*lines, *child.stdout]).splitlines()
        child.communicate(timeout=TIMEOUT_S)
    for name, child in others.items():
        acknowledged[name] = child.communicate(timeout=TIMEOUT_S)[0].splitlines()
        assert child.returncode == 0
        assert len(acknowledged[name]) == 30
    check_appended(path, acknowledged)
