"""`spanscore tasks make-mutations`: makes tasks of a library, and says how far it is."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from spanscore.instrumentation.tasks.mutations import make
from spanscore.instrumentation.tasks.mutations.manifest import Manifest
from spanscore.instrumentation.tasks.mutations.mutate import Mutation

from .tasks import backend_for

CANCELLED = 130


def make_anew(
    sdist: Path, out: Path, count: int, seed: int, tests: Sequence[str], image: str | None
) -> int:
    """Make tasks and their manifest; 1 if not one was kept, 130 after Ctrl-C. Raises TaskError."""
    cancelled = threading.Event()
    console = Console(stderr=True, highlight=False, markup=False)
    with _interrupts(cancelled), console.status("running the tests of the library") as status:
        backend = backend_for(image)

        def told(kept: int, tried: int, mutation: Mutation) -> None:
            line = f"{kept} of {count} kept, {tried} tried: {_said(mutation)}"
            if console.is_terminal:
                status.update(line)
            else:
                print(line, file=sys.stderr, flush=True)

        manifest = make.make(
            sdist,
            out,
            backend,
            image=image,
            count=count,
            seed=seed,
            tests=tests,
            cancelled=cancelled,
            told=told,
        )
    _print(manifest, out)
    if cancelled.is_set():
        return CANCELLED
    return 0 if manifest.made else 1


def make_again(sdist: Path, manifest: Path, out: Path) -> None:
    """Make the tasks of a manifest. Raises TaskError."""
    _print(make.make_again(sdist, manifest, out), out)


@contextmanager
def _interrupts(cancelled: threading.Event) -> Iterator[None]:
    """Ctrl-C ends what runs, and what was made is kept; a second one ends the command."""

    def cancel(*_: object) -> None:
        if cancelled.is_set():
            raise KeyboardInterrupt
        cancelled.set()

    before = signal.signal(signal.SIGINT, cancel)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _print(manifest: Manifest, out: Path) -> None:
    for made in manifest.made:
        print(f"{out / made.id}  {_said(made.mutation)}  ({len(made.fail_to_pass)} tests fail)")
    print(f"{len(manifest.made)} tasks of {manifest.library} {manifest.version} in {out}")


def _said(mutation: Mutation) -> str:
    return f"{mutation.path}:{mutation.line}: {mutation.token} becomes {mutation.becomes}"
