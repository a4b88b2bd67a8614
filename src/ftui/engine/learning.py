"""The part of the trainer that needs torch: one run of SFT with a LoRA adapter."""

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
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback, set_seed
from trl import SFTConfig, SFTTrainer

from ftui.engine import checkpoints, plan
from ftui.engine.layout import read_json
from ftui.engine.report import Report
from ftui.engine.rows import IGNORED

CHECKPOINT_SECONDS = 60.0
SAMPLE_ROWS = 32
Rows = Sequence[dict[str, list[int]]]


def quicker_dtype() -> str:
    """ "bfloat16" or "float32", whichever this processor multiplies faster; GPUs get bfloat16."""
    if torch.cuda.is_available():
        return "bfloat16"
    seconds = {}
    for name in ("float32", "bfloat16"):
        left = torch.ones(256, 576, dtype=getattr(torch, name))
        right = torch.ones(576, 1536, dtype=getattr(torch, name))
        times = []
        for _ in range(12):
            start = time.perf_counter()
            left @ right
            times.append(time.perf_counter() - start)
        seconds[name] = statistics.median(times)
    return "bfloat16" if seconds["bfloat16"] < 0.9 * seconds["float32"] else "float32"


def answer_loss(model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, int, int]:
    """Loss over the labelled tokens of one padding-free batch, tokens guessed right, tokens labelled.

    The vocabulary is large beside the model: scores are computed only where
    there is a label, which is a third of the positions or less.
    """
    labels = inputs["labels"][0]
    # The token at a position is predicted from the one before it.
    before = (labels[1:] != IGNORED).nonzero().flatten()
    targets = labels[before + 1]
    scores = model(
        input_ids=inputs["input_ids"],
        position_ids=inputs["position_ids"],
        logits_to_keep=before,
        use_cache=False,
    ).logits[0]
    loss = torch.nn.functional.cross_entropy(scores.float(), targets)
    right = int((scores.argmax(-1) == targets).sum())
    return loss, right, len(targets)


def probe_threads(number: int, limit: float) -> float:
    """Seconds for a few layers' worth of small operations with `number` threads; gives up after `limit`."""
    torch.set_num_threads(number)
    # No random numbers: how often this is called must not change the order of the examples.
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


