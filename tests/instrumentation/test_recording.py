"""A run as spans: what the library sends for a run and its phases."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spanscore.collector.otlp_files import requests_in
from spanscore.instrumentation import Collector, Role, Run
from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import PARENTS
from spanscore.instrumentation.telemetry import TelemetryError
from tests.support.otlp_sink import OtlpSink, values


def _run(sink: OtlpSink, tmp_path: Path, **given: Any) -> Run:
    collector = Collector(sink.url, harness_token="harness.token", agent_token="agent.token")
    return Run(
        agent="mine",
        model="m",
        task="t",
        collector=collector,
        spool=tmp_path / "spool" / "run.pb",
        **given,
    )


def _by_role(sink: OtlpSink) -> dict[str, Any]:
    return {values(span.attributes)[c.ROLE]: span for span in sink.spans}


def _all_phases(run: Run) -> None:
    with run.phase("task_setup"):
        pass
    with run.phase("adapter_run") as adapter:
        with run.phase("apply_plugins"):
            pass
        with run.phase("container"):
            pass
        adapter.set({c.EXIT_CODE: 0, c.EXIT_REASON: None})
    for role in ("workspace_diff", "verify", "cleanup"):
        with run.phase(role):
            pass


def test_each_phase_is_a_span_below_the_phase_that_the_conventions_name(tmp_path: Path) -> None:
    with OtlpSink() as sink, _run(sink, tmp_path) as run:
        _all_phases(run)
    found = _by_role(sink)
    assert set(found) == set(Role) - {Role.MODEL_CALL, Role.TOOL_CALL}
    for role, span in found.items():
        parent = PARENTS[Role(role)]
        assert span.parent_span_id == (found[parent].span_id if parent else b"")
    assert found["adapter_run"].name == "invoke_agent mine"
    assert found["verify"].name == "verify t"
    assert len({span.trace_id for span in sink.spans}) == 1


def test_every_span_and_record_carries_the_ids_of_the_run_on_its_resource(tmp_path: Path) -> None:
    with OtlpSink() as sink, _run(sink, tmp_path, run_id="r1", sweep_id="s1") as run:
        _all_phases(run)
    for resource in sink.resources:
        assert (resource[c.RUN_ID], resource[c.CELL_ID]) == ("r1", "mine/m/t")
        assert resource[c.SWEEP_ID] == "s1"
    assert sink.tokens == {"harness.token"}


def test_a_start_record_with_the_ids_of_the_span_comes_as_a_phase_opens(tmp_path: Path) -> None:
    with OtlpSink() as sink, _run(sink, tmp_path) as run, run.phase("task_setup"):
        run.telemetry.flush()
        [root, setup] = sink.records
        assert sink.spans == []
    spans = _by_role(sink)
    assert [root.span_id, setup.span_id] == [
        spans["cell_run"].span_id,
        spans["task_setup"].span_id,
    ]
    assert setup.event_name == c.SPAN_START_EVENT
    assert values(root.attributes)[c.AGENT_NAME] == "mine"
    assert setup.time_unix_nano == spans["task_setup"].start_time_unix_nano


def test_a_phase_can_take_the_times_that_the_runtime_reports(tmp_path: Path) -> None:
    with (
        OtlpSink() as sink,
        _run(sink, tmp_path) as run,
        run.phase("adapter_run"),
        run.phase("container") as container,
    ):
        container.took(1_000_000_000, 2_000_000_000)
    span = _by_role(sink)["container"]
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (10**9, 2 * 10**9)


def test_an_exception_in_a_phase_is_an_error_of_the_harness(tmp_path: Path) -> None:
    with (
        OtlpSink() as sink,
        pytest.raises(OSError, match="disk"),
        _run(sink, tmp_path) as run,
        run.phase("task_setup"),
    ):
        raise OSError("the disk is full")
    span = _by_role(sink)["task_setup"]
    assert values(span.attributes)[c.HARNESS_ERROR] == "the disk is full"
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert c.HARNESS_ERROR not in values(_by_role(sink)["cell_run"].attributes)


def test_success_leaves_the_status_unset_and_unknown_attributes_out(tmp_path: Path) -> None:
    with OtlpSink() as sink, _run(sink, tmp_path) as run:
        _all_phases(run)
    assert {span.status.code for span in sink.spans} == {0}
    given = values(_by_role(sink)["adapter_run"].attributes)
    assert given[c.EXIT_CODE] == 0
    assert c.EXIT_REASON not in given


def test_ctrl_c_within_a_run_is_recorded_as_the_operators(tmp_path: Path) -> None:
    with OtlpSink() as sink, pytest.raises(KeyboardInterrupt), _run(sink, tmp_path):
        raise KeyboardInterrupt
    assert values(_by_role(sink)["cell_run"].attributes)[c.CANCELLED_BY] == "SIGINT"


def test_no_limit_of_the_sdk_cuts_a_span(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2")
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2")
    many = {f"k{n}": "a long value" for n in range(300)}
    with OtlpSink() as sink, _run(sink, tmp_path, attributes=many):
        pass
    [span] = sink.spans
    assert many.items() <= values(span.attributes).items()
    assert span.dropped_attributes_count == 0


def test_the_environment_for_the_agent_has_its_own_token_and_the_runs_ids(tmp_path: Path) -> None:
    with OtlpSink() as sink, _run(sink, tmp_path, run_id="r1", cell_id="a, b=c") as run:
        given = run.agent_environment
    assert given["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"{sink.url}/o/agent.token"
    assert given["OTEL_RESOURCE_ATTRIBUTES"] == (
        "spanscore.run.id=r1,spanscore.cell.id=a%2C%20b%3Dc"
    )
    assert "harness.token" not in str(given)


def test_a_phase_outside_of_its_parent_is_refused_with_the_parents_name(tmp_path: Path) -> None:
    with OtlpSink() as sink, _run(sink, tmp_path) as run:
        with pytest.raises(RuntimeError, match="belongs into adapter_run"):
            run.phase("container").__enter__()
        with pytest.raises(ValueError, match="nonsense"):
            run.phase("nonsense")


def test_a_dead_collector_leaves_everything_in_a_file_for_its_owner(tmp_path: Path) -> None:
    said: list[str] = []
    with OtlpSink(status=404) as sink, _run(sink, tmp_path, tell=said.append) as run:
        _all_phases(run)
    file = tmp_path / "spool" / "run.pb"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(list(requests_in(file, 1 << 20))) >= 2
    assert len(said) == 2
    assert f"spanscore import {file}" in said[1]
    assert c.SPANS_DROPPED not in run.root.attributes


def test_what_was_kept_is_sent_when_the_collector_answers_again(tmp_path: Path) -> None:
    said: list[str] = []
    with OtlpSink(status=404) as sink, _run(sink, tmp_path, tell=said.append) as run:
        with run.phase("task_setup"):
            pass
        run.telemetry.flush()
        assert (tmp_path / "spool" / "run.pb").exists()
        sink.status = 200
    assert sorted(_by_role(sink)) == ["cell_run", "task_setup"]
    assert len(sink.spans) == 2
    assert len(sink.records) == 2
    assert not (tmp_path / "spool" / "run.pb").exists()
    assert len(said) == 1


def test_a_spool_that_cannot_be_written_is_told_and_counted(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    said: list[str] = []
    with (
        OtlpSink(status=404) as sink,
        _run(sink, tmp_path, tell=said.append) as run,
        run.phase("task_setup"),
    ):
        pass
    assert run.root.attributes[c.SPANS_DROPPED] == 1
    assert "telemetry is lost" in said[0]


def test_a_switched_off_sdk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with OtlpSink() as sink, pytest.raises(TelemetryError, match="unset"):
        _run(sink, tmp_path)


def test_the_library_can_be_imported_without_the_parts_of_the_server() -> None:
    script = (
        "import sys; import spanscore.instrumentation; "
        "sys.exit(bool({'duckdb', 'pyarrow', 'grpc', 'aiohttp'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
