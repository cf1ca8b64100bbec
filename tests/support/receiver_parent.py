"""A process that starts a receiver, prints its HTTP port and waits to be killed."""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

from spanscore.collector.receiver.main import run
from tests.support.doors import options_in

if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    spawn.Process(target=run, args=(options_in(Path(sys.argv[1])), theirs), daemon=True).start()
    print(ours.recv().http_port, flush=True)
    sys.stdin.read()
