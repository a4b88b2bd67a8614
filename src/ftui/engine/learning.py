"""The part of the trainer that needs torch: one run of TRL with a LoRA adapter."""

from __future__ import annotations

import inspect
import re
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
from transformers.distributed import DistributedConfig
from trl import DPOConfig, SFTConfig, pack_dataset

from ftui.engine import checkpoints, fitting, memory, plan, team
from ftui.engine.failure import Stop
from ftui.engine.order import Order, pieces
from ftui.engine.report import Report
from ftui.engine.rows import IGNORED
from ftui.engine.trainers import AnswerTrainer, PairTrainer, own
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


def load_model(base: Path, dtype: str, *, sharded: bool = False) -> Any:
    """The model in the folder `base` for training, its weights frozen.

    Args:
        sharded: each process loads its part of the weights alone (FSDP); all processes have to call it.
    """
    config = AutoConfig.from_pretrained(base)
    # Some models squash the scores of attention, which only the plain computation knows how to do.
    soft = getattr(config.get_text_config(), "attn_logit_softcapping", None)
    more: dict[str, Any] = {"attn_implementation": "eager"} if soft else {}
    if sharded:
        more["distributed_config"] = DistributedConfig(fsdp_size=team.size(), fsdp_plan=_layers(config))
    model = AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, dtype), **more)
    # Before it is used: while it is, some weights of a sharded model are whole, and freezing those would be in vain.
    return model.requires_grad_(False)


def _layers(config: Any) -> dict[str, str] | None:
    """The layers of a model by which it is sharded, or None where the library knows them."""
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(config)
    whole = empty._no_split_modules or ()
    names = {re.sub(r"\.\d+", ".*", name) for name, part in empty.named_modules() if type(part).__name__ in whole}
    return None if names & set(empty.fsdp_plan) else dict.fromkeys(names, "free_full_weight")


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
        with torch.no_grad():
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
        way = self._fit(rows, batch_size)
        seed = int(self._spec["seed"])
        # The adapter is made before the library sets its own seed.
        set_seed(seed)
        model = load_model(self._base, self.dtype, sharded=way.sharded)
        args = self._arguments(job, way.fit, batch_size, epochs, model)
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
            [tokens for tokens, _ in map(_size, rows)], batch_size, way.fit.at_once, seed, team.rank(), team.size()
        )
        self._trainer.take(list(rows), self._blank(rows[0]), order)
        watch.begin(self._trainer, validation)
        start = checkpoints.newest(job)
        if not team.agree(start.name if start else ""):
            why = "they must see the same folder, or each a copy of it"
            raise Stop("server_error", f"The machines of this job have different checkpoints: {why}")
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
        model.save_pretrained(str(folder), selected_adapters=["default"], state_dict=own(model))

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
            settings = LoraConfig.from_pretrained(self._spec["adapter"])
            settings.lora_dropout = float(self._hyper.get("lora_dropout", 0.0))
            return PeftModel.from_pretrained(model, self._spec["adapter"], is_trainable=True, config=settings)
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

    def _fit(self, rows: Rows, batch_size: int) -> fitting.Way:
        """How a batch is taken; says before anything is loaded what it needs.

        Raises:
            Stop: it fits in no way.
        """
        cuda = torch.cuda.is_available()
        # The library's first memory is taken already.
        here = float(torch.cuda.mem_get_info()[0]) if cuda else memory.free() / team.on_this_host()
        here += 0.0 if cuda else 0.5 * memory.LIBRARIES
        # All processes cut a batch alike, so the one with the least decides.
        (free,) = team.least([here])
        wanted = str((self._spec.get("launch") or {}).get("shard") or "auto")
        width = 2 if self.dtype == "bfloat16" else 4
        way = fitting.choose(
            memory.shape(self._base), width, int(self._hyper.get("lora_rank", 16)), list(map(_size, rows)), batch_size,
            free, pairs=self._pairs, processes=team.size(), wanted=wanted, gpu=cuda,
        )  # fmt: skip
        numbers, why = fitting.told(way, free, team.size(), gpu=cuda, wanted=wanted)
        if way.fit.bytes > free:
            also = f", sharded over {team.size()} processes" * way.sharded
            raise Stop("model_too_large", f"The model does not fit: training it{also} {numbers}")
        if why:
            self._report.say(why)
        share = -(-batch_size // team.size())
        ways = f", {way.fit.at_once} of {share} examples at a time" * (way.fit.at_once < share)
        ways += ", activations computed twice" * way.fit.recomputed
        self._report.say(f"Training {numbers}{ways}")
        if team.size() > batch_size:
            spare = f"A batch of {batch_size} gives work to {batch_size} of {team.size()} processes"
            self._report.say(f"{spare}: a larger one would use them all", level="warn")
        return way

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
