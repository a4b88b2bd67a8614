"""What a training run decides before and while it runs, apart from any library."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

BATCH_SIZE = 6
# A small model has learned a small set after about this many presentations.
PRESENTATIONS = {"supervised": 600, "dpo": 300}
LEARNING_RATE = {"supervised": 1e-3, "dpo": 1e-4}
# The rates are for a model this wide; wider ones want smaller steps.
WIDTH = 576
EVALUATIONS = 5
CONTEXT_LENGTH = 2048
# Rows are packed into windows no longer than this, or than the longest row: with wider ones a small file
# would have too few steps to learn from.
WINDOW = 512


def steps_per_epoch(rows: int, batch_size: int) -> int:
    return -(-rows // batch_size)


def resolve(rows: int, hyperparameters: Mapping[str, Any], method: str | None = None) -> dict[str, Any]:
    """`hyperparameters` with each `auto` (or missing one) replaced for a file of `rows` examples.

    `early_stop` is the number of evaluations without a better one after which
    training ends, or None. A batch is counted in windows where `packing` is on.
    Without `method` it is "dpo" where there is a `beta`, also an `auto` one.
    """
    method = method or ("dpo" if "beta" in hyperparameters else "supervised")
    given = {name: value for name, value in hyperparameters.items() if value is not None and value != "auto"}
    packing = bool(given.get("packing", False))
    lora_rank = int(given.get("lora_rank", 16))
    auto: dict[str, Any] = {
        "n_epochs": max(1, min(10, round(PRESENTATIONS[method] / max(1, rows)))),
        "batch_size": 1 if packing else min(BATCH_SIZE, max(1, rows)),
        "learning_rate_multiplier": 1.0,
        "lora_rank": lora_rank,
        "lora_alpha": 2 * lora_rank,
        "lora_dropout": 0.0,
        "context_length": CONTEXT_LENGTH,
        "packing": packing,
        "early_stop": None,
    }
    if method == "dpo":
        auto["beta"] = 0.1
    return auto | given


def learning_rate(method: str, width: int, multiplier: float) -> float:
    """The highest rate of a run on a model with `width` numbers a token."""
    return float(LEARNING_RATE[method] * min(1.0, WIDTH / max(1, width)) ** 0.8 * multiplier)


class Fit(NamedTuple):
    """How a batch is taken so that it fits: rows at a time, and whether activations are computed again."""

    at_once: int
    recomputed: bool
    bytes: float


def fit(
    share: int, sizes: Sequence[tuple[int, int]], kept: Callable[[int, int, int], float],
    recomputed: Callable[[int, int, int], float], free: float,
) -> Fit:  # fmt: skip
    """The quickest way to take a share of a batch that fits into `free` bytes, or else the smallest one.

    Args:
        share: rows of a batch that this process takes.
        sizes: tokens and learned tokens of each row.
        kept, recomputed: bytes for so many tokens, learned tokens and rows at a time, with activations kept or not.
    """
    longest = sorted(sizes, reverse=True)
    for again, cost in ((False, kept), (True, recomputed)):
        at_once = share
        while at_once >= 1:
            # The worst that chance can put together.
            worst = longest[:at_once]
            need = cost(sum(tokens for tokens, _ in worst), sum(answers for _, answers in worst), at_once)
            if need <= free:
                return Fit(at_once, again, need)
            at_once //= 2
    return Fit(1, True, need)


def evaluation_points(epochs: int, per_epoch: int, *, every_epoch: bool = False) -> dict[int, bool]:
    """The steps after which the validation file is looked at; True where all of it is.

    At most `EVALUATIONS` points, the last step always among them: ends of
    epochs first (all rows), then steps between them (a sample of the rows).
    With `every_epoch` the ends of all epochs and nothing else.
    """
    if every_epoch:
        return {epoch * per_epoch: True for epoch in range(1, epochs + 1)}
    total = epochs * per_epoch
    if epochs >= EVALUATIONS:
        chosen = [round(epochs * number / EVALUATIONS) for number in range(1, EVALUATIONS + 1)]
        return {epoch * per_epoch: True for epoch in chosen}
    points = {epoch * per_epoch: True for epoch in range(1, epochs + 1)}
    between = EVALUATIONS - epochs
    for number in range(1, between + 1):
        step = round(total * number / (between + 1))
        if step >= 1:
            points.setdefault(step, False)
    return dict(sorted(points.items()))


class Threads:
    """Finds the number of threads that computes fastest now, and keeps looking.

    On a quiet machine all cores are faster than one. Beside other work they can
    be many times slower, since threads wait for one that the system has set
    aside. Neither is known beforehand and both change while a job runs, so a
    short piece of work is timed with each number: at the start, now and then,
    and at once when a step was slow. After a slow step the next look at more
    threads waits longer each time.

    Args:
        numbers: the numbers to choose from.
        probe: seconds that a short piece of work takes with a number of
            threads; it may give up once it took longer than its second argument.
    """

    LOOK_SECONDS = 15.0
    LONGEST_SECONDS = 240.0
    DROP = 0.6

    def __init__(self, numbers: Sequence[int], probe: Callable[[int, float], float]) -> None:
        self.best = min(numbers)
        self._numbers = sorted(set(numbers))
        self._probe = probe
        self._usual: deque[float] = deque(maxlen=9)
        self._wait = self.LOOK_SECONDS
        self._next = 0.0

    def choose(self, now: float) -> int:
        """The number of threads for a step that starts `now` (monotonic seconds)."""
        if len(self._numbers) > 1 and now >= self._next:
            self._look()
            self._next = now + self._wait
        return self.best

    def note(self, now: float, tokens: int, seconds: float) -> None:
        """Tell how a step with the chosen number went."""
        speed = tokens / max(seconds, 1e-9)
        if len(self._usual) >= 3 and self.best > 1 and speed < self.DROP * statistics.median(self._usual):
            self._wait = min(2 * self._wait, self.LONGEST_SECONDS)
            self.best = 1
            self._usual.clear()
            self._next = now + self._wait
            return
        self._usual.append(speed)

    def _look(self) -> None:
        quickest = math.inf
        before, found = self.best, self.best
        for number in self._numbers:
            seconds = self._probe(number, 1.5 * quickest)
            # One thread disturbs nobody: more must be clearly faster.
            if seconds < 0.9 * quickest:
                quickest, found = seconds, number
        if found != before:
            self.best = found
            self._usual.clear()
