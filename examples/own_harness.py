"""A harness of your own, recorded as spanscore records its own runs.

    eval $(spanscore tokens)
    python own_harness.py

The tokens make the spans count; without a collector they are kept in a file for `spanscore import`.
"""

import os
import subprocess
import sys
import tempfile

from spanscore.instrumentation import Run

AGENT = [sys.executable, "-c", "open('answer.txt', 'w').write('42')"]
TEST = [sys.executable, "-c", "assert open('answer.txt').read() == '42'"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with Run(agent="my-agent", model="my-model", task="my-task") as run:
            with run.phase("adapter_run") as phase:
                env = os.environ | run.agent_environment  # its own telemetry joins the run
                done = subprocess.run(AGENT, cwd=folder, env=env)
                phase.set({"process.exit.code": done.returncode})
            with run.phase("verify") as phase:
                passed = subprocess.run(TEST, cwd=folder).returncode == 0
                phase.set({"test.suite.run.status": "success" if passed else "failure"})
        print(run.run_id)


if __name__ == "__main__":
    main()
