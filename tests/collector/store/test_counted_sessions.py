"""An agent that sends metrics alone and names no session has a run for each of its processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal
from tests.support.stored import Stored, stored
from tests.support.telemetry import SECOND_NS, START_NS, key_values

CONTINUE = {"service.name": "continue-cli"}


def export(began_s: float, now_s: float, resource: dict[str, str] | None = None) -> Request:
    """What a process that began at `began_s` exports at `now_s`."""
    began_ns, now_ns = (START_NS + int(s * SECOND_NS) for s in (began_s, now_s))
    counted = {"continue_cli_session_count": (began_ns, 1), "continue_cli_token_usage": (now_ns, 5)}
    metrics = [
        Metric(
            name=name,
            sum=Sum(
                aggregation_temporality=AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE,
                is_monotonic=True,
                data_points=[
                    NumberDataPoint(
                        start_time_unix_nano=start_ns, time_unix_nano=now_ns, as_int=value
                    )
                ],
            ),
        )
        for name, (start_ns, value) in counted.items()
    ]
    message = Signal.METRICS.request_type(
        resource_metrics=[
            ResourceMetrics(
                resource=Resource(attributes=key_values(resource or CONTINUE)),
                scope_metrics=[ScopeMetrics(metrics=metrics)],
            )
        ]
    )
    return Request(Signal.METRICS, "open", time.time_ns(), message.SerializeToString())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Stored]:
    with stored(tmp_path) as opened:
        yield opened


RUNS = "SELECT run_id, count(*) FROM metric_points GROUP BY run_id ORDER BY run_id"


def test_each_process_is_a_run(store: Stored) -> None:
    store.put(export(0, 1), export(0, 2), export(60, 61))
    first, second = (f"continue-cli-{START_NS + s * SECOND_NS}" for s in (0, 60))
    assert store.ask(RUNS) == [(first, 4), (second, 2)]


def test_processes_at_the_same_time_cannot_be_told_apart_and_are_not_merged(
    store: Stored,
) -> None:
    store.put(export(0, 10), export(5, 15))
    assert store.ask(RUNS) == [(None, 4)]


def test_a_run_that_is_named_is_that_run(store: Stored) -> None:
    store.put(export(0, 1, CONTINUE | {"spanscore.run.id": "r1"}))
    assert store.ask(RUNS) == [("r1", 2)]
    assert store.one("SELECT count(*) FROM conversation") == 0
