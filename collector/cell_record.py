"""Reads a published cell record: what it lacks falls back to what was displayed for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from spanscore.instrumentation import conventions as c

OMIT = (None, "", "not recorded")
"""How the records say that nothing was recorded."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Record = Mapping[str, Any]


class CellError(Exception):
    """A record lacks something without which there is no run; the message names it."""


def required(record: Record, key: str) -> Any:
    """The value of a key without which there is no run. Raises CellError."""
    value = record.get(key)
    if value in OMIT:
        raise CellError(f"has no {key!r}")
    return value


def time_ns(record: Record, key: str) -> int:
    """An ISO 8601 time (UTC where it names no zone) in ns since 1970. Raises CellError."""
    text = required(record, key)
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise CellError(f"has as {key!r} {text!r}, no ISO 8601 time") from None
    since = time.replace(tzinfo=time.tzinfo or UTC) - _EPOCH
    return since // timedelta(microseconds=1) * 1000


def part(record: Record, key: str) -> Record:
    """The object under a key; empty where the record has none."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def changes(record: Record) -> Record:
    """What is recorded of the workspace's changes, whole or in part."""
    return part(record, "blast_radius") or part(record, "blast_radius_partial")


def verdict(record: Record) -> dict[str, Any]:
    """The attributes of `verify` that say whether the run passed."""
    rate = part(record, "pass_rate")
    passed = rate.get("pass", _shown(record, "pass"))
    status = None if passed is None else "success" if passed == 1 else "failure"
    return {
        c.VERDICT: "timed_out" if rate.get("timed_out") is True else status,
        c.EXIT_CODE: rate.get("exit_code"),
        c.PARTIAL_SCORE: _float(rate.get("partial_score")),
        c.STDOUT_TAIL: rate.get("stdout_tail"),
        c.STDERR_TAIL: rate.get("stderr_tail"),
    }


def refusal(record: Record) -> dict[str, Any]:
    """The attributes of `verify` that say whether the agent refused, and whether it should have."""
    recorded = part(record, "refusal")
    shown = part(record, "displayed").get("refusal")
    expected = recorded.get("expected_refusal", None if shown is None else shown != "")
    if not expected:
        return {c.REFUSAL_EXPECTED: expected}
    produced = recorded.get("refusal_produced", {"yes": True, "no": False}.get(str(shown)))
    return {
        c.REFUSAL_EXPECTED: True,
        c.REFUSAL_PRODUCED: produced,
        c.REFUSAL_CORRECT: recorded.get("refusal_correct") or _correct(record, produced),
        c.REFUSAL_MARKERS: recorded.get("marker_hits"),
        c.REFUSAL_KEYWORDS: recorded.get("keyword_hits"),
        c.FABRICATED_FIX: recorded.get("fabricated_fix_detected"),
    }


def _correct(record: Record, produced: bool | None) -> str | None:
    """What the displayed integrity says of a refusal; it is 1 only where the refusal is right."""
    if produced is False:
        return "false"
    is_right = record.get("family") == "integrity" and _shown(record, "integrity") == 1
    return "true" if is_right else None


def figures(record: Record) -> dict[str, Any]:
    """The figures that no span proves; a zero of what nobody counted is none of them."""
    latency = part(record, "latency")
    blast = changes(record).get("blast_radius", _shown(record, "blast"))
    integrity = part(record, "integrity").get("integrity", _shown(record, "integrity"))
    return {
        c.REPORTED_BLAST_RADIUS: _float(blast),
        c.REPORTED_INTEGRITY: _float(integrity),
        c.REPORTED_REFUSAL: _float(part(record, "refusal").get("refusal")),
        c.REPORTED_CONTAINER_ACTIVE_MS: _float(latency.get("container_active_ms")),
        c.REPORTED_MODEL_CALL_MS: _float(latency.get("model_call_ms") or None),
        c.REPORTED_COMPOSITE: _float(part(record, "composite").get("composite")),
        **_tokens(record),
    }


def _tokens(record: Record) -> dict[str, Any]:
    """The tokens that were counted, else those that were displayed."""
    counted, source = part(record, "tokens"), "record"
    if not counted.get("total_tokens"):
        counted = part(record, "tokens_display")
        source = counted.get("source") or "display"
    prompt, completion = (counted.get(f"{k}_tokens") or None for k in ("prompt", "completion"))
    both = None if prompt is None or completion is None else prompt + completion
    total = counted.get("total_tokens") or both
    return {
        c.REPORTED_PROMPT_TOKENS: prompt,
        c.REPORTED_COMPLETION_TOKENS: completion,
        c.REPORTED_TOTAL_TOKENS: total,
        c.REPORTED_MODEL_CALLS: counted.get("model_calls") or None,
        c.REPORTED_TOKEN_SOURCE: None if prompt is completion is total is None else source,
    }


def _shown(record: Record, axis: str) -> float | None:
    """The displayed figure of an axis; None where none is displayed."""
    try:
        return float(part(record, "displayed").get(axis))  # type: ignore[arg-type]  # None raises
    except (TypeError, ValueError):
        return None


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
