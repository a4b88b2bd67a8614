"""Reviews and steps over many pairs that are ended by SIGKILL at random moments, and what is there afterwards."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ftui.store import Store
from ftui.store.pairs import Decision
from pairs_made import PROJECT, at_home, make, open_in_pairs
from terminal import Terminal

_BULK = Path(__file__).parent / "pairs_peers" / "bulk.py"
_ROW = re.compile(r"^│[▌▏ ]([·✓✗])[! ](\d{3,}) ", re.MULTILINE)
_SYMBOLS = {decision.symbol: decision for decision in Decision}
_SIZE = (80, 24)


@dataclass
class Killed:
    """What came of some kills.

    Attributes:
        kills: how many there were.
        shown: decisions that the screen showed when its process was killed, or a finished step had made.
        lost: those of them that were not in the store afterwards.
        broken: files that failed their integrity check.
        stuck: times at which undo or redo did not bring back what it should.
        halves: steps over many pairs that were found half done.
    """

    kills: int = 0
    shown: int = 0
    lost: int = 0
    broken: int = 0
    stuck: int = 0
    halves: int = 0
    notes: list[str] = field(default_factory=list)


def review_killed(home: Path, environment: Mapping[str, str], kills: int, seed: int, pairs: int = 3000) -> Killed:
    """Kill ftui while keys are pressed in Pairs, `kills` times, in one project that goes on from kill to kill."""
    make(home, pairs)
    outcome, source = Killed(), random.Random(seed)
    command = [sys.executable, "-m", "ftui"]
    with at_home(home):
        before = _decisions()
        for _ in range(kills):
            open_in_pairs()
            # A way that has nothing to go back to, or forward, would show nothing.
            keys = source.choice(["ax", "ax", "ax", "u", "\x12"])
            if not _possible(keys):
                keys = "ax"
            with Terminal(command, environment, _SIZE) as terminal:
                terminal.until(lambda text: len(_ROW.findall(text)) > 5)
                deadline = time.perf_counter() + source.uniform(0.02, 0.9)
                while time.perf_counter() < deadline:
                    terminal.send(source.choice(keys))
                    terminal.read(source.uniform(0.001, 0.03))
                terminal.kill(read_on=True)
                rows = _ROW.findall(terminal.text)
            outcome.kills += 1
            after = _check(outcome)
            for symbol, number in rows:
                pair, shown = int(number), _SYMBOLS[symbol]
                # What was pressed last need not have been shown; what was shown must be there.
                if before[pair] is not shown and (shown is Decision.PENDING) == (keys == "u"):
                    outcome.shown += 1
                    if after[pair] is not shown:
                        outcome.lost += 1
                        outcome.notes.append(f"{pair} was shown as {shown.name}, is {after[pair].name}")
            before = after
    return outcome


def bulk_killed(home: Path, environment: Mapping[str, str], kills: int, seed: int, pairs: int = 20_000) -> Killed:
    """Kill steps over all pairs, their undo and redo, while single decisions are made beside them."""
    make(home, pairs)
    outcome, source = Killed(), random.Random(seed)
    with at_home(home):
        for _ in range(kills):
            before = _decisions()
            # What nearly all have already would be no step, and the undo behind it that of another one.
            accepted = sum(each is Decision.ACCEPTED for each in before.values())
            decision = Decision.REJECTED if accepted > pairs / 2 else Decision.ACCEPTED
            # An undo would take back what was decided beside it: there, nothing is.
            alone = source.random() < 0.5
            ways = ["undo", "redo", "undo"] if alone else []
            command = [sys.executable, str(_BULK), decision.name.lower(), *ways]
            worker = subprocess.Popen(command, env=dict(environment), stdout=subprocess.PIPE)
            assert worker.stdout is not None
            worker.stdout.readline()
            made = dict[int, Decision]()
            deadline = time.perf_counter() + source.uniform(0, 0.5)
            with Store(PROJECT) as store:
                while time.perf_counter() < deadline:
                    time.sleep(source.uniform(0.005, 0.05))
                    if alone:
                        continue
                    pair = source.randrange(1, pairs + 1)
                    single = source.choice([Decision.ACCEPTED, Decision.REJECTED])
                    # One that changed nothing had it already: from the step, or from a decision before.
                    if store.pairs.decide([pair], single):
                        made[pair] = single
            worker.kill()
            worker.wait()
            worker.stdout.close()
            outcome.kills += 1
            after = _check(outcome)
            outcome.shown += len(made)
            lost = {pair for pair, single in made.items() if after[pair] is not single}
            outcome.lost += len(lost)
            others = after.keys() - made.keys()
            changed = sum(after[pair] is not before[pair] for pair in others)
            left = sum(after[pair] is not decision for pair in others)
            if changed and left:
                outcome.halves += 1
                outcome.notes.append(f"{changed} pairs are not as they were, {left} are not {decision.name}")
    return outcome


def _decisions() -> dict[int, Decision]:
    with Store(PROJECT) as store:
        rows = store.database.connection.execute("SELECT id, decision FROM pairs")
        return {row[0]: Decision(row[1]) for row in rows}


def _possible(keys: str) -> bool:
    with Store(PROJECT) as store:
        return keys == "ax" or store.pairs.next_step("undo" if keys == "u" else "redo") is not None


def _check(outcome: Killed) -> dict[int, Decision]:
    """Open the project as the next start would; gives the decisions, after undo and redo have been tried."""
    with Store(PROJECT) as store:
        connection = store.database.connection
        for name in ("main", "bulk"):
            outcome.broken += connection.execute(f"PRAGMA {name}.integrity_check").fetchone()[0] != "ok"
        # Opening the pairs brings a step to its end that was cut off.
        pairs = store.pairs
        found = _decisions()
        step = pairs.next_step("undo")
        if step is not None:
            undone = pairs.undo()
            outcome.stuck += undone is None or pairs.redo() is None or _decisions() != found
    return found