class AnswerTrainer(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer with `answer_loss`; remembers the figures of the last batch."""

    last_loss = 0.0
    last_accuracy = 0.0
    last_tokens = 0

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
        loss, right, count = answer_loss(model, inputs)
        self.last_loss = loss.item()
        self.last_accuracy = right / count
        self.last_tokens = inputs["input_ids"].numel()
        return (loss, None) if return_outputs else loss


class Run:
    """One training run.

    Attributes:
        dtype: of the frozen base; the adapter is float32 always.
        tokenizer: the base model's own.
    """

    def __init__(self, base: Path, hyperparameters: dict[str, float], seed: int, dtype: str | None) -> None:
        self.dtype = dtype or quicker_dtype()
        self.tokenizer = AutoTokenizer.from_pretrained(base)
        self._base = base
        self._hyper = hyperparameters
        self._seed = seed
        self._trainer: AnswerTrainer | None = None

    def train(
        self, job: Path, rows: Rows, validation: Rows, report: Report, asked: Callable[[], str | None]
    ) -> str | None:
        """Train from the newest checkpoint to the end; what made it stop earlier, or None."""
        # The adapter is made before the library sets its own seed.
        set_seed(self._seed)
        model = AutoModelForCausalLM.from_pretrained(self._base, dtype=getattr(torch, self.dtype))
        batch_size, epochs = int(self._hyper["batch_size"]), int(self._hyper["n_epochs"])
        watch = Watch(job, report, asked, len(rows), batch_size, epochs, self._seed)
        args = SFTConfig(
            output_dir=str(job / "checkpoints"),
            per_device_train_batch_size=batch_size,
            num_train_epochs=epochs,
            learning_rate=plan.LEARNING_RATE * self._hyper["learning_rate_multiplier"],
            lr_scheduler_type="cosine",
            warmup_steps=0.1,
            weight_decay=0.0,
            max_grad_norm=1.0,
            # Autocast would cast the frozen weights again in every step, and recomputing activations
            # saves memory that a small model does not need.
            bf16=False,
            gradient_checkpointing=False,
            use_cpu=not torch.cuda.is_available(),
            padding_free=True,
            packing=False,
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            seed=self._seed,
            data_seed=self._seed,
            # The callback decides when to save and what to tell.
            logging_strategy="no",
            save_strategy="no",
            eval_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        adapter = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
        self._trainer = AnswerTrainer(
            model=model,
            args=args,
            train_dataset=Dataset.from_list(list(rows)),
            processing_class=self.tokenizer,
            peft_config=adapter,
            callbacks=[watch],
        )
        watch.begin(self._trainer, validation)
        start = checkpoints.newest(job)
        if start is not None:
            watch.restore(start)
        self._trainer.train(resume_from_checkpoint=str(start) if start else None)
        return watch.reason

    def save(self, folder: Path) -> None:
        """Write the adapter into the new `folder`."""
        assert self._trainer is not None
        self._trainer.model.save_pretrained(str(folder))


class Watch(TrainerCallback):  # type: ignore[misc]
    """Follows the run step by step: threads, metrics, validation, checkpoints, wishes.

    Attributes:
        reason: why the run ended early, or None.
    """

    def __init__(
        self,
        job: Path,
        report: Report,
        asked: Callable[[], str | None],
        rows: int,
        batch_size: int,
        epochs: int,
        seed: int,
    ) -> None:
        self.reason: str | None = None
        self._job = job
        self._report = report
        self._asked = asked
        self._per_epoch = plan.steps_per_epoch(rows, batch_size)
        self._total = self._per_epoch * epochs
        self._points = plan.evaluation_points(epochs, self._per_epoch)
        self._told_every = max(1, self._total // 500)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        numbers = [1] if torch.cuda.is_available() else [1, max(1, cores // 2), cores]
        self._threads = plan.Threads(numbers, probe_threads)
        self._seed = seed
        self._tokens = 0
        self._seconds: deque[float] = deque(maxlen=20)
        self._started = 0.0
        self._saved = time.monotonic()
        self._metrics: dict[str, Any] = {}

    def begin(self, trainer: AnswerTrainer, validation: Rows) -> None:
        self._trainer = trainer
        self._validation = list(validation)
        self._sample = self._validation
        if len(self._validation) > SAMPLE_ROWS:
            self._sample = random.Random(self._seed).sample(self._validation, SAMPLE_ROWS)

    def restore(self, checkpoint: Path) -> None:
        """Take over the counters that the library does not keep."""
        kept = read_json(checkpoint / checkpoints.MARKER) or {}
        self._tokens = int(kept.get("tokens", 0))
        self._report.say(f"Going on from the checkpoint at step {kept.get('step')}")

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        torch.set_num_threads(self._threads.choose(time.monotonic()))
        self._started = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        seconds = time.perf_counter() - self._started
        step = int(state.global_step)
        self._seconds.append(seconds)
        self._tokens += self._trainer.last_tokens
        self._threads.note(time.monotonic(), self._trainer.last_tokens, seconds)
        self._metrics = {
            "step": step,
            "total_steps": self._total,
            "train_loss": round(self._trainer.last_loss, 5),
            "train_mean_token_accuracy": round(self._trainer.last_accuracy, 5),
            "tokens_per_second": round(self._trainer.last_tokens / seconds, 1),
        }
        if self._validation and step in self._points:
            self._metrics |= self._evaluate(full=self._points[step])
        self._tell(step)
        self.reason = self._asked() if step < self._total else None
        epoch_ends = step % self._per_epoch == 0
        if epoch_ends or self.reason or time.monotonic() - self._saved > CHECKPOINT_SECONDS:
            # A cancelled run keeps the checkpoint it has: its end should not wait for a new one.
            control.should_save = self.reason != "cancel"
        control.should_training_stop = control.should_training_stop or self.reason is not None

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        step = int(state.global_step)
        checkpoints.complete(self._job, step, {"step": step, "tokens": self._tokens})
        if step % self._per_epoch == 0:
            data = {"created_at": int(time.time()), "step_number": step, "metrics": self._metrics}
            checkpoints.keep_epoch(self._job, step, data)
        self._saved = time.monotonic()
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

    def _evaluate(self, *, full: bool) -> dict[str, float]:
        rows = self._validation if full else self._sample
        model = self._trainer.model
        collate = self._trainer.data_collator
        size = self._trainer.args.per_device_train_batch_size
        loss = right = count = 0.0
        model.eval()
        with torch.inference_mode():
            for start in range(0, len(rows), size):
                batch = {
                    name: value.to(model.device) if isinstance(value, torch.Tensor) else value
                    for name, value in collate(rows[start : start + size]).items()
                }
                mean, hits, labelled = answer_loss(model, batch)
                loss += mean.item() * labelled
                right += hits
                count += labelled
        model.train()
        prefix = "full_valid" if full else "valid"
        found = {
            f"{prefix}_loss": round(loss / count, 5),
            f"{prefix}_mean_token_accuracy": round(right / count, 5),
        }
        if full:
            # Readers that know only the plain names see the better figure under them.
            found |= {name.removeprefix("full_"): value for name, value in found.items()}
        return found
