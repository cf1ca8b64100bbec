"""A run's page as one HTML file that works without a collector and without a network."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import duckdb
import orjson
from markupsafe import Markup

from . import assets
from .bundle import bundle
from .pages import render
from .run_facts import RunFacts, RunLists, read_facts, read_lists, read_logs
from .run_page import listed, shown
from .run_routes import packed
from .run_span import read_spans
from .waterfall import Waterfall, read_waterfall

MOST_SPANS = 5_000
"""Spans in a saved page; of a larger run those that say most, and it says so."""

CUT_CHARACTERS = 4_000
"""Longer values of attributes are cut in a saved page, and say so."""


def saved_page(cursor: duckdb.DuckDBPyConnection, run_id: str) -> bytes | None:
    """The page of a run as it is now, with spans and the first log records; None: no such run."""
    facts = read_facts(cursor, run_id)
    made = read_waterfall(cursor, run_id, MOST_SPANS)
    if facts is None or made is None:
        return None
    texts = made.texts()
    data = {
        "waterfall": b64encode(packed(made)).decode(),
        "texts": texts,
        "spans": read_spans(cursor, run_id, texts, CUT_CHARACTERS),
    }
    lists = read_lists(cursor, facts.run)
    return _filled(facts, lists, data, read_logs(cursor, run_id, 0), made).encode()


def _filled(facts: RunFacts, lists: RunLists, data: Any, logs: list[Any], made: Waterfall) -> str:
    style = assets.run_style()
    theme = assets.files()["theme.js"].decode()
    script = bundle("run.js")
    return render(
        "run_saved.html",
        # Our own files, in the forms in which the policy below names them.
        style=style,
        theme=Markup(theme),
        script=Markup(script),
        policy=_policy(style, theme, script),
        # JSON may hold `</script>` and `<!--`, which end or hide the element that it is in.
        data=Markup(orjson.dumps(data).decode().replace("<", "\\u003c")),
        offline={"logs": logs, "spans": made.about["rows"]},
        **shown(facts),
        **listed(lists),
    )


def _policy(style: str, *scripts: str) -> str:
    """What the file may run: its own scripts and style, and nothing from anywhere."""
    allowed = " ".join(map(assets.policy_hash, scripts))
    return (
        f"default-src 'none'; img-src data:; style-src {assets.policy_hash(style)}; "
        f"script-src {allowed}; base-uri 'none'; form-action 'none'"
    )
