"""What a harness that was killed leaves on a disk is removed, and nothing else."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from spanscore.instrumentation.container.owner import owner
from spanscore.instrumentation.workplace import Workplace, remove_leftovers


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _left_by_a_dead_harness() -> Path:
    """A workplace of this machine whose harness is gone."""
    with subprocess.Popen(["true"]) as gone:
        machine, boot, _, _ = owner().split("/")
    place = Workplace()
    (place.folder / "owner").write_text(f"{machine}/{boot}/{gone.pid}/1")
    return place.folder


def test_only_what_a_dead_harness_left_is_removed() -> None:
    left, living = _left_by_a_dead_harness(), Workplace()
    (left / "home" / "locked").mkdir(mode=0)
    assert remove_leftovers() == [f"folder {left}"]
    assert not left.exists()
    assert living.home.is_dir()


def test_a_folder_of_another_user_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    left = _left_by_a_dead_harness()
    somebody = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: somebody)
    assert remove_leftovers() == []
    assert left.is_dir()
