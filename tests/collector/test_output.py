"""The same result as JSON, CSV, Arrow and Parquet, byte by byte, for every type."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
from collections.abc import Iterator
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanscore.collector.output import Format, OutputError, encode, write_result
from spanscore.collector.store.query import QueryLimits, QueryResult, harden, run_query

# (a literal, its JSON, its CSV cell)
VALUES = [
    ("NULL", "null", ""),
    ("true", "true", "true"),
    ("(-128)::TINYINT", "-128", "-128"),
    ("9223372036854775807::BIGINT", "9223372036854775807", "9223372036854775807"),
    ("18446744073709551615::UBIGINT", "18446744073709551615", "18446744073709551615"),
    (
        "'-170141183460469231731687303715884105728'::HUGEINT",
        "-170141183460469231731687303715884105728",
        "-170141183460469231731687303715884105728",
    ),
    ("sum(9223372036854775807) OVER ()", "9223372036854775807", "9223372036854775807"),
    ("0.1::DOUBLE", "0.1", "0.1"),
    ("0.1::FLOAT", "0.1", "0.1"),
    ("1e300", "1e+300", "1e+300"),
    ("1.0::DOUBLE", "1.0", "1.0"),
    ("'nan'::DOUBLE", '"NaN"', "NaN"),
    ("'inf'::DOUBLE", '"Infinity"', "Infinity"),
    ("'-inf'::FLOAT", '"-Infinity"', "-Infinity"),
    ("1.50::DECIMAL(9, 2)", "1.50", "1.50"),
    ("0.0000000001::DECIMAL(38, 10)", "0.0000000001", "0.0000000001"),
    ("'text'", '"text"', "text"),
    ("''", '""', '""'),
    ("'NULL'", '"NULL"', "NULL"),
    ("'a,b'", '"a,b"', '"a,b"'),
    ("'say \"hi\"'", '"say \\"hi\\""', '"say ""hi"""'),
    ("'two\nlines'", '"two\\nlines"', '"two\nlines"'),
    ("'é漢😀'", '"é漢😀"', "é漢😀"),
    ("chr(0) || chr(27)", '"\\u0000\\u001b"', "\0\x1b"),
    ("'4bf92f3577b34da6'", '"4bf92f3577b34da6"', "4bf92f3577b34da6"),
    ("'\\x00\\xFFa'::BLOB", '"AP9h"', "AP9h"),
    ("DATE '2026-01-02'", '"2026-01-02"', "2026-01-02"),
    ("DATE '0044-03-15 (BC)'", '"-0043-03-15"', "-0043-03-15"),
    ("'infinity'::DATE", '"infinity"', "infinity"),
    ("TIME '01:02:03.4'", '"01:02:03.400000"', "01:02:03.400000"),
    (
        "TIMESTAMP '2026-01-02 03:04:05.6'",
        '"2026-01-02T03:04:05.600000"',
        "2026-01-02T03:04:05.600000",
    ),
    ("'-infinity'::TIMESTAMP", '"-infinity"', "-infinity"),
    (
        "TIMESTAMP_NS '2026-01-02 03:04:05.123456789'",
        '"2026-01-02T03:04:05.123456789"',
        "2026-01-02T03:04:05.123456789",
    ),
    (
        "TIMESTAMPTZ '2026-01-02 03:04:05+02'",
        '"2026-01-02T01:04:05.000000Z"',
        "2026-01-02T01:04:05.000000Z",
    ),
    ("INTERVAL '14 months 3 days 4.5 seconds'", '"P14M3DT4.5S"', "P14M3DT4.5S"),
    ("INTERVAL '-1 seconds'", '"P0M0DT-1S"', "P0M0DT-1S"),
    (
        "'ffffffff-ffff-ffff-ffff-ffffffffffff'::UUID",
        '"ffffffff-ffff-ffff-ffff-ffffffffffff"',
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ),
    ("'b'::ENUM ('a', 'b')", '"b"', "b"),
    ("[1, NULL, 3]", "[1,null,3]", '"[1,null,3]"'),
    ("[]::INT[]", "[]", "[]"),
    ("[[1], [], NULL]", "[[1],[],null]", '"[[1],[],null]"'),
    ("['1.5', 'nan', 'inf']::DOUBLE[]", '[1.5,"NaN","Infinity"]', '"[1.5,""NaN"",""Infinity""]"'),
    ("[1, 2]::INT[2]", "[1,2]", '"[1,2]"'),
    ("{'a': 1, 'b': 'x'}", '{"a":1,"b":"x"}', '"{""a"":1,""b"":""x""}"'),
    ("{'a': {'b': [DATE '2026-01-02']}}", '{"a":{"b":["2026-01-02"]}}', None),
    ("MAP {'k': 'v', 'n': NULL}", '{"k":"v","n":null}', '"{""k"":""v"",""n"":null}"'),
    ("MAP {}::MAP(VARCHAR, VARCHAR)", "{}", "{}"),
    ("MAP {1: [2]}", '{"1":[2]}', '"{""1"":[2]}"'),
    ("[MAP {'k': 1}, NULL]", '[{"k":1},null]', '"[{""k"":1},null]"'),
    ("[{'time_ns': 1, 'attributes': MAP {'k': 'v'}}]", None, None),
    ("union_value(n := 5)", "5", "5"),
]


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        harden(connection)
        yield connection


