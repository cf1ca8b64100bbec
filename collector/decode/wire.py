"""Export requests as nested Arrow arrays, through ptars.

ptars reads messages of a fixed shape. The descriptors it is given are those of the installed
opentelemetry-proto in which a few fields are opaque bytes instead of messages, which is the same
on the wire: the recursive values of an AnyValue, because a shape cannot be recursive, and resource
and scope, because their bytes are what tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import ptars
import pyarrow as pa
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    InstrumentationScope,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from spanscore.collector.signals import Signal

_OPAQUE = {
    ".opentelemetry.proto.common.v1.ArrayValue",
    ".opentelemetry.proto.common.v1.KeyValueList",
    ".opentelemetry.proto.common.v1.InstrumentationScope",
    ".opentelemetry.proto.resource.v1.Resource",
}
# ptars holds the interpreter lock for a whole call: 4 requests of 512 spans are about 5 ms.
_REQUESTS_A_CALL = 4


def parse(signal: Signal, bodies: Sequence[bytes]) -> Any:
    """One list of ResourceSpans, ResourceLogs or ResourceMetrics structs for each body.

    Raises ValueError where a body is no such message.
    """
    calls = [
        _parse(signal.request_type, bodies[start : start + _REQUESTS_A_CALL]).column(0)
        for start in range(0, len(bodies), _REQUESTS_A_CALL)
    ]
    return pa.concat_arrays(calls) if len(calls) > 1 else calls[0]


def parse_messages(message_type: type[Message], bodies: Sequence[bytes]) -> Any:
    """A struct array of the messages whose bytes are given; ValueError if one is bad."""
    return _parse(message_type, bodies).to_struct_array()


def _parse(message_type: type[Message], bodies: Sequence[bytes]) -> Any:
    try:
        return _HANDLERS[message_type.DESCRIPTOR.full_name].list_to_record_batch(list(bodies))
    except BaseException as error:
        # ptars panics where a length on the wire overflows; a panic is no Exception.
        if type(error).__name__ == "PanicException":
            raise ValueError(f"broken message: {error}") from error
        raise


def schema_of(message_type: type[Message]) -> Any:
    """The Arrow schema of the messages, as `parse` gives them and `serialize` takes them."""
    return _HANDLERS[message_type.DESCRIPTOR.full_name].schema()


def serialize(message_type: type[Message], columns: Sequence[Any]) -> list[bytes]:
    """The messages whose fields are given as columns of the schema, on the wire."""
    batch = pa.RecordBatch.from_arrays(list(columns), schema=schema_of(message_type))
    bodies: list[bytes] = (
        _HANDLERS[message_type.DESCRIPTOR.full_name].record_batch_to_array(batch).to_pylist()
    )
    return bodies


def canonical(message_type: type[Message], body: bytes) -> bytes:
    """The same message in the one form that protobuf itself would write, known fields only.

    Raises protobuf's DecodeError where it is no such message.
    """
    message = message_type.FromString(body)
    message.DiscardUnknownFields()
    return message.SerializeToString()


def _flat_pool(files: Iterable[Any]) -> DescriptorPool:
    pool = DescriptorPool()
    added: set[str] = set()

    def add(file: Any) -> None:
        if file.name in added:
            return
        added.add(file.name)
        for dependency in file.dependencies:
            add(dependency)
        proto = FileDescriptorProto()
        file.CopyToProto(proto)
        for message in proto.message_type:
            _make_opaque(message)
        pool.AddSerializedFile(proto.SerializeToString())

    for file in files:
        add(file)
    return pool


def _make_opaque(message: DescriptorProto) -> None:
    for field in message.field:
        if field.type_name in _OPAQUE:
            field.type = FieldDescriptorProto.TYPE_BYTES
            field.ClearField("type_name")
            if not field.HasField("oneof_index"):
                # Optional, since an absent resource is not an empty one.
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{field.name}")
    for nested in message.nested_type:
        _make_opaque(nested)


def _handlers() -> dict[str, Any]:
    originals = [
        *(signal.request_type.DESCRIPTOR for signal in Signal),
        Resource.DESCRIPTOR,
        InstrumentationScope.DESCRIPTOR,
        AnyValue.DESCRIPTOR,
        KeyValueList.DESCRIPTOR,
    ]
    flat = _flat_pool(original.file for original in originals)
    names = [original.full_name for original in originals]
    messages = [flat.FindMessageTypeByName(name) for name in names]
    handlers = ptars.HandlerPool([message.file for message in messages])
    return {m.full_name: handlers.get_for_message(m) for m in messages}


_HANDLERS = _handlers()
