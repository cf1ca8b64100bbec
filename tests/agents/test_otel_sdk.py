"""The lines for any OpenTelemetry SDK, with the Python SDK's exporters."""

from __future__ import annotations

import os
import subprocess
import sys
from uuid import uuid4

import pytest

from spanscore.collector.agent_lines import setup
from tests.support.running_collector import RunningCollector

pytestmark = pytest.mark.agents

PROGRAM = """
from opentelemetry.exporter.otlp.proto.{package}.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
with provider.get_tracer("test").start_as_current_span("one span"):
    pass
provider.shutdown()
"""


@pytest.mark.parametrize("package", ["http", "grpc"])
def test_the_lines_are_all_that_an_sdk_needs(collector: RunningCollector, package: str) -> None:
    endpoints = collector.endpoints
    service = f"sdk-{uuid4().hex}"
    variables = {**setup(endpoints, "otel-sdk").environment, "OTEL_SERVICE_NAME": service}
    if package == "grpc":
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoints.grpc
    program = [sys.executable, "-c", PROGRAM.format(package=package)]
    subprocess.run(program, env={**os.environ, **variables}, check=True, timeout=60)
    collector.settle()
    query = f"SELECT name, origin FROM spans WHERE service_name = '{service}'"
    assert collector.ask(query) == [{"name": "one span", "origin": "open"}]
