"""How the processes that train one job find each other, and wait for what each machine has to do first.

They tell of themselves in the store that `torchrun` keeps beside them: unlike a
common computation it can be waited for with a limit, or without any.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from ftui.engine import team
from ftui.engine.failure import LOST, Stop

MEETING_SECONDS = 900.0
"""How long processes wait for each other at the start."""
LATE_SECONDS = 1800.0
"""How far one of them may be behind later, such as while it reads a large model from a slow disk."""
_YES, _NO = b"yes", b"no"


class Meeting:
    """All processes of a team once they are there; one process alone has nobody to wait for.

    Raises:
        Stop: some of them did not come within `seconds`.
    """

    def __init__(self, seconds: float = MEETING_SECONDS) -> None:
        self._store: Any = None
        if team.size() == 1:
            return
        import torch
        from torch.distributed.rendezvous import rendezvous

        gpus = torch.cuda.is_available()
        if gpus:
            # Before anything is asked of "the" GPU: each process has its own.
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        self._store, rank, size = next(rendezvous("env://", timeout=timedelta(seconds=seconds)))
        self._store.set(f"here/{rank}", _YES)
        self._wait_for([f"here/{number}" for number in range(size)], seconds)
        torch.distributed.init_process_group(
            "nccl" if gpus else "gloo",
            store=self._store,
            rank=rank,
            world_size=size,
            timeout=timedelta(seconds=LATE_SECONDS),
        )

    def on_each_machine(self, work: Callable[[], None]) -> None:
        """Do `work` once on every machine, at first on the first one alone: the others may see the same disk.

        All processes have to call it, and wait for each other however long that takes.

        Raises:
            Stop: it failed elsewhere.
        """
        if self._store is None:
            work()
            return
        here, machines = int(os.environ["GROUP_RANK"]), int(os.environ["GROUP_WORLD_SIZE"])
        if team.first_here():
            self._wait_for(["done/0"] * (here > 0))
            try:
                work()
            except BaseException:
                self._store.set(f"done/{here}", _NO)
                raise
            self._store.set(f"done/{here}", _YES)
        self._wait_for([f"done/{number}" for number in range(machines)])

    def _wait_for(self, names: Sequence[str], seconds: float = math.inf) -> None:
        end = time.monotonic() + seconds
        for name in names:
            while not self._store.check([name]):
                if time.monotonic() > end:
                    came = sum(self._store.check([one]) for one in names)
                    why = "the others did not start, or their machines cannot reach the first one"
                    raise Stop("server_error", f"Only {came} of {len(names)} processes came together: {why}")
                time.sleep(0.1)
            if self._store.get(name) != _YES:
                raise Stop("server_error", LOST)