def ask(database: duckdb.DuckDBPyConnection, sql: str) -> QueryResult:
    return run_query(database, sql, QueryLimits(seconds=20))


def written(result: QueryResult, form: Format) -> tuple[bytes, str]:
    """What goes to standard output and to standard error."""
    output, notes = io.BytesIO(), io.StringIO()
    stream = io.TextIOWrapper(output, encoding="utf-8")
    write_result(result, form, stream, notes)
    stream.detach()
    return output.getvalue(), notes.getvalue()


@pytest.mark.parametrize(("literal", "as_json", "as_csv"), VALUES)
def test_each_type_has_one_form_in_json_and_csv(
    literal: str, as_json: str | None, as_csv: str | None, database: duckdb.DuckDBPyConnection
) -> None:
    result = ask(database, f"SELECT {literal} AS v")
    output, _ = written(result, "json")
    assert json.loads(output)
    if as_json is not None:
        assert output.decode() == f'[\n{{"v":{as_json}}}\n]\n'
    if as_csv is not None:
        assert written(result, "csv")[0].decode() == f"v\n{as_csv}\n"


@pytest.mark.parametrize(("literal", "as_json"), [value[:2] for value in VALUES])
def test_a_value_is_the_same_beside_nulls_and_in_a_list(
    literal: str, as_json: str | None, database: duckdb.DuckDBPyConnection
) -> None:
    rows = f"(SELECT {literal} AS v) UNION ALL (SELECT NULL) UNION ALL (SELECT {literal})"
    output = written(ask(database, f"WITH t AS ({rows}) SELECT v, [v, NULL] AS l FROM t"), "json")
    lines = output[0].decode().splitlines()[1:-1]
    alone = as_json or json.dumps(json.loads(lines[0].rstrip(","))["v"], separators=(",", ":"))
    full = f'{{"v":{alone},"l":[{alone},null]}}'
    assert lines == [f"{full},", '{"v":null,"l":[null,null]},', full]


def test_an_empty_result_is_an_empty_document(database: duckdb.DuckDBPyConnection) -> None:
    result = ask(database, "SELECT 1 AS a, 'x' AS \"b,c\" WHERE false")
    assert written(result, "json")[0] == b"[]\n"
    assert written(result, "csv")[0] == b'a,"b,c"\n'
    with pa.ipc.open_stream(written(result, "arrow")[0]) as reader:
        assert reader.read_all().schema.names == ["a", "b,c"]
    assert pq.read_table(io.BytesIO(written(result, "parquet")[0])).num_rows == 0


def test_rows_of_many_batches_make_one_document(database: duckdb.DuckDBPyConnection) -> None:
    result = ask(database, "SELECT range AS n, MAP {'k': range} AS m FROM range(30000)")
    assert len(result.batches) > 1
    rows = [{"n": n, "m": {"k": n}} for n in range(30_000)]
    assert json.loads(written(result, "json")[0]) == rows
    assert written(result, "csv")[0].decode().splitlines()[1:] == [
        f'{n},"{{""k"":{n}}}"' for n in range(30_000)
    ]


