"""What forwarding costs: throughput, what senders notice of it, and catching up after an outage.

    python -m benchmarks.forward             about 4 minutes
    python -m benchmarks.forward --quick     a fifth of the spans, to see that it runs

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
from collections.abc import Iterator
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


def main() -> None:
    """Run all parts and print their tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a fifth of the spans")
    quick = parser.parse_args().quick
    seconds = 3 if quick else 15
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}; "
          f"{SPANS} spans a request, medians of {RUNS} runs\n")  # fmt: skip
    _shaping(40 if quick else 200)
    _paced(seconds)
    _outage(seconds)


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
    for name in ("no forwarding", "http/protobuf", "grpc"):
        rows = [_one(name, bodies) for _ in range(RUNS)]
        p50, p99, rate, cpu, peak = (
            statistics.median(column) for column in zip(*rows, strict=True)
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


def _outage(seconds: int) -> None:
    """A backend is away while spans come, then is back while they go on coming at the same pace."""
    print("| after an outage | inflow spans/s | caught up at spans/s | times the inflow |\n"
          "|---|---|---|---|")  # fmt: skip
    for name, lag, pace in (("from the inbox", "1GiB", 10_000), ("from the store", "1MiB", 2_000)):
        rates = [_catch_up(lag, pace, seconds) for _ in range(RUNS)]
        rate = statistics.median(rates)
        print(f"| {name} | {pace:,} | {rate:,.0f} | {rate / pace:.1f} |", flush=True)
    print()


def _catch_up(lag: str, pace: int, seconds: int) -> float:
    missed = batches.thin(pace * seconds // SPANS, seed=6)
    live = batches.thin(pace * seconds // SPANS, seed=7)
    with Sink() as sink:
        options = ["--forward", sink.url("http/protobuf"), "--forward-lag", lag]
        sink.refuse(True)
        with (
            tempfile.TemporaryDirectory() as folder,
            Collector(Path(folder), *options) as collector,
        ):
            url = str(collector.urls["grpc"])
            send(Load("grpc", url, missed, batches_per_s=pace / SPANS))
            collector.wait_for(len(missed) * SPANS)
            sink.refuse(False)
            sink.wait_for(1)
            began_s = sink.first_s
            sent = send(Load("grpc", url, live, batches_per_s=pace / SPANS))
            total = (len(missed) + len(live)) * SPANS
            sink.wait_for(total)
            # Caught up when all that was missed and what came meanwhile had arrived.
            for at_s, spans in sink.seen:
                if spans >= len(missed) * SPANS + (at_s - sent.began_s) * pace:
                    return spans / max(0.001, at_s - began_s)
            return total / (sink.last_s - began_s)


if __name__ == "__main__":
    main()
