"""The price table: read, overridden, and turned into costs that are right or unknown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from spanscore.queries import catalog, prices
from spanscore.queries.view import CatalogError
from tests.queries.test_calls import proxied
from tests.support.scored import rows
from tests.support.stored import stored
from tests.support.telemetry import traces_request

HEAD = "model,valid_from,input_usd,cached_input_usd,cache_write_usd,output_usd\n"
USAGE = {
    "gen_ai__usage__input_tokens": 1000,
    "gen_ai__usage__output_tokens": 100,
    "gen_ai__usage__cache_read__input_tokens": 400,
    "gen_ai__usage__cache_creation__input_tokens": 200,
}
# All calls are made on 21 September 2026; by second: what they are like and what they cost.
CALLS: dict[int, tuple[dict[str, Any], float | None]] = {
    1: ({"gen_ai__request__model": "gpt-4o"}, (600 * 2.5 + 400 * 1.25 + 100 * 10) / 1e6),
    2: ({"gen_ai__request__model": "openai/GPT-4o-2024-08-06"}, 3000 / 1e6),
    3: (
        {"gen_ai__request__model": "claude-sonnet-4-5-20250929"},
        (400 * 3 + 400 * 0.3 + 200 * 3.75 + 100 * 15) / 1e6,
    ),
    4: ({"gen_ai__request__model": "alias", "gen_ai__response__model": "gpt-4o"}, 3000 / 1e6),
    5: ({"gen_ai__request__model": "gpt-4o", "gen_ai__response__model": "gpt-4o-x"}, 3000 / 1e6),
    6: ({"gen_ai__request__model": "unheard-of"}, None),
    7: ({"gen_ai__request__model": "mine"}, (1000 * 1 + 100 * 3) / 1e6),
    8: ({"gen_ai__request__model": "later"}, None),
}
OWN = (
    HEAD
    + "mine,2020-01-01,9,,,9\nmine,2026-09-21,1,,,3\nmine,2026-09-22,5,,,5\n"
    + "later,2027-01-01,1,,,1\n"
)


def own(folder: Path, text: str) -> Path:
    file = folder / "own.csv"
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("prices")
    with stored(folder) as store:
        spans = [proxied(s, 0.5, **{**USAGE, **given}) for s, (given, _) in CALLS.items()]
        without_cache = dict(list(USAGE.items())[:2])
        spans.append(proxied(20, gen_ai__request__model="gpt-4o", **without_cache))
        spans.append(proxied(21, gen_ai__request__model="mine", **without_cache))
        resource = {"spanscore.run.id": "r"}
        store.put(traces_request(*spans, origin="harness", resource=resource))
        catalog.create_tables(store.connection, catalog.load(own_prices=own(folder, OWN)))
        yield store.connection


def test_a_call_costs_what_the_table_says_of_its_model_on_its_day(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    told = rows(connection, "SELECT cost_usd FROM model_calls ORDER BY start_ns")
    for (_, expected), row in zip(CALLS.values(), told, strict=False):
        assert row["cost_usd"] == (None if expected is None else pytest.approx(expected, rel=1e-12))


def test_without_a_count_that_its_price_needs_a_cost_is_unknown(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    told = rows(
        connection,
        "SELECT cost_usd, priced_as FROM model_calls WHERE input_tokens = 1000 "
        "AND cache_read_tokens IS NULL ORDER BY start_ns",
    )
    assert told[0] == {"cost_usd": None, "priced_as": "gpt-4o"}
    assert told[1] == {"cost_usd": pytest.approx(1300 / 1e6), "priced_as": "mine"}


def test_models_without_a_price_are_listed(connection: duckdb.DuckDBPyConnection) -> None:
    told = rows(connection, "SELECT model, calls, runs FROM unpriced_models ORDER BY model")
    assert told == [
        {"model": "later", "calls": 1, "runs": 1},
        {"model": "unheard-of", "calls": 1, "runs": 1},
    ]


def test_the_users_prices_of_a_model_replace_all_that_are_shipped(tmp_path: Path) -> None:
    merged = prices.merged(prices.read(own(tmp_path, HEAD + "o3,2026-01-01,1,,,2\n")))
    assert [price for price in merged if price.model == "o3"] == [
        prices.Price("o3", date(2026, 1, 1), 1.0, None, None, 2.0)
    ]
    assert {price.model for price in merged} == {price.model for price in prices.shipped()}


def test_the_shipped_table_is_in_order_and_plausible() -> None:
    shipped = prices.shipped()
    keys = [(price.model, price.valid_from) for price in shipped]
    assert keys == sorted(set(keys))
    for price in shipped:
        assert 0 < (price.cached_input_usd or price.input_usd) <= price.input_usd < price.output_usd
        assert price.cache_write_usd is None or price.cache_write_usd > price.input_usd


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,price\n", r"own\.csv: its first line must be model,valid_from,"),
        (HEAD + "m,today,1,,,1\n", r"own\.csv, line 2: .*today"),
        (HEAD + "m,2026-01-01,,,,1\n", r"own\.csv, line 2: "),
        (HEAD + "m,2026-01-01,1\n", r"own\.csv, line 2: "),
        (HEAD + "p/m,2026-01-01,1,,,1\n", "'p/m' is no model without its provider's name"),
        (HEAD + "m,2026-01-01,-1,,,1\n", "-1.0 is no price"),
        (HEAD + "m,2026-01-01,nan,,,1\n", "nan is no price"),
    ],
)
def test_a_price_that_is_none_is_named_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(CatalogError, match=message):
        prices.read(own(tmp_path, text))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"none\.csv cannot be read: No such file"):
        prices.read(tmp_path / "none.csv")
