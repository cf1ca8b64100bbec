"""A run drawn for a terminal: facts, the time as a bar, the spans as a waterfall, the failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from ..counted import counted
from ..table import visible

Row = Mapping[str, Any]

LINES = 60
"""Spans that are drawn; the rest is counted."""

PARTS = {
    "setup_ns": ("setup", "bright_black"),
    "start_overhead_ns": ("start", "white"),
    "model_wait_ns": ("model", "blue"),
    "retry_wait_ns": ("retry", "red"),
    "tools_ns": ("tools", "green"),
    "agent_ns": ("agent", "cyan"),
    "diff_ns": ("diff", "bright_black"),
    "verify_ns": ("verify", "magenta"),
    "cleanup_ns": ("cleanup", "bright_black"),
    "unattributed_ns": ("unknown", "yellow"),
}
"""The parts of a run's time as they are drawn, in the order in which most runs have them."""

_BLOCK = "█"
_NARROWEST = 60


def print_run(run: Row, spans: Sequence[Row], stream: TextIO) -> None:
    """Print the run, in colour only on a terminal. Values from outside cannot control it."""
    console = Console(file=stream, markup=False, highlight=False, emoji=False, soft_wrap=True)
    width = max(console.width - 1, _NARROWEST)
    for line in [
        *_identity(run),
        *_scores(run),
        *_time(run, width),
        *_waterfall(run, spans, width),
        *_failure(run),
    ]:
        console.print(line)


def _identity(run: Row) -> list[Text]:
    what = " ".join(str(run[name]) for name in ("agent", "agent_version") if run[name])
    lines = [
        _line(f"run {run['run_id']}", "bold"),
        _fact("agent", what),
        _fact("model", run["model"], run["model_build_id"]),
        _fact("task", run["task"], run["family"], run["task_version"]),
        _fact("image", run["image"], run["image_digest"]),
        _fact("status", run["status"], f"from {run['source']}", run["started_at"]),
        _fact("spans", run["spans"], f"{run['orphan_spans']} orphans", f"{run['logs']} logs"),
    ]
    return [line for line in lines if line is not None]


def _scores(run: Row) -> list[Text]:
    verdict = {1: "passed", 0: "not passed"}.get(run["pass"], "no verdict")
    score = [
        f"{name} {run[column]:.3f}"
        for name, column in (("score", "composite"), ("published", "composite_published"))
        if run[column] is not None
    ]
    grade = f"evidence {run['grade']}" if run["grade"] else None
    cite = None if run["source"] == "native" else "citable" if run["citable"] else "provisional"
    tokens = [
        f"{run[column]:,} {name}"
        for name, column in (("tokens in", "prompt_tokens"), ("out", "completion_tokens"))
        if run[column] is not None
    ]
    cost = None if run["cost_usd"] is None else f"{run['cost_usd']:.4f} USD"
    n = run["model_calls"]
    calls = None if n is None else counted(n, "call")
    lines = [
        _fact("result", verdict, *score, grade, cite),
        _fact("lacks", run["missing"]) if run["grade"] != "A" else None,
        _fact("usage", calls, *tokens, cost),
    ]
    return [line for line in lines if line is not None]


def _time(run: Row, width: int) -> list[Text]:
    """One bar of the whole width, and what its colours are."""
    total = run["total_ns"]
    known = {name: run[name] for name in PARTS if run[name]}
    if not total or not known:
        return []
    bar, legend, done, drawn = Text(), Text("  "), 0, 0
    for name, ns in known.items():
        label, style = PARTS[name]
        done += ns
        upto = round(width * done / total)
        bar.append(_BLOCK * (upto - drawn), style)
        drawn = upto
        legend.append(_BLOCK, style).append(f" {label} {_seconds(ns)} {ns / total:.0%}  ")
    return [Text(), _line(f"time {_seconds(total)}", "bold"), bar, legend]


def _waterfall(run: Row, spans: Sequence[Row], width: int) -> list[Text]:
    if not spans:
        return []
    ordered = _tree(spans)
    start = min(span["start_ns"] for span, _ in ordered)
    end = max(span["start_ns"] + max(span["duration_ns"], 0) for span, _ in ordered)
    room = width // 2
    lines = [Text(), _line("spans", "bold")]
    for span, depth in ordered[:LINES]:
        name = visible("  " * min(depth, 8) + span["name"])
        head = f"{name[: room - 12]:<{room - 11}}{_seconds(span['duration_ns']):>9}  "
        bar = _bar(span, start, max(end - start, 1), width - len(head))
        lines.append(Text(head, _style(span)).append(bar, _style(span)))
    left = run["spans"] - min(len(ordered), LINES)
    if left > 0:
        lines.append(_line(f"and {left:,} more: spanscore sql, view spans", "dim"))
    return lines


def _tree(spans: Sequence[Row]) -> list[tuple[Row, int]]:
    """The spans in the order of a tree, with their depth; a circle or a lost parent is a root."""
    ids = {(span["trace_id"], span["span_id"]) for span in spans}
    children: dict[tuple[str, str | None] | None, list[Row]] = {}
    for span in sorted(spans, key=lambda span: (span["start_ns"], span["span_id"])):
        parent = (span["trace_id"], span["parent_span_id"])
        children.setdefault(parent if parent in ids else None, []).append(span)
    ordered: list[tuple[Row, int]] = []
    seen: set[int] = set()
    for start in (*children.get(None, []), *spans):
        waiting = [(start, 0)]
        while waiting:
            span, depth = waiting.pop()
            if id(span) not in seen:
                seen.add(id(span))
                ordered.append((span, depth))
                below = children.get((span["trace_id"], span["span_id"]), [])
                waiting += [(child, depth + 1) for child in reversed(below)]
    return ordered


def _bar(span: Row, start_ns: int, total_ns: int, width: int) -> str:
    begin: int = round(width * (span["start_ns"] - start_ns) / total_ns)
    length: int = round(width * max(span["duration_ns"], 0) / total_ns)
    begin = min(begin, width - 1)
    return " " * begin + (_BLOCK * min(length, width - begin) or "▏")


def _style(span: Row) -> str:
    if span["status_code"] == "ERROR":
        return "red"
    return {"model_call": "blue", "tool_call": "green"}.get(span["role"] or "", "")


def _failure(run: Row) -> list[Text]:
    if run["reason"] is None:
        return []
    lines = [
        Text(),
        _line(f"{run['outcome']}: {run['failure_class']} ({run['attributed_to']})", "bold red"),
        _line(f"  {run['reason']}"),
        _fact("proof", f"{run['evidence_kind']}, {run['basis']}", run["evidence_attribute"]),
        _fact("", run["evidence_value"]),
        _fact("", run["evidence_trace_id"], run["evidence_span_id"]),
        _fact("peers", run["peer_evidence"]),
    ]
    return [line for line in lines if line is not None]


def _fact(name: str, *values: Any) -> Text | None:
    told = [str(value) for value in values if value not in (None, "")]
    if not told:
        return None
    return Text.assemble((f"  {name:<8}", "dim"), visible(", ".join(told)))


def _line(text: str, style: str = "") -> Text:
    return Text(visible(text), style)


def _seconds(ns: int) -> str:
    """A duration as people say it: 12.3 s, 45 ms, 4 min 05 s."""
    seconds = ns / 1e9
    if seconds >= 60:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{ns / 1e6:.0f} ms"
