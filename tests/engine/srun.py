"""Plays Slurm's `srun` on one machine: what it is given runs once for each node, as it promises with its option."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

KILL_WAIT = 5.0


def main(words: list[str]) -> int:
    together = "--kill-on-bad-exit=1" in words
    command = [word for word in words if not word.startswith("--")]
    nodes = [
        subprocess.Popen(command, env=os.environ | {"SLURM_NODEID": str(number)}, start_new_session=True)
        for number in range(int(os.environ["SLURM_JOB_NUM_NODES"]))
    ]
    failed: float | None = None
    while None in (codes := [node.poll() for node in nodes]):
        if together and any(codes):
            failed = failed or time.monotonic()
            # Slurm's KillWait: who waits for others to come does not hear the first signal.
            late = time.monotonic() - failed > KILL_WAIT
            for node in nodes:
                if node.poll() is None:
                    os.killpg(node.pid, signal.SIGKILL if late else signal.SIGTERM)
        time.sleep(0.1)
    return max((node.returncode for node in nodes if node.returncode >= 0), default=1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
