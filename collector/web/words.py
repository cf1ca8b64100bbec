"""Values as people read them: what nobody recorded is a dash, never 0."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

UNKNOWN = "\u2013"
"""Stands for NULL."""


def number(value: float | None, digits: int = 0) -> str:
    """1,234 or 0.513."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def compact(value: float | None) -> str:
    """12.3k, 4.56M: at most four characters and a letter."""
    if value is None:
        return UNKNOWN
    for size, unit, least in ((1e9, "G", 9.995e8), (1e6, "M", 9.995e5), (1e3, "k", 9_999.5)):
        if abs(value) >= least:
            return f"{value / size:.3g}{unit}"
    return f"{value:,.0f}"


def share(value: float | None, digits: int = 0) -> str:
    """42 % of 1."""
    return UNKNOWN if value is None else f"{100 * value:.{digits}f}\u2009%"


def duration(ns: float | None) -> str:
    """A duration in ns as people say it: 420 ms, 12.3 s, 4 min 05 s, 2 h 03 min."""
    if ns is None:
        return UNKNOWN
    if ns < 0:
        return f"\u2212{duration(-ns)}"
    if ns and ns < 999_500:
        return f"{ns / 1e3:.3g}\u2009\u00b5s"
    seconds = ns / 1e9
    if seconds < 0.9995:
        return f"{ns / 1e6:.3g}\u2009ms" if ns < 99_500_000 else f"{ns / 1e6:.0f}\u2009ms"
    if seconds < 59.95:
        return f"{seconds:.1f}\u2009s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\u2009min {rest:02d}\u2009s"
    return f"{minutes // 60}\u2009h {minutes % 60:02d}\u2009min"


def milliseconds(ms: float | None) -> str:
    """A duration in ms, as `duration` says it."""
    return duration(None if ms is None else ms * 1e6)


def cost(usd: float | None) -> str:
    """US dollars: $0.0123, $4.56."""
    if usd is None:
        return UNKNOWN
    return f"${usd:,.2f}" if usd >= 1 or usd == 0 else f"${usd:.4f}"


def moment(time: datetime | None) -> str:
    """2026-11-24 18:22:05, UTC."""
    return UNKNOWN if time is None else f"{time:%Y-%m-%d %H:%M:%S}"


def since(time: datetime | None, now: datetime | None = None) -> str:
    """How long ago a time (UTC) was: 12 s ago, 3 h ago, 5 d ago."""
    if time is None:
        return UNKNOWN
    now = now or datetime.now(UTC).replace(tzinfo=None)
    seconds = (now - time).total_seconds()
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if abs(seconds) < limit:
            return f"{seconds / size:.0f}\u2009{unit} ago"
    return f"{seconds / 86400:.0f}\u2009d ago"


def known(value: Any) -> Any:
    """The value, or the dash for what nobody recorded."""
    return UNKNOWN if value is None or value == "" else value


def short(text: str | None, length: int = 12) -> str:
    """The beginning of an id or hash; a digest's algorithm is left out."""
    if not text:
        return UNKNOWN
    bare = text.removeprefix("sha256:")
    return bare if len(bare) <= length else f"{bare[:length]}\u2026"


def bare_model(model: str | None) -> str:
    """A model without its vendor."""
    return UNKNOWN if not model else model.rpartition("/")[2]


FILTERS = {
    function.__name__: function
    for function in (
        number,
        compact,
        share,
        duration,
        milliseconds,
        cost,
        moment,
        since,
        known,
        short,
        bare_model,
    )
}
