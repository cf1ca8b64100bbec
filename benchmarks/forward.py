"""What forwarding costs: throughput, what senders notice of it, and catching up after an outage.

    python -m benchmarks.forward                 about 10 minutes
    python -m benchmarks.forward paced store     some parts: shaping, paced, inbox, store
    python -m benchmarks.forward --quick         a fifth of the spans, to see that it runs

Prints Markdown tables; docs/performance.md holds a run. Client, collector and backend share the
machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from bisect import bisect
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from spanscore.collector.forward.destination import Destination
from spanscore.collector.forward.shape import Shaper
from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal

from .support import batches
from .support.batches import SPANS
from .support.collector import Collector
from .support.sender import Load, send
from .support.sink import Sink

RUNS = 3
PACE = 20_000
OUTAGE_PACE = 10_000


def main() -> None:
    """Run all parts and print their tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help="shaping, paced, inbox, store")
    parser.add_argument("--quick", action="store_true", help="a fifth of the spans")
    arguments = parser.parse_args()
    parts, quick = arguments.parts or ["shaping", "paced", "inbox", "store"], arguments.quick
    seconds = 3 if quick else 10
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}; "
          f"{SPANS} spans a request, medians of {RUNS} runs\n")  # fmt: skip
    if "shaping" in parts:
        _shaping(40 if quick else 200)
    if "paced" in parts:
        _paced(seconds)
    if "inbox" in parts:
        _outage("from the inbox", "1GiB", seconds)
    if "store" in parts:
        _outage("from the store", "16MiB", seconds)


def _shaping(count: int) -> None:
    """CPU of making the requests for a destination, by what has to be changed."""
    thin = batches.thin(count)
    said = [_with_content(body) for body in thin]
    print("| making requests | CPU us/span |\n|---|---|")
    for name, bodies, settings in (
        ("nothing to change, content looked for", thin, {}),
        ("nothing to change, `content = true`", thin, {"content": True}),
        ("a prompt on each span, left out", said, {}),
        ("`phoenix` (OpenInference)", thin, {"profile": "phoenix"}),
        ("`tempo`, nothing long", thin, {"profile": "tempo"}),
        ("`roles`, all kept", thin, {"roles": ["model_call"]}),
    ):
        to = Destination.model_validate({"url": "http://127.0.0.1:1", **settings})
        requests = [Request(Signal.TRACES, "open", 1, body) for body in bodies]
        found = []
        for _ in range(RUNS):
            shaper = Shaper(to, "http://127.0.0.1:4319")
            before_s = time.process_time()
            for start in range(0, count, 20):
                shaper.shape(requests[start : start + 20])
            found.append((time.process_time() - before_s) * 1e6 / (count * SPANS))
        print(f"| {name} | {statistics.median(found):.1f} |", flush=True)
    print()


def _with_content(body: bytes) -> bytes:
    message = Signal.TRACES.request_type.FromString(body)
    for span in message.resource_spans[0].scope_spans[0].spans:  # type: ignore[attr-defined]  # of traces
        span.attributes.add(key="gen_ai.input.messages").value.string_value = "p" * 500
    return bytes(message.SerializeToString())


@contextmanager
def _collector(sink: Sink | None, door: str) -> Iterator[Collector]:
    options = [] if sink is None else ["--forward", sink.url(door)]
    with tempfile.TemporaryDirectory() as folder, Collector(Path(folder), *options) as collector:
        yield collector


def _paced(seconds: int) -> None:
    """The same load with and without forwarding: what the sender notices, what the backend gets."""
    bodies = batches.thin(PACE * seconds // SPANS, seed=5)
    print(f"| at {PACE:,} spans/s | acknowledged p50 / p99 ms | forwarded spans/s "
          "| forwarder CPU us/span | peak MB forwarder |\n|---|---|---|---|---|")  # fmt: skip
    names = ("no forwarding", "http/protobuf", "grpc")
    # In turns, so that what else the machine does falls on all of them.
    runs = [{name: _one(name, bodies) for name in names} for _ in range(RUNS)]
    for name in names:
        p50, p99, rate, cpu, peak = (
            statistics.median(column) for column in zip(*(run[name] for run in runs), strict=True)
        )
        print(f"| {name} | {p50:.1f} / {p99:.1f} | {rate:,.0f} | {cpu:.1f} | {peak:.0f} |",
              flush=True)  # fmt: skip
    print()


def _one(name: str, bodies: list[bytes]) -> tuple[float, ...]:
    spans = len(bodies) * SPANS
    with Sink() as sink, _collector(sink if "/" in name or name == "grpc" else None, name) as made:
        before = made.cpu_s()
        sent = send(Load("grpc", str(made.urls["grpc"]), bodies, batches_per_s=PACE / SPANS))
        rate = cpu = peak = 0.0
        if "forwarder" in made.pids:
            sink.wait_for(spans)
            rate = spans / (sink.last_s - sent.began_s)
            cpu = (made.cpu_s()["forwarder"] - before["forwarder"]) * 1e6 / spans
            peak = made.peak_mb()["forwarder"]
    cuts = statistics.quantiles(sent.latencies_ms, n=100)
    return cuts[49], cuts[98], rate, cpu, peak


def _outage(name: str, lag: str, seconds: int) -> None:
    """A backend is away while spans come, then is back while they go on coming at the same pace."""
    print("| after an outage | inflow spans/s | caught up at spans/s | times the inflow "
          "| forwarder CPU us/span | peak MB forwarder |\n|---|---|---|---|---|---|")  # fmt: skip
    rows = [_catch_up(lag, seconds) for _ in range(RUNS)]
    rate, cpu, peak = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"| {name} | {OUTAGE_PACE:,} | {rate:,.0f} | {rate / OUTAGE_PACE:.1f} | {cpu:.1f} "
          f"| {peak:.0f} |\n", flush=True)  # fmt: skip


def _catch_up(lag: str, seconds: int) -> tuple[float, float, float]:
    missed = batches.thin(OUTAGE_PACE * seconds // SPANS, seed=6)
    live = batches.thin(OUTAGE_PACE * 2 * seconds // SPANS, seed=7)
    total = (len(missed) + len(live)) * SPANS
    with Sink() as sink, ThreadPoolExecutor(1) as beside:
        sink.refuse(True)
        options = ["--forward", sink.url("http/protobuf"), "--forward-lag", lag]
        with (
            tempfile.TemporaryDirectory() as folder,
            Collector(Path(folder), *options) as collector,
        ):
            url = str(collector.urls["grpc"])
            send(Load("grpc", url, missed, batches_per_s=OUTAGE_PACE / SPANS))
            collector.wait_for(len(missed) * SPANS)
            before = collector.cpu_s()["forwarder"]
            sending = beside.submit(
                send, Load("grpc", url, live, batches_per_s=OUTAGE_PACE / SPANS)
            )
            sink.refuse(False)
            sink.wait_for(total)
            cpu = (collector.cpu_s()["forwarder"] - before) * 1e6 / total
            peak = collector.peak_mb()["forwarder"]
            return _rate(sink, len(missed), sorted(sending.result().acknowledged_s)), cpu, peak


def _rate(sink: Sink, missed: int, acknowledged_s: list[float]) -> float:
    """Spans/s from the first that arrived until all had arrived that was acknowledged by then."""
    for at_s, spans in sink.seen:
        if spans >= (missed + bisect(acknowledged_s, at_s)) * SPANS:
            return spans / max(0.001, at_s - sink.first_s)
    return sink.seen[-1][1] / (sink.last_s - sink.first_s)


if __name__ == "__main__":
    main()
