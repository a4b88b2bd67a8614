"""Follows a run step by step: threads, metrics, validation, checkpoints, wishes."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from ftui.engine import checkpoints, plan, team
from ftui.engine.layout import read_json
from ftui.engine.report import Report
from ftui.engine.trainers import Sums

CHECKPOINT_SECONDS = 60.0
SAMPLE_ROWS = 32
# In the order of their weight: where processes were told different things, the last one counts.
WISHES = ("interrupted", "pause", "cancel")


def probe_threads(number: int, limit: float) -> float:
    """Seconds for a few layers' worth of small operations with `number` threads; gives up after `limit`."""
    torch.set_num_threads(number)
    # No random numbers: how often this is called must not change what is learned.
    hidden, up, down = torch.ones(240, 576), torch.ones(1536, 576) / 576, torch.ones(576, 1536) / 1536
    start = 0.0
    for turn in range(13):
        # The first turn wakes the threads and is not counted.
        start = time.perf_counter() if turn == 1 else start
        wide = torch.nn.functional.silu(torch.nn.functional.linear(hidden, up))
        hidden = torch.softmax(torch.nn.functional.linear(wide, down) + hidden, -1) + hidden
        if turn > 1 and time.perf_counter() - start > limit:
            break
    return time.perf_counter() - start


