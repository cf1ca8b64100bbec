"""Real backends get every captured session through a real collector, and tell it when asked."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.payloads import SESSIONS
from tests.support.running_collector import RunningCollector

from .forwarded import WAIT_S, send, wait_until_forwarded

pytestmark = pytest.mark.backends


@dataclass(frozen=True, slots=True)
class Known:
    """What a backend must tell of a span."""

    name: str
    parent: str | None
    prompt_tokens: int | None


def fetch(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=120) as answer:
        return json.load(answer)


def collected(folder: Path, table: str) -> dict[str, Known]:
    """Send every session to a collector that forwards; what it stored, by span id."""
    (folder / "spanscore.toml").write_text(table)
    with RunningCollector(folder) as collector:
        send(collector, SESSIONS)
        wait_until_forwarded(collector)
        rows = collector.ask(
            "SELECT span_id, name, parent_span_id, coalesce(gen_ai_usage_input_tokens, "
            "input_tokens + TRY_CAST(attributes['cache_read_tokens'] AS BIGINT) "
            "+ TRY_CAST(attributes['cache_creation_tokens'] AS BIGINT)) AS tokens FROM spans"
        )
    return {
        row["span_id"]: Known(row["name"], row["parent_span_id"], row["tokens"]) for row in rows
    }


def settled(read: Callable[[], dict[str, Known]], wanted: int) -> dict[str, Known]:
    """What a backend tells, once it has written all that it took."""
    deadline_s = time.monotonic() + WAIT_S
    while len(found := read()) < wanted:
        assert time.monotonic() < deadline_s, f"{len(found)} of {wanted} spans arrived"
        time.sleep(1)
    return found


def compare(found: dict[str, Known], sent: dict[str, Known], *, at_least_tokens: int) -> None:
    """Count, names and parents of all; tokens wherever the backend tells them."""
    assert len(found) == len(sent)
    assert {i: (k.name, k.parent) for i, k in found.items()} == {
        i: (k.name, k.parent) for i, k in sent.items()
    }
    counted = {i: k.prompt_tokens for i, k in found.items() if k.prompt_tokens is not None}
    assert len(counted) >= at_least_tokens
    assert counted == {i: sent[i].prompt_tokens for i in counted}


def test_phoenix_tells_every_span_with_its_parent_and_its_tokens(
    phoenix: str, tmp_path: Path
) -> None:
    sent = collected(tmp_path, f'[[forward]]\nurl = "{phoenix}"\nprofile = "phoenix"\n')

    def read() -> dict[str, Known]:
        found: dict[str, Known] = {}
        cursor = ""
        while True:
            page = fetch(f"{phoenix}/v1/projects/default/spans?limit=1000{cursor}")
            for span in page["data"]:
                tokens = span["attributes"].get("llm.token_count.prompt")
                found[span["context"]["span_id"]] = Known(span["name"], span["parent_id"], tokens)
            if not page["next_cursor"]:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    compare(settled(read, len(sent)), sent, at_least_tokens=15)


def test_mlflow_tells_every_span_with_its_parent_and_its_tokens(
    mlflow: str, tmp_path: Path
) -> None:
    sent = collected(
        tmp_path,
        f'[[forward]]\nurl = "{mlflow}"\nprofile = "mlflow"\n'
        'headers = { x-mlflow-experiment-id = "0" }\n',
    )

    def read() -> dict[str, Known]:
        found: dict[str, Known] = {}
        for trace_id in _traces(mlflow):
            trace = fetch(f"{mlflow}/api/3.0/mlflow/traces/get?trace_id={trace_id}")["trace"]
            for span in trace["spans"]:
                values = {item["key"]: item["value"] for item in span["attributes"]}
                tokens = values.get("gen_ai.usage.input_tokens")
                found[_hex(span["span_id"]) or ""] = Known(
                    span["name"], _hex(span.get("parent_span_id")), _number(tokens)
                )
        return found

    compare(settled(read, len(sent)), sent, at_least_tokens=10)


def _traces(mlflow: str) -> list[str]:
    where = [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}]
    found: list[str] = []
    token = None
    while True:
        body = {"locations": where, "max_results": 500, **({"page_token": token} if token else {})}
        page = fetch(f"{mlflow}/api/3.0/mlflow/traces/search", body)
        found += [trace["trace_id"] for trace in page.get("traces", ())]
        token = page.get("next_page_token")
        if not token:
            return found


def _hex(text: str | None) -> str | None:
    return base64.b64decode(text).hex() if text else None


def _number(value: dict[str, Any] | None) -> int | None:
    if value is None:
        return None
    [number] = value.values()
    return int(number)
