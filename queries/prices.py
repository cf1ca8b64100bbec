"""What models cost: the shipped table, the user's own rows, and the view `prices` of both."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path

from .view import CatalogError, Column, View

_COLUMNS = (
    Column("model", "VARCHAR", "the model, in lower case and without the name of a provider"),
    Column("valid_from", "DATE", "the first day, UTC, on which the price holds"),
    Column("input_usd", "DOUBLE", "a million tokens in, USD"),
    Column("cached_input_usd", "DOUBLE", "a million tokens read from a cache; NULL: as any other"),
    Column("cache_write_usd", "DOUBLE", "a million tokens written to a cache; NULL: as any other"),
    Column("output_usd", "DOUBLE", "a million tokens out, USD"),
)


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs from a day on: USD for a million tokens."""

    model: str
    valid_from: date
    input_usd: float
    cached_input_usd: float | None
    cache_write_usd: float | None
    output_usd: float


def shipped() -> list[Price]:
    """The prices that come with spanscore."""
    text = resources.files(__package__).joinpath("prices.csv").read_text("utf-8")
    return _read(text.splitlines(), "prices.csv")


def read(path: Path) -> list[Price]:
    """The prices of a user's CSV file, which has the columns of the shipped one.

    Raises CatalogError naming the file, the line and what is wrong with it.
    """
    try:
        return _read(path.read_text("utf-8").splitlines(), str(path))
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror}") from None


def merged(own: Iterable[Price]) -> list[Price]:
    """The shipped prices, with every model of `own` replaced by what `own` says of it."""
    own = list(own)
    models = {price.model for price in own}
    return [price for price in shipped() if price.model not in models] + own


def view(prices: Iterable[Price]) -> View:
    """The view `prices`."""
    rows = ",\n    ".join(
        f"({_text(p.model)}, CAST('{p.valid_from}' AS DATE), {_number(p.input_usd)}, "
        f"{_number(p.cached_input_usd)}, {_number(p.cache_write_usd)}, {_number(p.output_usd)})"
        for p in prices
    )
    names = ", ".join(column.name for column in _COLUMNS)
    return View(
        name="prices",
        layer="marts",
        text="What models cost: list prices, where a context beyond a threshold costs no more.",
        grain="a model and the day from which the price holds.",
        is_kept=False,
        columns=_COLUMNS,
        columns_of=None,
        select=f"SELECT * FROM (VALUES\n    {rows}\n) AS p({names})",
    )


def _read(lines: list[str], where: str) -> list[Price]:
    reader = csv.DictReader(lines)
    names = [column.name for column in _COLUMNS]
    if reader.fieldnames != names:
        raise CatalogError(f"{where}: its first line must be {','.join(names)}")
    prices = []
    for row in reader:
        try:
            prices.append(_price(row))
        except (ValueError, TypeError, AttributeError) as error:
            raise CatalogError(f"{where}, line {reader.line_num}: {error}") from None
    return prices


def _price(row: dict[str, str]) -> Price:
    model = row["model"].strip().lower()
    if not model or "/" in model:
        raise ValueError(f"{row['model']!r} is no model without its provider's name")
    return Price(
        model=model,
        valid_from=date.fromisoformat(row["valid_from"]),
        input_usd=_usd(row["input_usd"]),
        cached_input_usd=_usd(row["cached_input_usd"]) if row["cached_input_usd"] else None,
        cache_write_usd=_usd(row["cache_write_usd"]) if row["cache_write_usd"] else None,
        output_usd=_usd(row["output_usd"]),
    )


def _usd(text: str) -> float:
    value = float(text)
    if not 0 <= value < math.inf:
        raise ValueError(f"{value} is no price")
    return value


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _number(value: float | None) -> str:
    return f"CAST({'NULL' if value is None else repr(value)} AS DOUBLE)"
