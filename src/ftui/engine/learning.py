"""The part of the trainer that needs torch: one run of TRL with a LoRA adapter."""

from __future__ import annotations

import inspect
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, set_seed
from trl import DPOConfig, SFTConfig, pack_dataset

from ftui.engine import checkpoints, memory, plan, team
from ftui.engine.failure import Stop
from ftui.engine.order import Order, pieces
from ftui.engine.report import Report
from ftui.engine.rows import IGNORED
from ftui.engine.trainers import AnswerTrainer, PairTrainer
from ftui.engine.watch import Watch

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


def load_model(base: Path, dtype: str) -> Any:
    """The model in the folder `base` for training."""
    config = AutoConfig.from_pretrained(base)
    # Some models squash the scores of attention, which only the plain computation knows how to do.
    soft = getattr(config.get_text_config(), "attn_logit_softcapping", None)
    attention = {"attn_implementation": "eager"} if soft else {}
    return AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, dtype), **attention)


def packs(model: Any) -> bool:
    """Whether rows put one behind the other, with positions that begin anew, do not see each other.

    Most models find the borders by the positions; some do not look at them, and
    would learn from a mixture. So it is tried: a row behind another one must
    get the scores that it gets alone.
    """
    if "logits_to_keep" not in inspect.signature(model.forward).parameters:
        return False
    device = model.device
    first, second = torch.arange(1, 6, device=device), torch.arange(6, 12, device=device)
    positions = torch.cat([torch.arange(5, device=device), torch.arange(6, device=device)])
    was = model.training
    model.eval()
    try:
        with torch.inference_mode():
            both = model(input_ids=torch.cat([first, second])[None], position_ids=positions[None], use_cache=False)
            alone = model(input_ids=second[None], position_ids=positions[None, 5:], use_cache=False)
    except (TypeError, ValueError, RuntimeError, IndexError):
        return False
    finally:
        model.train(was)
    expected, found = alone.logits[0].float(), both.logits[0, 5:].float()
    return bool((expected - found).abs().max() <= 0.05 * expected.abs().max())


