"""`/badge/...svg`: what became of a run, or of the last run of a cell, as a small picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

import duckdb
from aiohttp import web

from .pages import Site, render, segment
from .reads import Row, rows
from .words import bare_model

_RUN = """
SELECT r.run_id, r.status, r.source, s.outcome, s.failure_class, s.composite, e.citable
FROM runs AS r LEFT JOIN scores AS s USING (run_id) LEFT JOIN evidence AS e USING (run_id)
WHERE {condition}
ORDER BY r.started_at DESC NULLS LAST LIMIT 1
"""
_CELL = "r.agent = $agent AND r.model = $model AND r.task = $task AND r.source <> 'native'"

COLOURS = {
    "pass": "#1a7f4e",
    "fail": "#b3261e",
    "violation": "#8a5a00",
    "running": "#1d5fbf",
    "spoiled": "#5b6168",
    "unknown": "#5b6168",
}
"""By outcome: what infra, provider or harness spoiled is grey, never red."""

_MARKUP, _ESCAPED = re.compile(r"([\\\[\]`*_<>])"), r"\\\1"
"""What Markdown would read as its own, and how it is written instead."""

_CHARACTER_PX = 6.6
_PADDING_PX = 12


def find_badge(cursor: duckdb.DuckDBPyConnection, condition: str, values: dict[str, str]) -> Row:
    """The newest run that fits; one that does not exist is unknown, and so is what it came to."""
    found = rows(cursor, _RUN.format(condition=condition), values)
    return found[0] if found else {"status": "unknown", "outcome": None}


def badge(run: Row, label: str) -> str:
    """The picture, as SVG."""
    said = _said(run)
    widths = [_width(text) for text in (label, said)]
    return render("badge.svg", label=label, said=said, widths=widths, colour=COLOURS[_kind(run)])


@dataclass(frozen=True, slots=True)
class BadgeLines:
    """Where a run's badge is, and what shows it in a text once it is saved as `file`."""

    path: str
    cell_path: str | None
    """Of the cell, whose badge follows its newest run; None where the cell is not known."""
    file: str
    alt: str

    @property
    def markdown(self) -> str:
        """For Markdown."""
        return f"![{_MARKUP.sub(_ESCAPED, self.alt)}]({self.file})"

    @property
    def html(self) -> str:
        """For HTML."""
        return f'<img src="{self.file}" alt="{escape(self.alt)}" height="20">'


def badge_lines(run: Row) -> BadgeLines:
    """What there is to copy for the badge of a run."""
    cell = [run["agent"], run["model"], run["task"]]
    whose = f"{run['agent']} with {bare_model(run['model'])} on {run['task']}"
    return BadgeLines(
        path=f"/badge/run/{segment(run['run_id'])}.svg",
        cell_path=f"/badge/{'/'.join(map(segment, cell))}.svg" if all(cell) else None,
        file="spanscore.svg",
        alt=" ".join(f"{whose if all(cell) else 'spanscore'}: {_said(run)}".split()),
    )


def _kind(run: Row) -> str:
    outcome = run["status"] if run["status"] == "running" else run["outcome"]
    return outcome if outcome in COLOURS else "unknown"


def _said(run: Row) -> str:
    kind = _kind(run)
    if kind not in ("pass", "running") and run.get("failure_class"):
        return str(run["failure_class"]).replace("_", " ")
    said = {"pass": "passed", "fail": "failed"}.get(kind, kind)
    if run.get("composite") is not None and kind == "pass":
        said += f" {run['composite']:.2f}" + ("" if run["citable"] else " provisional")
    return said


def _width(text: str) -> int:
    return round(len(text) * _CHARACTER_PX) + _PADDING_PX


def add_badge_routes(app: web.Application, site: Site) -> None:
    """Serve the badge of a run, and of a cell's newest run."""

    async def answer(condition: str, values: dict[str, str], label: str) -> web.Response:
        run = await site.reads.run(find_badge, condition, values)
        return web.Response(
            text=badge(run, label),
            content_type="image/svg+xml",
            headers={"Cache-Control": "no-cache"},
        )

    async def of_run(request: web.Request) -> web.Response:
        run = request.match_info["run"]
        return await answer("r.run_id = $run", {"run": run}, "spanscore")

    async def of_cell(request: web.Request) -> web.Response:
        cell = {name: request.match_info[name] for name in ("agent", "model", "task")}
        label = " · ".join(name.rpartition("/")[2][:40] for name in cell.values())
        return await answer(_CELL, cell, label)

    app.router.add_get("/badge/{agent:[^/]+}/{model:[^/]+}/{task:[^/]+}.svg", of_cell)
    app.router.add_get("/badge/run/{run:[^/]+}.svg", of_run)
