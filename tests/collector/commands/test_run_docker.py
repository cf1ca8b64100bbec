"""`spanscore run` in containers of a real engine: ways in and out, limits, a killed harness."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import signal
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.container.docker import socket_path
from spanscore.instrumentation.tasks import find
from tests.support.agents.install import NODE, install
from tests.support.images import BASE, containers, image_from
from tests.support.made_task import write_task
from tests.support.model_server import ModelServer, Script, Step, Usage
from tests.support.spanscore_command import Commands, Printed

pytestmark = pytest.mark.docker

USAGE = Usage(1000, 50)
NO_OTHERS = "rm -f /usr/bin/python3* /usr/bin/perl* /usr/bin/node"
ONLY = {
    "python3": "rm -f /usr/bin/perl* /usr/bin/node",
    "perl": "rm -f /usr/bin/python3* /usr/bin/node",
    "node": "rm -f /usr/bin/python3* /usr/bin/perl*",
    "nothing": NO_OTHERS,
}
"""What makes an image in which a forwarder finds this interpreter alone."""

# Asks the model and tells the collector, by what is in every image: busybox.
ASK_AND_TELL = """
post() { busybox wget -q -O - --header 'Content-Type: application/json' --post-data "$2" "$1"; }
post "$OPENAI_BASE_URL/chat/completions" '{"model": "m", "messages": []}' >answer &&
post "$OTEL_EXPORTER_OTLP_ENDPOINT/v1/logs" '{"resourceLogs": [{"scopeLogs": [{"logRecords": [
  {"timeUnixNano": "1790000000000000000", "body": {"stringValue": "from inside"}}]}]}]}' >told
"""

NEEDS_AN_ANSWER = '[verify]\ncommand = ["grep", "usage", "answer"]\n'


def run_in(commands: Commands, image: str, agent: str, task: object, *options: object) -> Printed:
    return commands(
        "run", "--agent", agent, "--model", "m", "--task", task, "--image", image,
        "--format", "json", *options,
    )  # fmt: skip


@pytest.mark.parametrize("program", ["python3", "node", "perl"])
def test_without_a_network_model_and_collector_are_reached_by_whichever_interpreter_there_is(
    tmp_path: Path, program: str
) -> None:
    task = write_task(tmp_path / "task", NEEDS_AN_ANSWER)
    commands = Commands(tmp_path)
    node = {"/usr/bin/node": install(NODE) / "node"} if program == "node" else {}
    with image_from(ONLY[program], node) as image, ModelServer() as model:
        printed = run_in(
            commands, image, "command", task, "--command-line", ASK_AND_TELL,
            "--endpoint", model.url,
        )  # fmt: skip
        [call] = model.model_calls
    assert printed.code == 0, printed.err + printed.out
    [row] = printed.rows
    assert call.usage is not None
    assert row["total_tokens"] == call.usage.input_tokens + call.usage.output_tokens
    assert commands.sql("SELECT body, origin FROM logs WHERE body = 'from inside'") == [
        {"body": "from inside", "origin": "agent"}
    ]


def test_a_way_out_that_was_asked_for_is_on_the_span(tmp_path: Path) -> None:
    engine = str(socket_path())
    task = write_task(tmp_path / "task", '[verify]\ncommand = ["test", "-e", "done"]\n')
    commands = Commands(tmp_path)
    line = f"test -S {engine} && ls /sys/class/net >done"
    for options in ([], ["--docker-socket", "--network", "host"]):
        run_in(
            commands, BASE, "command", task, "--command-line", line,
            "--endpoint", "http://127.0.0.1:9", *options,
        )  # fmt: skip
    facts = {
        "isolation": c.ISOLATION, "network": c.NETWORK, "sockets": c.MOUNTED_SOCKETS,
        "exit_code": c.EXIT_CODE,
    }  # fmt: skip
    columns = ", ".join(f"attributes['{key}'] AS {name}" for name, key in facts.items())
    held, open_ = commands.sql(
        f"SELECT {columns} FROM spans WHERE role = 'container' ORDER BY start_ns"
    )
    assert (held["isolation"], held["network"], held["exit_code"]) == ("network", "none", "1")
    assert engine not in held["sockets"]
    assert (open_["isolation"], open_["network"], open_["exit_code"]) == ("container", "host", "0")
    assert json.loads(open_["sockets"]) == [engine]


def test_an_image_without_an_interpreter_is_told_and_is_nobodys_failure_but_infras(
    tmp_path: Path,
) -> None:
    task = write_task(tmp_path / "task", NEEDS_AN_ANSWER)
    with image_from(ONLY["nothing"], {}) as image:
        printed = run_in(
            Commands(tmp_path), image, "command", task, "--command-line", "true",
            "--endpoint", "http://127.0.0.1:9",
        )  # fmt: skip
    assert printed.code == 4, printed.err
    [row] = printed.rows
    assert (row["failure_class"], row["attributed_to"]) == ("container_start_failed", "infra")


@pytest.mark.parametrize(
    ("task", "failure_class", "blamed"),
    [("outcome-out-of-memory", "out_of_memory", "infra"),
     ("outcome-times-out", "timed_out", "agent")],
)  # fmt: skip
def test_a_container_is_held_to_its_memory_and_its_time(
    tmp_path: Path, task: str, failure_class: str, blamed: str
) -> None:
    commands = Commands(tmp_path)
    script = find(task).script
    assert script is not None
    with ModelServer(script) as model:
        printed = run_in(commands, BASE, "scripted", task, "--endpoint", model.url)
    [row] = printed.rows
    assert (row["failure_class"], row["attributed_to"]) == (failure_class, blamed)
    assert printed.code == {"infra": 4, "agent": 3}[blamed]
    assert row["image_digest"].startswith("sha256:")
    assert row["provisional"] == []
    assert containers(f"{c.RUN_ID}={row['run_id']}") == []


def test_an_image_that_is_nowhere_is_one_sentence_and_exit_code_1(tmp_path: Path) -> None:
    printed = run_in(
        Commands(tmp_path), "localhost:1/no/such", "scripted", "outcome-passes",
        "--endpoint", "http://127.0.0.1:9",
    )  # fmt: skip
    assert printed.code == 1
    assert printed.out == ""
    [sentence] = printed.err.splitlines()
    assert "there is no image 'localhost:1/no/such'" in sentence
    assert sentence.endswith("build it, or name another with --image")


def test_a_killed_harness_leaves_a_known_run_and_a_container_that_the_next_start_removes(
    tmp_path: Path,
) -> None:
    commands = Commands(tmp_path, {"TMPDIR": str(tmp_path)})
    asked = (
        "run", "--agent", "command", "--command-line", "touch begun; sleep 1000", "--model", "m",
        "--task", "outcome-passes", "--image", BASE, "--endpoint", "http://127.0.0.1:9",
    )  # fmt: skip
    run = commands.start(*asked)
    deadline_s = time.monotonic() + 120
    while not list(tmp_path.glob("spanscore-run-*/workspace/begun")):
        assert time.monotonic() < deadline_s
        assert run.poll() is None
        time.sleep(0.1)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    while (tmp_path / "spanscore.duckdb.serve.json").exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    [known] = commands.sql("SELECT run_id, status FROM runs")
    assert known["status"] in ("running", "interrupted")  # for 60 s nobody can tell
    label = f"{c.RUN_ID}={known['run_id']}"
    assert containers(label) == [f"spanscore-{known['run_id']}"]
    again = run_in(
        commands, BASE, "command", "outcome-passes", "--command-line", "true",
        "--endpoint", "http://127.0.0.1:9",
    )  # fmt: skip
    assert f"removed the container spanscore-{known['run_id']}" in again.err
    assert containers(label) == []
    assert not list(tmp_path.glob("spanscore-run-*"))


LIBRARY = {
    "PKG-INFO": "Metadata-Version: 2.1\nName: Tiny\nVersion: 1.2\n",
    "src/tiny.py": "def low(a, b):\n    return min(a, b)\n",
    "tests/test_tiny.py": """\
