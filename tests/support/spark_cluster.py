"""A Spark standalone cluster on loopback: a master and two workers of one core, each a process."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
WORKERS = 2
_START_S = 120.0


@contextmanager
def cluster_session(folder: Path, executor_memory: str = "900m") -> Iterator[SparkSession]:
    """A session on a cluster of its own, which works below `folder`."""
    with spark_cluster(folder, "4g") as master:
        session = (
            SparkSession.builder.master(master)
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.memory", "2g")
            .config("spark.executor.memory", executor_memory)
            .config("spark.local.dir", str(folder))
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.log.level", "ERROR")
            .getOrCreate()
        )
        try:
            yield session
        finally:
            session.stop()


@contextmanager
def spark_cluster(folder: Path, worker_memory: str = "2g") -> Iterator[str]:
    """Start a cluster that works below `folder`; gives the master's URL, and ends it."""
    with ExitStack() as running:
        printed = _start(
            running, folder, "master", "org.apache.spark.deploy.master.Master",
            "--host", "127.0.0.1", "--port", "0", "--webui-port", "0",
        )  # fmt: skip
        url = _wait_for(printed, r"Starting Spark master at (spark://\S+)")
        for number in range(WORKERS):
            printed = _start(
                running, folder, f"worker-{number}", "org.apache.spark.deploy.worker.Worker",
                "--host", "127.0.0.1", "--port", "0", "--webui-port", "0", "--cores", "1",
                "--memory", worker_memory, "--work-dir", str(folder / f"work-{number}"), url,
            )  # fmt: skip
            _wait_for(printed, r"(Successfully registered with master)")
        yield url


def _start(running: ExitStack, folder: Path, name: str, *command: str) -> Path:
    printed = folder / f"{name}.log"
    output = running.enter_context(printed.open("wb"))
    process = subprocess.Popen(
        [SPARK_CLASS, *command],
        stdout=output,
        stderr=output,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(folder)},
    )

    def stop() -> None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    running.callback(stop)
    return printed


def _wait_for(printed: Path, pattern: str) -> str:
    deadline_s = time.monotonic() + _START_S
    while not (found := re.search(pattern, printed.read_text(errors="replace"))):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited for {pattern}:\n{printed.read_text(errors='replace')}")
        time.sleep(0.2)
    return found[1]
