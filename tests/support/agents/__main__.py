"""Installs the agents named, or Node.js, and prints the path of each one's command.

python -m tests.support.agents node codex mini-swe-agent
"""

import sys

from spanscore.instrumentation.adapters import find

from .install import NODE, install

for name in sys.argv[1:]:
    if name == "node":
        print(install(NODE) / name)
    else:
        print(install(find(name).install) / find(name).command[0])
