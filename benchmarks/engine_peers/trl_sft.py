"""A TRL script as one would write it: `trl_sft.py BASE TRAIN DTYPE STEPS WAY ...`; prints a line of JSON a way."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from typing import Any

import torch
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback, set_seed
from trl import SFTConfig, SFTTrainer


class Timer(TrainerCallback):  # type: ignore[misc]
    """Seconds and losses of the steps."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.losses: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._start = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds.append(time.perf_counter() - self._start)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "loss" in logs:
            self.losses.append(float(logs["loss"]))


def main(base: str, train: str, way: str, dtype: str, steps: int) -> dict[str, Any]:
    rows = load_dataset("json", data_files=train, split="train")
    # What is learned is the answer, so the pair is given as a prompt and its completion.
    rows = rows.map(
        lambda row: {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}, remove_columns=["messages"]
    )
    batch = len(rows) // steps
    common = {
        "num_train_epochs": 1,
        "logging_steps": 1,
        "logging_first_step": True,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": not torch.cuda.is_available(),
        "seed": 3,
        "data_seed": 3,
    }
    model: Any = base
    if way == "ours":
        # The adapter is made from the seed, before the library sets it itself.
        set_seed(3)
        model = AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, dtype))
        common |= {
            "per_device_train_batch_size": batch,
            "learning_rate": 1e-3,
            "lr_scheduler_type": "cosine",
            "warmup_steps": 0.1,
            "max_grad_norm": 1.0,
            "bf16": False,
            "gradient_checkpointing": False,
            "padding_free": True,
            "max_length": None,
            "dataloader_pin_memory": False,
        }
    timer = Timer()
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(output_dir=folder, **common),
            train_dataset=rows,
            processing_class=AutoTokenizer.from_pretrained(base),
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
            callbacks=[timer],
        )
        tokens = sum(len(row["input_ids"]) for row in trainer.train_dataset)
        size = trainer.args.per_device_train_batch_size
        trainer.train()
    per_step = tokens / len(rows) * size
    return {"tokens_per_second": per_step / statistics.median(timer.seconds[1:]), "losses": timer.losses}


if __name__ == "__main__":
    for way in sys.argv[5:]:
        print(json.dumps(main(sys.argv[1], sys.argv[2], way, sys.argv[3], int(sys.argv[4]))))