class Watch(TrainerCallback):  # type: ignore[misc]
    """The library's callback.

    Attributes:
        reason: why the run ended before its last step: a wish, "early" or None.
        best: the step after which the validation file was answered best.
    """

    def __init__(
        self,
        job: Path,
        report: Report,
        asked: Callable[[], str | None],
        *,
        per_epoch: int,
        epochs: int,
        patience: int | None,
        seed: int,
    ) -> None:
        self.reason: str | None = None
        self.best: int | None = None
        self._job = job
        self._report = report
        self._asked = asked
        self._per_epoch = per_epoch
        self._total = per_epoch * epochs
        self._patience = patience
        self._points = plan.evaluation_points(epochs, per_epoch, every_epoch=patience is not None)
        self._told_every = max(1, self._total // 500)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        cores = max(1, cores // team.on_this_host())
        numbers = [1] if torch.cuda.is_available() else [1, max(1, cores // 2), cores]
        self._threads = plan.Threads(numbers, probe_threads)
        self._seed = seed
        self._tokens = 0
        self._lowest: float | None = None
        self._worse = 0
        self._seconds: deque[float] = deque(maxlen=20)
        self._started = 0.0
        self._saved = time.monotonic()
        self._metrics: dict[str, Any] = {}

    def begin(self, trainer: Any, validation: Sequence[Any]) -> None:
        self._trainer = trainer
        self._validation = list(validation)
        self._sample = self._validation
        if len(self._validation) > SAMPLE_ROWS:
            self._sample = random.Random(self._seed).sample(self._validation, SAMPLE_ROWS)

    def restore(self, checkpoint: Path) -> None:
        """Take over what the library does not keep."""
        kept = read_json(checkpoint / checkpoints.MARKER) or {}
        self._tokens = int(kept.get("tokens", 0))
        self._lowest, self._worse, self.best = kept.get("lowest"), int(kept.get("worse", 0)), kept.get("best")
        # What a killed run wrote last may be of an earlier step, and after the last step nothing is written again.
        self._report.update(step=kept.get("step"), total_steps=self._total, trained_tokens=self._tokens)
        self._report.say(f"Going on from the checkpoint at step {kept.get('step')}")

    def over(self) -> bool:
        """Whether training had ended early when the checkpoint was made that the run goes on from."""
        return self._patience is not None and self._worse >= self._patience

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        torch.set_num_threads(self._threads.choose(time.monotonic()))
        self._started = time.perf_counter()
        self._trainer.sums = Sums()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        seconds = time.perf_counter() - self._started
        step = int(state.global_step)
        tokens = self._trainer.order.tokens((step - 1) % self._per_epoch)
        self._seconds.append(seconds)
        self._tokens += tokens
        self._threads.note(time.monotonic(), tokens, seconds)
        wish = self._asked() if step < self._total else None
        # One exchange a step: its sums, and what any process was asked for.
        *values, first, second, third = team.total([*self._trainer.sums.values(), *(wish == w for w in WISHES)])
        self.reason = next((w for w, n in zip(WISHES[::-1], (third, second, first), strict=True) if n), None)
        self._metrics = {
            "step": step,
            "total_steps": self._total,
            **Sums(*values).figures("train"),
            "tokens_per_second": round(tokens / seconds, 1),
        }
        if self._validation and step in self._points:
            self._metrics |= self._evaluate(step, full=self._points[step])
            if self.over() and step < self._total:
                self.reason = self.reason or "early"
        self._tell(step)
        epoch_ends = step % self._per_epoch == 0
        due = bool(team.of_first(time.monotonic() - self._saved > CHECKPOINT_SECONDS))
        if epoch_ends or self.reason or due:
            # A cancelled run keeps the checkpoint it has: its end should not wait for a new one.
            control.should_save = self.reason != "cancel"
        control.should_training_stop = control.should_training_stop or self.reason is not None

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        step = int(state.global_step)
        self._saved = time.monotonic()
        # Each process writes a file of its own into the checkpoint: it is whole when all of them have.
        team.total([0.0])
        if team.rank():
            return
        if step % self._per_epoch == 0:
            data = {"created_at": int(time.time()), "step_number": step, "metrics": self._metrics}
            checkpoints.keep_epoch(self._job, step, data)
        if self._patience is not None and self.best == step:
            checkpoints.keep_best(self._job, step)
        kept = {"step": step, "tokens": self._tokens, "lowest": self._lowest, "worse": self._worse, "best": self.best}
        checkpoints.complete(self._job, step, kept)
        self._report.say(f"Checkpoint created at step {step}")

    def _tell(self, step: int) -> None:
        left = (self._total - step) * statistics.median(self._seconds)
        self._report.update(
            step=step,
            total_steps=self._total,
            trained_tokens=self._tokens,
            threads=self._threads.best,
            estimated_finish=int(time.time() + left),
        )
        measured = any(name.endswith("valid_loss") for name in self._metrics)
        if step % self._told_every and not measured and step != self._total:
            return
        parts = [f"training loss={self._metrics['train_loss']:.2f}"]
        if "valid_loss" in self._metrics:
            parts.append(f"validation loss={self._metrics['valid_loss']:.2f}")
        if "full_valid_loss" in self._metrics:
            parts.append(f"full validation loss={self._metrics['full_valid_loss']:.2f}")
        self._report.say(f"Step {step}/{self._total}: {', '.join(parts)}", data=self._metrics)

    def _evaluate(self, step: int, *, full: bool) -> dict[str, float]:
        rows = self._validation if full else self._sample
        model = self._trainer.model
        size = self._trainer.args.per_device_train_batch_size
        batches = [rows[start : start + size] for start in range(0, len(rows), size)]
        mine = batches[team.rank() :: team.size()]
        if team.size() > 1:
            # Processes wait for each other at each batch: all take as many, of the same size.
            mine += [[]] * (-(-len(batches) // team.size()) - len(mine))
            mine = [[*batch, *[self._trainer.blank] * (size - len(batch))] for batch in mine]
        sums = Sums()
        model.eval()
        # Inference mode would spoil the weights of a sharded model for training.
        with torch.no_grad():
            for batch in mine:
                inputs = {
                    name: value.to(model.device) if isinstance(value, torch.Tensor) else value
                    for name, value in self._trainer.data_collator(batch).items()
                }
                sums.add(self._trainer.measure(model, inputs)[1])
        model.train()
        sums = Sums(*team.total(sums.values()))
        found = sums.figures("full_valid" if full else "valid")
        if not full:
            return found
        loss = sums.loss / max(1, sums.count)
        if self._lowest is None or loss < self._lowest:
            self._lowest, self._worse, self.best = loss, 0, step
        else:
            self._worse += 1
        # Readers that know only the plain names see the better figure under them.
        return found | {name.removeprefix("full_"): value for name, value in found.items()}