class Run:
    """One training run.

    Args:
        spec: the job's specification.
        dtype: of the frozen base as an earlier attempt chose it; the adapter is float32 always.
    """

    def __init__(self, spec: dict[str, Any], tokenizer: Any, report: Report, dtype: str | None) -> None:
        self._spec = spec
        self._base = Path(spec["base"])
        self._hyper: dict[str, Any] = spec["hyperparameters"]
        self._pairs = spec.get("method", "supervised") == "dpo"
        self._tokenizer = tokenizer
        self._report = report
        self._best: Path | None = None
        self.dtype = team.of_first(dtype or spec.get("dtype") or quicker_dtype())
        self._trainer: Any = None

    def train(self, job: Path, rows: Rows, validation: Rows, asked: Callable[[], str | None]) -> str | None:
        """Train from the newest checkpoint to the end; what made it stop earlier, or None."""
        epochs, batch_size = int(self._hyper["n_epochs"]), int(self._hyper["batch_size"])
        if self._hyper.get("packing") and not self._pairs:
            rows = self._pack(rows)
            validation = [row | {"seq_lengths": [len(row["input_ids"])]} for row in validation]
        how = self._fit(rows, batch_size)
        seed = int(self._spec["seed"])
        # The adapter is made before the library sets its own seed.
        set_seed(seed)
        model = load_model(self._base, self.dtype)
        args = self._arguments(job, how, batch_size, epochs, model)
        if not self._pairs and not packs(model):
            args["padding_free"] = False
            if "seq_lengths" in rows[0]:
                raise Stop(
                    "unsupported_packing", "This model cannot tell packed examples apart: train it without packing"
                )
        # The callback decides when to save and what to tell.
        patience = self._hyper.get("early_stop") if validation else None
        per_epoch = plan.steps_per_epoch(len(rows), batch_size)
        watch = Watch(
            job, self._report, asked, per_epoch=per_epoch, epochs=epochs, patience=patience, seed=seed
        )  # fmt: skip
        adapter = self._adapter(model)
        self._trainer = (PairTrainer if self._pairs else AnswerTrainer)(
            model=adapter if isinstance(adapter, PeftModel) else model,
            args=(DPOConfig if self._pairs else SFTConfig)(**args),
            train_dataset=Dataset.from_list(list(rows)),
            processing_class=self._tokenizer,
            peft_config=None if isinstance(adapter, PeftModel) else adapter,
            callbacks=[watch],
        )
        order = Order(
            [tokens for tokens, _ in map(_size, rows)], batch_size, how.at_once, seed, team.rank(), team.size()
        )
        self._trainer.take(list(rows), self._blank(rows[0]), order)
        watch.begin(self._trainer, validation)
        start = checkpoints.newest(job)
        if start is not None:
            watch.restore(start)
        if watch.over():
            watch.reason = "early"
        else:
            self._trainer.train(resume_from_checkpoint=str(start) if start else None)
        self._best = checkpoints.best(job, watch.best) if patience is not None and watch.best else None
        return watch.reason

    def save(self, folder: Path) -> None:
        """Write the adapter into the new `folder`: the best one where training may stop early, else the last."""
        if self._best is not None:
            folder.mkdir()
            for name in checkpoints.ADAPTER_FILES:
                shutil.copy2(self._best / name, folder / name)
            return
        model = self._trainer.accelerator.unwrap_model(self._trainer.model)
        model.save_pretrained(str(folder), selected_adapters=["default"])

    def _arguments(self, job: Path, how: plan.Fit, batch_size: int, epochs: int, model: Any) -> dict[str, Any]:
        hyper, seed = self._hyper, int(self._spec["seed"])
        width = int(getattr(model.config.get_text_config(), "hidden_size", plan.WIDTH))
        method = "dpo" if self._pairs else "supervised"
        found: dict[str, Any] = {
            "output_dir": str(job / "checkpoints"),
            "per_device_train_batch_size": how.at_once,
            "gradient_accumulation_steps": pieces(batch_size, how.at_once, team.size()),
            "num_train_epochs": epochs,
            "learning_rate": plan.learning_rate(method, width, float(hyper["learning_rate_multiplier"])),
            "lr_scheduler_type": "cosine",
            "warmup_steps": 0.1,
            "weight_decay": 0.0,
            "max_grad_norm": 1.0,
            # Autocast would cast the frozen weights again in every step, and recomputing activations
            # saves memory that a small model does not need.
            "bf16": False,
            "gradient_checkpointing": how.recomputed,
            "use_cpu": not torch.cuda.is_available(),
            "max_length": None,
            "remove_unused_columns": False,
            "dataloader_pin_memory": False,
            "seed": seed,
            "data_seed": seed,
            "logging_strategy": "no",
            "save_strategy": "no",
            "eval_strategy": "no",
            "report_to": [],
            "disable_tqdm": True,
        }
        if team.size() > 1:
            backend = "nccl" if torch.cuda.is_available() else "gloo"
            found |= {"ddp_backend": backend, "ddp_find_unused_parameters": False}
        if self._pairs:
            return found | {"beta": float(hyper["beta"]), "disable_dropout": not hyper.get("lora_dropout")}
        return found | {
            "padding_free": True,
            "packing": False,
            "dataset_kwargs": {"skip_prepare_dataset": True},
        }

    def _adapter(self, model: Any) -> Any:
        """What is trained: the adapter of a tuned model on its base, or what a new one is made from."""
        if self._spec.get("adapter"):
            return PeftModel.from_pretrained(model, self._spec["adapter"], is_trainable=True)
        return LoraConfig(
            r=int(self._hyper.get("lora_rank", 16)),
            lora_alpha=self._hyper.get("lora_alpha", 32),
            lora_dropout=float(self._hyper.get("lora_dropout", 0.0)),
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )

    def _pack(self, rows: Rows) -> Rows:
        longest = max(len(row["input_ids"]) for row in rows)
        window = min(int(self._hyper["context_length"]), max(plan.WINDOW, longest))
        packed = pack_dataset(Dataset.from_list(list(rows)), window, "bfd").to_list()
        self._report.say(f"{len(rows):,} examples packed into {len(packed):,} windows of {window:,} tokens")
        return list(packed)

    def _fit(self, rows: Rows, batch_size: int) -> plan.Fit:
        """How a batch is taken; says before anything is loaded what it needs.

        Raises:
            Stop: it fits in no way.
        """
        model = memory.shape(self._base)
        width = 2 if self.dtype == "bfloat16" else 4
        rank = int(self._hyper.get("lora_rank", 16))
        kept = memory.need(model, width, rank, pairs=self._pairs)
        recomputed = memory.need(model, width, rank, recomputed=True, pairs=self._pairs)
        cuda = torch.cuda.is_available()
        free = float(torch.cuda.mem_get_info()[0]) if cuda else memory.free() / team.on_this_host()
        share = -(-batch_size // team.size())
        # The library's first memory is taken already.
        free += 0.0 if cuda else 0.5 * memory.LIBRARIES
        how = plan.fit(share, list(map(_size, rows)), kept.of, recomputed.of, free)
        where = "GPU memory" if cuda else "memory"
        numbers = f"needs about {memory.said(how.bytes)} of {where}, {memory.said(free)} are free"
        if how.bytes > free:
            raise Stop("model_too_large", f"The model does not fit: training it {numbers}")
        ways = f", {how.at_once} of {share} examples at a time" * (how.at_once < share)
        ways += ", activations computed twice" * how.recomputed
        self._report.say(f"Training {numbers}{ways}")
        # All processes cut a batch alike.
        at_once, again = team.least([how.at_once, not how.recomputed])
        return plan.Fit(int(at_once), not again, how.bytes)

    def _blank(self, row: dict[str, list[int]]) -> dict[str, list[int]]:
        """A row like `row` that has nothing to learn."""
        token = int(self._tokenizer.pad_token_id or 0)
        if self._pairs:
            return {"prompt_ids": [token, token], "chosen_ids": [], "rejected_ids": []}
        return {"input_ids": [token], "labels": [IGNORED]} | ({"seq_lengths": [1]} if "seq_lengths" in row else {})


def _size(row: dict[str, list[int]]) -> tuple[int, int]:
    """Tokens of a row, and how many of them are learned."""
    if "prompt_ids" in row:
        answers = len(row["chosen_ids"]) + len(row["rejected_ids"])
        return 2 * len(row["prompt_ids"]) + answers, answers
    return len(row["input_ids"]), sum(label != IGNORED for label in row["labels"])
