"""Run a program that ends with its starter: `python -m ftui.engine.kept PROGRAM ARGUMENT…`.

The starter holds this process's standard input open. It closes however the
starter ends, kill -9 included; then the program ends with all its children, which
would otherwise keep a GPU's memory. Ends with the program's exit code.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

GRACE_SECONDS = 10.0
# What concerns this interpreter alone, and what a program that serves files of this machine has no use for.
_NOT_PASSED = ("PYTHON", "HF_TOKEN")


def main(command: list[str]) -> int:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED)}
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment, start_new_session=True)
    except OSError as error:
        print(f"Error: the program does not run: {error.strerror}", file=sys.stderr, flush=True)
        return 127

    def send(number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)

    def watch() -> None:
        # Not through `sys.stdin`, whose lock this thread would still hold when the interpreter ends.
        while os.read(0, 4096):
            pass
        send(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
        send(signal.SIGKILL)

    signal.signal(signal.SIGTERM, lambda *_: send(signal.SIGTERM))
    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    # Workers of its own may outlive it.
    send(signal.SIGKILL)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
