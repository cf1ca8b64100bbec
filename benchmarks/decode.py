"""CPU of decoding spans, between its floor (ptars alone) and the insert that follows.

    python -m benchmarks.decode

Single-threaded, 20,480 spans a batch, the best of several rounds, because other work on the machine
only ever adds to a round.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import duckdb
from rich.console import Console
from rich.table import Table

from spanscore.collector.decode.batch import decode
from spanscore.collector.decode.wire import parse
from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal
from spanscore.collector.store.database import Schema

from .support import batches

REQUESTS = 40
ROUNDS = 5


def main() -> None:
    """Measure thin and fat batches and print a table."""
    table = Table(
        "batch", "bytes/span", "ptars alone", "decode", "DuckDB insert", title="CPU us/span"
    )
    for name, bodies in {"thin": batches.thin(REQUESTS), "fat": batches.fat(REQUESTS)}.items():
        size = sum(map(len, bodies)) / (REQUESTS * batches.SPANS)
        table.add_row(name, f"{size:.0f}", *(f"{cost:.2f}" for cost in _costs(bodies)))
    Console().print(table)


def _costs(bodies: list[bytes]) -> list[float]:
    requests = [Request(Signal.TRACES, "open", 1, body) for body in bodies]
    records = decode(Signal.TRACES, requests).records
    connection = duckdb.connect(config={"threads": 1})
    for statement in Schema().objects:
        connection.execute(statement)
    connection.register("decoded", records)
    return [
        _best_us_a_span(lambda: parse(Signal.TRACES, bodies)),
        _best_us_a_span(lambda: decode(Signal.TRACES, requests)),
        _best_us_a_span(lambda: connection.execute("INSERT INTO span FROM decoded")),
    ]


def _best_us_a_span(step: Callable[[], object]) -> float:
    costs_s = []
    for _ in range(ROUNDS):
        began_s = time.process_time()
        step()
        costs_s.append(time.process_time() - began_s)
    return min(costs_s) / (REQUESTS * batches.SPANS) * 1e6


if __name__ == "__main__":
    main()
