"""Plays Slurm's `srun` on one machine: what it is given runs once for each node, as it promises with its option."""

from __future__ import annotations

import os
import subprocess
import sys
import time


def main(words: list[str]) -> int:
    together = "--kill-on-bad-exit=1" in words
    command = [word for word in words if not word.startswith("--")]
    nodes = [
        subprocess.Popen(command, env=os.environ | {"SLURM_NODEID": str(number)})
        for number in range(int(os.environ["SLURM_JOB_NUM_NODES"]))
    ]
    while any(node.poll() is None for node in nodes):
        if together and any(node.returncode for node in nodes):
            for node in nodes:
                node.terminate()
        time.sleep(0.1)
    return max((node.returncode for node in nodes if node.returncode >= 0), default=1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
