"""A lake writer that is killed at its nth opening, linking, renaming or removing of a file."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.support.lakes import writing

EVENTS = {"open", "os.link", "os.remove", "os.rename"}


def main() -> None:
    """Arguments: the folder of an inbox and a lake, and the number of the event."""
    folder, left = Path(sys.argv[1]), int(sys.argv[2])

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in EVENTS and arguments and str(folder) in str(arguments[0]):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    with writing(folder) as writer:
        sys.addaudithook(hook)
        while writer.seal():
            pass


if __name__ == "__main__":
    main()
