"""A command that ends at once keeps its exit code."""

from __future__ import annotations

import threading
from pathlib import Path

from spanscore.instrumentation.container import ContainerSpec
from spanscore.instrumentation.container.process import ProcessBackend


def test_a_command_that_ends_before_it_is_looked_at_is_known_to_have_ended(tmp_path: Path) -> None:
    spec = ContainerSpec(
        name="short",
        image=None,
        command=["true"],
        environment={"PATH": "/usr/bin:/bin"},
        workdir=str(tmp_path),
        stdout=tmp_path / "out",
        stderr=tmp_path / "err",
    )
    for _ in range(12):
        ended = ProcessBackend().run(spec, timeout_s=30, cancelled=threading.Event())
        assert (ended.exit_code, ended.timed_out) == (0, False)
