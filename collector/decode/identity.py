"""Resources and scopes: numbered by content, decoded once, one row each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from .arrays import none_if_empty, signed
from .attributes import TRIPLE, Attributes
from .typed_columns import TypedColumn
from .wire import canonical, parse_messages

_TAIL = [
    *TRIPLE,
    ("dropped_attributes_count", pa.int64()),
    ("schema_url", pa.string()),
    ("raw", pa.binary()),
]
_RESOURCE_KEYS = {
    "service_name": ("service.name",),
    "service_instance_id": ("service.instance.id",),
    "run_id": ("spanscore.run.id",),
    "cell_id": ("spanscore.cell.id",),
    "sweep_id": ("spanscore.sweep.id",),
    "session_id": ("session.id", "conversation.id", "gen_ai.conversation.id"),
    "opencode_run": ("opencode.run",),
}
_KEYS = tuple(key for keys in _RESOURCE_KEYS.values() for key in keys)
_KEY_COLUMNS = tuple(TypedColumn(key, key, "VARCHAR", frozenset({"resource"})) for key in _KEYS)
RESOURCE = pa.schema(
    [("resource_id", pa.int64()), *((name, pa.string()) for name in _RESOURCE_KEYS), *_TAIL]
)
SCOPE = pa.schema(
    [("scope_id", pa.int64()), ("name", pa.string()), ("version", pa.string()), *_TAIL]
)


class Identity(NamedTuple):
    """What makes a resource or a scope: its bytes (None: absent) and its container's schema."""

    raw: bytes | None
    schema_url: str


def identity_number(identity: Identity) -> int:
    """A signed 64-bit number that is the same wherever the same resource or scope comes."""
    raw, schema_url = identity
    digest = blake2b(b"" if raw is None else len(raw).to_bytes(8) + raw)
    digest.update(schema_url.encode())
    return int.from_bytes(digest.digest()[:8], signed=True)


def resource_table(identities: Mapping[int, Identity]) -> Any:
    """Rows of the table `resource`; raises protobuf's DecodeError where bytes are none."""
    return _RESOURCES.table(identities)


def scope_table(identities: Mapping[int, Identity]) -> Any:
    """Rows of the table `scope`; raises protobuf's DecodeError where bytes are none."""
    return _SCOPES.table(identities)


def _own_resource_columns(_: Any, attributes: Attributes) -> list[Any]:
    texts = attributes.typed(_KEY_COLUMNS)
    by_key = {key: none_if_empty(column) for key, column in texts.items()}
    return [pc.coalesce(*(by_key[key] for key in keys)) for keys in _RESOURCE_KEYS.values()]


def _own_scope_columns(scopes: Any, _: Attributes) -> list[Any]:
    return [none_if_empty(scopes.field(name)) for name in ("name", "version")]


class _Rows:
    """Makes the rows of one of the two tables and keeps small ones, since resources repeat."""

    _MAX_ROWS = 1024
    _MAX_TABLE_BYTES = 64 * 1024

    def __init__(
        self,
        schema: Any,
        message_type: type[Message],
        own_columns: Callable[[Any, Attributes], list[Any]],
    ) -> None:
        self._schema = schema
        self._message_type = message_type
        self._own_columns = own_columns
        self._known: dict[int, Any] = {}

    def table(self, identities: Mapping[int, Identity]) -> Any:
        rows = {number: self._known.get(number) for number in identities}
        missing = {number: identities[number] for number, row in rows.items() if row is None}
        tables = [row for row in rows.values() if row is not None]
        if missing:
            table = self._decode(missing)
            tables.append(table)
            self._remember(missing, table)
        return pa.concat_tables(tables) if tables else self._schema.empty_table()

    def _remember(self, numbers: Iterable[int], table: Any) -> None:
        if table.num_rows > self._MAX_ROWS or table.nbytes > self._MAX_TABLE_BYTES:
            return
        if len(self._known) + table.num_rows > self._MAX_ROWS:
            self._known.clear()
        for index, number in enumerate(numbers):
            self._known[number] = table.slice(index, 1)

    def _decode(self, identities: Mapping[int, Identity]) -> Any:
        raws = [identity.raw for identity in identities.values()]
        messages, attributes = self._parse([raw or b"" for raw in raws])
        schema_urls = pa.array([identity.schema_url for identity in identities.values()])
        columns = [
            pa.array(identities, pa.int64()),
            *self._own_columns(messages, attributes),
            *attributes.columns().values(),
            signed(messages.field("dropped_attributes_count")),
            none_if_empty(schema_urls),
            pa.array(raws, pa.binary()),
        ]
        return pa.table(columns, schema=self._schema)

    def _parse(self, raws: list[bytes]) -> tuple[Any, Attributes]:
        try:
            messages = parse_messages(self._message_type, raws)
            return messages, Attributes(messages.field("attributes"))
        except ValueError:
            raws = [canonical(self._message_type, raw) for raw in raws]
            messages = parse_messages(self._message_type, raws)
            return messages, Attributes(messages.field("attributes"))


_RESOURCES = _Rows(RESOURCE, Resource, _own_resource_columns)
_SCOPES = _Rows(SCOPE, InstrumentationScope, _own_scope_columns)
