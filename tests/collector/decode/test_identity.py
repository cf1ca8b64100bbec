"""Resources and scopes are rows of their own, one for each that differs."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from spanscore.collector.signals import Signal

from .tables import Row, decode_messages


def _resource(**attributes: str) -> Resource:
    pairs = attributes.items()
    return Resource(
        attributes=[
            KeyValue(key=key.replace("_", "."), value=AnyValue(string_value=text))
            for key, text in pairs
        ]
    )


def _request(resource: Resource | None, schema_url: str = "", *, spans: int = 1) -> Any:
    request: Any = Signal.TRACES.request_type()
    part = request.resource_spans.add(resource=resource, schema_url=schema_url)
    for _ in range(spans):
        part.scope_spans.add().spans.add()
    return request


def _only_resource(resource: Resource) -> Row:
    [row] = decode_messages(Signal.TRACES, _request(resource)).resources.to_pylist()
    return dict(row)


def test_equal_resources_of_a_batch_are_one_row_that_all_their_spans_name() -> None:
    resource = _resource(service_name="agent")
    batch = decode_messages(Signal.TRACES, _request(resource, spans=2), _request(resource))
    [row] = batch.resources.to_pylist()
    assert batch.records["resource_id"].to_pylist() == [row["resource_id"]] * 3


def test_a_resource_has_the_same_id_in_every_batch_and_signal() -> None:
    logs: Any = Signal.LOGS.request_type()
    part = logs.resource_logs.add(resource=_resource(service_name="agent"))
    part.scope_logs.add().log_records.add()
    of_logs = decode_messages(Signal.LOGS, logs).records["resource_id"].to_pylist()
    assert of_logs == [_only_resource(_resource(service_name="agent"))["resource_id"]]


def test_absent_empty_and_filled_resources_and_their_schemas_are_told_apart() -> None:
    resources = [None, Resource(), _resource(service_name="a"), _resource(service_name="b")]
    requests = [_request(resource, url) for resource in resources for url in ("", "https://s")]
    rows = decode_messages(Signal.TRACES, *requests).resources.to_pylist()
    assert len({row["resource_id"] for row in rows}) == len(rows) == 8
    assert {row["schema_url"] for row in rows} == {None, "https://s"}
    assert {row["raw"] for row in rows} == {
        None if resource is None else resource.SerializeToString() for resource in resources
    }


def test_a_resource_that_was_seen_before_gives_the_same_row_again() -> None:
    resource = _resource(service_name="again", a="b")
    assert _only_resource(resource) == _only_resource(resource)


def test_a_resource_without_records_leaves_no_row() -> None:
    batch = decode_messages(Signal.TRACES, _request(_resource(service_name="a"), spans=0))
    assert (batch.records.num_rows, batch.resources.num_rows, batch.scopes.num_rows) == (0, 0, 0)


def test_the_attributes_that_tell_the_run_are_columns_of_the_resource() -> None:
    row = _only_resource(
        _resource(
            service_name="agent",
            service_instance_id="i",
            spanscore_run_id="r",
            spanscore_cell_id="c",
            spanscore_sweep_id="s",
            opencode_run="o",
        )
    )
    assert {name: row[name] for name in row if name.endswith(("_name", "_id", "_run"))} == {
        "resource_id": row["resource_id"],
        "service_name": "agent",
        "service_instance_id": "i",
        "run_id": "r",
        "cell_id": "c",
        "sweep_id": "s",
        "session_id": None,
        "opencode_run": "o",
    }


@pytest.mark.parametrize(
    ("attributes", "session"),
    [
        ({"conversation_id": "c", "session_id": "s", "gen_ai_conversation_id": "g"}, "s"),
        ({"conversation_id": "c", "session_id": ""}, "c"),
        ({"gen_ai_conversation_id": "g"}, None),
    ],
)
def test_the_session_is_the_first_id_that_is_there(
    attributes: dict[str, str], session: str | None
) -> None:
    assert _only_resource(_resource(**attributes))["session_id"] == session


def test_a_conversation_id_of_the_gen_ai_conventions_names_the_session_too() -> None:
    key = KeyValue(key="gen_ai.conversation.id", value=AnyValue(string_value="g"))
    assert _only_resource(Resource(attributes=[key]))["session_id"] == "g"


def test_an_empty_service_name_is_null() -> None:
    row = _only_resource(_resource(service_name=""))
    assert row["service_name"] is None
    assert row["attributes"] == [("service.name", "")]


def test_a_scope_is_a_row_with_its_name_version_and_attributes() -> None:
    scope = InstrumentationScope(
        name="n",
        version="v",
        attributes=[KeyValue(key="k", value=AnyValue(int_value=1))],
        dropped_attributes_count=2,
    )
    request: Any = Signal.TRACES.request_type()
    part = request.resource_spans.add().scope_spans.add(scope=scope, schema_url="u")
    part.spans.add()
    batch = decode_messages(Signal.TRACES, request)
    [row] = batch.scopes.to_pylist()
    assert batch.records["scope_id"].to_pylist() == [row.pop("scope_id")]
    assert row == {
        "name": "n",
        "version": "v",
        "attributes": [("k", "1")],
        "attribute_types": "i",
        "attributes_raw": None,
        "dropped_attributes_count": 2,
        "schema_url": "u",
        "raw": scope.SerializeToString(),
    }