import os, pathlib, tiny

def test_low():
    assert tiny.low(1, 2) == 1

def test_a_fresh_container_without_network_and_keys():
    assert os.listdir("/sys/class/net") == ["lo"]
    assert not pathlib.Path("/tmp/of-the-agent").exists()
    assert not [name for name in os.environ if "KEY" in name or "TOKEN" in name]
    assert not list(pathlib.Path("/spanscore").rglob("*.sock"))
""",
}


@pytest.fixture
def sdist(tmp_path: Path) -> Path:
    file = tmp_path / "tiny-1.2.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for name, text in LIBRARY.items():
            member = tarfile.TarInfo(f"tiny-1.2/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return file


@pytest.fixture
def image_with_pytest() -> Iterator[str]:
    places = {}
    for name in ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments"):
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        path = Path(found.origin)
        path = path.parent if path.name == "__init__.py" else path
        places[f"/usr/lib/python3/dist-packages/{path.name}"] = path
    with image_from("true", places) as image:
        yield image


def test_a_mutation_task_is_made_and_solved_in_containers_and_judged_in_a_fresh_one(
    tmp_path: Path, sdist: Path, image_with_pytest: str
) -> None:
    commands = Commands(tmp_path, {"A_KEY": "of the harness"})
    made = commands("tasks", "make-mutations", sdist, "--out", "made", "--image", image_with_pytest)
    assert made.code == 0, made.err
    assert "made/tiny-01  src/tiny.py:2: min becomes max  (1 tests fail)" in made.out
    repair = "touch /tmp/of-the-agent; sed -i s/max/min/ src/tiny.py"
    script = Script((Step(USAGE, command=repair), Step(USAGE, text="Repaired.")))
    with ModelServer(script) as model:
        printed = run_in(
            commands, image_with_pytest, "scripted", "made/tiny-01", "--endpoint", model.url
        )
    assert printed.code == 0, printed.err + printed.out
    [row] = printed.rows
    assert (row["pass"], row["partial_score"], row["citable"]) == (1, 1.0, True)
    [verify] = commands.sql(
        f"SELECT attributes['{c.TESTS_PASSED}'] AS passed FROM spans WHERE role = 'verify'"
    )
    assert verify == {"passed": "2"}
