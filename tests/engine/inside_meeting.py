"""Two processes that meet, or wait in vain: `inside_meeting.py FOLDER WHAT`, run by torchrun."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from ftui.engine import team
from ftui.engine.failure import LOST, Stop
from ftui.engine.meeting import Meeting


def alone(folder: Path) -> None:
    """The other one never comes."""
    if team.rank():
        return
    try:
        Meeting(2.0)
    except Stop as error:
        (folder / "told").write_text(str(error))


def together(folder: Path) -> None:
    """What a machine has to do first is done once, and all wait for it."""

    def work() -> None:
        time.sleep(0.5)
        with (folder / "done").open("a") as done:
            done.write(f"{team.rank()};")

    Meeting(300.0).on_each_machine(work)
    assert (folder / "done").read_text() == "0;"
    assert team.of_first(team.rank()) == 0
    assert team.agree("same")
    assert not team.agree(str(team.rank()))
    (folder / f"fine{team.rank()}").touch()
    team.leave()


def failing(folder: Path) -> None:
    """Where it fails all of them stop."""

    def fail() -> None:
        raise Stop("disk_full", "mine")

    meeting, told = Meeting(300.0), ""
    try:
        meeting.on_each_machine(fail)
    except Stop as error:
        told = str(error)
    assert told == (LOST if team.rank() else "mine")
    (folder / f"stopped{team.rank()}").touch()
    team.leave()


if __name__ == "__main__":
    {"alone": alone, "together": together, "failing": failing}[sys.argv[2]](Path(sys.argv[1]))
