"""Nothing that OTLP carries is dropped: every field has a home, by reflection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from spanscore.collector.decode.batch import SCHEMAS
from spanscore.collector.decode.identity import RESOURCE, SCOPE
from spanscore.collector.decode.typed_columns import typed_columns

from .fields import FieldPath, field_paths
from .tables import RECORD_TABLES, decode_messages

_ROWS = "rows"
_LINES = Path(__file__).with_name("homes.tsv").read_text("utf-8").splitlines()
HOMES = dict(line.split("\t") for line in _LINES if not line.startswith("#"))
assert HOMES.pop("field") == "columns"

PATHS = [path for path in field_paths() if HOMES.get(path.name) != _ROWS]

# Columns that the collector adds, or derives from others.
DERIVED = {
    *("received_ns", "origin", "duration_ns", "resource_id", "scope_id"),
    *("service_name", "service_instance_id", "run_id", "cell_id", "sweep_id", "session_id"),
    *("opencode_run", "raw"),
    *(column.column for table in RECORD_TABLES.values() for column in typed_columns(table)),
}


def _homes(path: FieldPath) -> set[str]:
    return set(HOMES[path.name].format(path.holder).split())


@pytest.mark.parametrize("path", PATHS, ids=lambda path: "-".join(f.name for f in path.fields))
def test_setting_a_field_changes_the_columns_that_are_its_home_and_no_others(
    path: FieldPath,
) -> None:
    unset, filled = (_cells(path, is_set=is_set) for is_set in (False, True))
    changed = {name for name in unset | filled if unset.get(name) != filled.get(name)}
    homes = _homes(path)
    if path.brings_columns:
        assert homes <= changed
    else:
        assert {name for name in changed if name in homes or not _is_derived(name)} == homes


def test_the_list_of_homes_names_exactly_the_fields_of_otlp() -> None:
    assert set(HOMES) == {path.name for path in field_paths()}


def test_each_column_is_the_home_of_a_field_or_derived() -> None:
    homes = set().union(*(_homes(path) for path in PATHS))
    columns = {
        name
        for signal, table in RECORD_TABLES.items()
        for name in (*_columns(table, SCHEMAS[signal]), *_columns("resource", RESOURCE))
    } | set(_columns("scope", SCOPE))
    assert homes <= columns
    assert {name for name in columns - homes if not _is_derived(name)} == set()


def _is_derived(name: str) -> bool:
    return name.rpartition(".")[2] in DERIVED


def _cells(path: FieldPath, *, is_set: bool) -> dict[str, Any]:
    """The values of the one record, resource and scope by column; of lists, field by field."""
    batch = decode_messages(path.signal, path.message(is_set=is_set))
    tables = {
        RECORD_TABLES[path.signal]: batch.records,
        "resource": batch.resources,
        "scope": batch.scopes,
    }
    cells: dict[str, Any] = {}
    for table, rows in tables.items():
        [row] = rows.to_pylist()
        for field in rows.schema:
            name, value = f"{table}.{field.name}", row[field.name]
            cells[name] = len(value) if value and _is_structs(field.type) else value
            if _is_structs(field.type):
                for part in field.type.value_type:
                    cells[f"{name}.{part.name}"] = [item[part.name] for item in value or ()]
    return cells


def _columns(table: str, schema: Any) -> Iterator[str]:
    for field in schema:
        yield f"{table}.{field.name}"
        if _is_structs(field.type):
            yield from (f"{table}.{field.name}.{part.name}" for part in field.type.value_type)


def _is_structs(arrow_type: Any) -> bool:
    return bool(pa.types.is_list(arrow_type) and pa.types.is_struct(arrow_type.value_type))
