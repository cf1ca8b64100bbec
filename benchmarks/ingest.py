"""How fast spans come in: acknowledged, stored and visible, beside the floor of each step.

    python -m benchmarks.ingest             everything, about 6 minutes
    python -m benchmarks.ingest --quick     a tenth of the spans, to see that it runs

Prints Markdown tables; docs/performance.md holds a run. Client and collector share the machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .support import batches, floors
from .support.batches import SPANS
from .support.collector import Collector
from .support.sender import Load, Sent, send

RUNS = 3


def main() -> None:
    """Run all parts and print their tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the spans")
    quick = parser.parse_args().quick
    count = 100 if quick else 700
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}; "
          f"{SPANS} spans a request, medians of {RUNS} runs\n")  # fmt: skip
    thin = batches.thin(count)
    print(f"thin: {len(thin[0]) // SPANS} bytes a span\n")
    floor = _floors(thin[: count // 5])
    _ingest(thin, count, floor)
    _paced(15_000, seconds=4 if quick else 15)
    _freshness(5_000, seconds=4 if quick else 15)
    _idle(4 if quick else 15)


def _floors(bodies: list[bytes]) -> dict[str, float]:
    """CPU us/span of each step alone."""
    found: dict[str, list[float]] = {}
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            decoding, inserting = floors.decode_and_insert(Path(folder), bodies)
            for name, value in (
                ("transport HTTP", floors.transport("http", bodies)),
                ("transport gRPC", floors.transport("grpc", bodies)),
                ("protobuf parse", floors.parse(bodies)),
                ("inbox append", floors.inbox(Path(folder), bodies)),
                ("decode to Arrow", decoding),
                ("DuckDB insert of ready Arrow", inserting),
            ):
                found.setdefault(name, []).append(value)
    print("| floor | CPU us/span |\n|---|---|")
    medians = {name: statistics.median(values) for name, values in found.items()}
    for name, value in medians.items():
        print(f"| {name} | {value:.1f} |")
    print()
    return medians


def _ingest(thin: list[bytes], count: int, floor: dict[str, float]) -> None:
    fat = batches.fat(max(20, count // 10))
    json = batches.as_json(thin[: count // 4])
    print("| load | acknowledged spans/s | stored spans/s | CPU us/span receiver / store / client "
          "| of the summed floor | peak MB receiver / store |\n"
          "|---|---|---|---|---|---|")  # fmt: skip
    for name, door, bodies, gzipped in (
        ("thin, gRPC", "grpc", thin, False),
        ("thin, HTTP", "http", thin, False),
        ("thin, gRPC, gzip", "grpc", thin, True),
        ("thin, HTTP, gzip", "http", thin, True),
        ("fat, gRPC", "grpc", fat, False),
        ("fat, HTTP", "http", fat, False),
        ("thin, HTTP, JSON", "json", json, False),
    ):
        rows = [_one(door, bodies, gzipped) for _ in range(RUNS)]
        acknowledged, stored, receiver, store, client, mb_receiver, mb_store = (
            statistics.median(column) for column in zip(*rows, strict=True)
        )
        summed = _summed(floor, door)
        share = f"{(receiver + store) / summed:.2f}" if "thin" in name and not gzipped else ""
        print(f"| {name} | {acknowledged:,.0f} | {stored:,.0f} "
              f"| {receiver:.1f} / {store:.1f} / {client:.1f} | {share} "
              f"| {mb_receiver:.0f} / {mb_store:.0f} |", flush=True)  # fmt: skip
    print()


def _summed(floor: dict[str, float], door: str) -> float:
    transport = floor["transport gRPC" if door == "grpc" else "transport HTTP"]
    return transport + sum(v for name, v in floor.items() if not name.startswith("transport"))


def _one(door: str, bodies: list[bytes], gzipped: bool) -> tuple[float, ...]:
    with tempfile.TemporaryDirectory() as folder, Collector(Path(folder)) as collector:
        before = collector.cpu_s()
        sent = send(Load(door, _url(collector, door), bodies, gzipped))
        spans = len(bodies) * SPANS
        visible_s = collector.wait_for(spans)
        after = collector.cpu_s()
        used = {name: (after[name] - before[name]) * 1e6 / spans for name in after}
        peak = collector.peak_mb()
        return (
            spans / sent.wall_s,
            spans / (visible_s - sent.began_s),
            used["receiver"],
            used["store"],
            sent.cpu_s * 1e6 / spans,
            peak["receiver"],
            peak["store"],
        )


def _url(collector: Collector, door: str) -> str:
    return str(collector.urls["grpc" if door == "grpc" else "http"])


def _paced(spans_per_s: int, *, seconds: int) -> None:
    print(
        f"| acknowledged at {spans_per_s:,} spans/s | p50 ms | p99 ms | max ms |\n|---|---|---|---|"
    )
    for door in ("grpc", "http"):
        rows = [_latencies(door, spans_per_s, seconds) for _ in range(RUNS)]
        p50, p99, worst = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"| {door} | {p50:.1f} | {p99:.1f} | {worst:.0f} |", flush=True)
    print()


def _latencies(door: str, spans_per_s: int, seconds: int) -> tuple[float, float, float]:
    bodies = batches.thin(spans_per_s * seconds // SPANS, seed=3)
    with tempfile.TemporaryDirectory() as folder, Collector(Path(folder)) as collector:
        sent = send(Load(door, _url(collector, door), bodies, batches_per_s=spans_per_s / SPANS))
    cuts = statistics.quantiles(sent.latencies_ms, n=100)
    return cuts[49], cuts[98], max(sent.latencies_ms)


def _freshness(spans_per_s: int, *, seconds: int) -> None:
    """From the acknowledgement of a batch to the moment at which SQL counts it."""
    rows = [_visible(spans_per_s, seconds) for _ in range(RUNS)]
    p50, p99 = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"| freshness at {spans_per_s:,} spans/s | p50 s | p99 s |\n|---|---|---|")
    print(f"| acknowledged -> visible | {p50:.2f} | {p99:.2f} |\n", flush=True)


def _visible(spans_per_s: int, seconds: int) -> tuple[float, float]:
    bodies = batches.thin(spans_per_s * seconds // SPANS, seed=4)
    with tempfile.TemporaryDirectory() as folder, Collector(Path(folder)) as collector:
        seen: list[tuple[float, int]] = []
        load = Load("grpc", _url(collector, "grpc"), bodies, batches_per_s=spans_per_s / SPANS)
        sent = _send_and_watch(collector, load, seen)
    delays = []
    for number, acknowledged_s in enumerate(sorted(sent.acknowledged_s), 1):
        visible_s = min(at_s for at_s, spans in seen if spans >= number * SPANS)
        delays.append(max(0.0, visible_s - acknowledged_s))
    cuts = statistics.quantiles(delays, n=100)
    return cuts[49], cuts[98]


def _send_and_watch(collector: Collector, load: Load, seen: list[tuple[float, int]]) -> Sent:
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, load)
        wanted = len(load.bodies) * SPANS
        while not seen or seen[-1][1] < wanted:
            spans = collector.loaded()
            seen.append((time.monotonic(), spans))
            time.sleep(0.02)
        return sending.result()


def _idle(seconds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Collector(Path(folder)) as collector:
        time.sleep(2)
        before = sum(collector.cpu_s().values())
        time.sleep(seconds)
        share = (sum(collector.cpu_s().values()) - before) / seconds
    print(f"idle: {share:.1%} of a core, all processes\n")


if __name__ == "__main__":
    main()