@pytest.mark.parametrize("start", [0, 1, 2])
def test_a_slice_of_a_batch_shows_its_own_rows(start: int) -> None:
    values = {
        "list": pa.array([[1], None, [2, 3], []]),
        "map": pa.array([[("a", 1)], None, [("b", 2), ("c", 3)], []], pa.map_("str", pa.int64())),
        "array": pa.array([[1, 2], None, [3, 4], [5, 6]], pa.list_(pa.int64(), 2)),
        "struct": pa.array([{"a": [1]}, None, {"a": [2, 3]}, {"a": None}]),
        "text": pa.array(["a", None, "c", ""]),
    }
    rows = [
        {"list": [1], "map": {"a": 1}, "array": [1, 2], "struct": {"a": [1]}, "text": "a"},
        dict.fromkeys(values),
        {
            "list": [2, 3],
            "map": {"b": 2, "c": 3},
            "array": [3, 4],
            "struct": {"a": [2, 3]},
            "text": "c",
        },
        {"list": [], "map": {}, "array": [5, 6], "struct": {"a": None}, "text": ""},
    ]
    batch = pa.RecordBatch.from_pydict(values)
    for length in range(1, 5 - start):
        result = QueryResult(batch.schema, [batch.slice(start, length)])
        assert json.loads(written(result, "json")[0]) == rows[start : start + length]


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_binary_formats_keep_every_value(form: Format, database: duckdb.DuckDBPyConnection) -> None:
    # Parquet has neither intervals of months nor unions.
    kept = [literal for literal, *_ in VALUES if not literal.startswith(("INTERVAL", "union"))]
    columns = ", ".join(f"{literal} AS c{n}" for n, literal in enumerate(kept))
    result = ask(database, f"SELECT {columns}")
    output, _ = written(result, form)
    if form == "arrow":
        with pa.ipc.open_stream(output) as reader:
            table = reader.read_all()
        assert table.schema == result.schema
    else:
        table = pq.read_table(io.BytesIO(output))
    again = QueryResult(table.schema, table.combine_chunks().to_batches())
    assert written(again, "json")[0] == written(result, "json")[0]


@pytest.mark.parametrize("literal", ["INTERVAL '1 month'", "union_value(n := 5)"])
def test_a_type_that_parquet_lacks_is_named(
    literal: str, database: duckdb.DuckDBPyConnection
) -> None:
    with pytest.raises(OutputError, match="Cast it to VARCHAR"):
        written(ask(database, f"SELECT {literal} AS v"), "parquet")


def test_every_type_of_the_engine_can_be_printed(database: duckdb.DuckDBPyConnection) -> None:
    result = ask(database, "FROM test_all_types()")
    first, *_ = json.loads(written(result, "json")[0])
    assert list(first) == result.schema.names
    for form in ("csv", "arrow", "table"):
        assert written(result, form)[0]


@pytest.mark.parametrize("form", ["table", "json", "csv", "arrow", "parquet"])
def test_a_cut_result_is_never_silent(form: Format, database: duckdb.DuckDBPyConnection) -> None:
    whole = run_query(database, "SELECT 1 AS a FROM range(10)", QueryLimits(rows=10))
    cut = run_query(database, "SELECT 1 AS a FROM range(11)", QueryLimits(rows=10))
    assert written(whole, form)[1] == ""
    assert "cut off after 10 rows by the limit on rows" in written(cut, form)[1]


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_a_terminal_gets_no_binary(form: Format, database: duckdb.DuckDBPyConnection) -> None:
    result = ask(database, "SELECT 1 AS a")
    main, terminal = pty.openpty()
    with (
        os.fdopen(main, "rb"),
        os.fdopen(terminal, "w") as stream,
        pytest.raises(OutputError, match=f"> result.{form}"),
    ):
        write_result(result, form, stream)


def test_a_file_gets_the_bytes_of_the_format(
    database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    result = ask(database, "SELECT 'é' AS a")
    with (tmp_path / "out.csv").open("w") as stream:
        write_result(result, "csv", stream)
    assert (tmp_path / "out.csv").read_bytes() == "a\né\n".encode()


@given(st.lists(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=20))
def test_lists_of_integers_come_back_from_json(rows: list[list[int | None]]) -> None:
    batch = pa.RecordBatch.from_pydict({"v": pa.array(rows, pa.list_(pa.int64()))})
    output = b"".join(encode(QueryResult(batch.schema, [batch]), "json"))
    assert [row["v"] for row in orjson.loads(output)] == rows


@given(st.lists(st.none() | st.text(), min_size=1, max_size=20))
def test_texts_come_back_from_csv(rows: list[str | None]) -> None:
    batch = pa.RecordBatch.from_pydict({"v": pa.array(rows, pa.string()), "n": range(len(rows))})
    output = b"".join(encode(QueryResult(batch.schema, [batch]), "csv")).decode()
    header, *read = csv.reader(io.StringIO(output, newline=""))
    assert header == ["v", "n"]
    assert read == [[text or "", str(n)] for n, text in enumerate(rows)]
