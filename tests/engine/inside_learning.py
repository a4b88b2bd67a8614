"""Trainings of tiny models in the engine's interpreter: `python inside_learning.py FOLDER`; prints JSON."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import made
import tiny
import torch
from datasets import Dataset
from peft import PeftModel
from trl import pack_dataset
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from ftui.chatfile import plain
from ftui.engine import trainer
from ftui.engine.failure import of_exception
from ftui.engine.learning import load_model, packs
from ftui.engine.rows import IGNORED, Unusable, encode, encode_preference, load_tokenizer, render
from ftui.engine.trainers import answer_loss

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "First answer."},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "Second answer."},
]


def main(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"families": {family: of_family(home, family) for family in tiny.FAMILIES}}
    found |= {"packing": packing(home), "pairs": pairs(home), "further": further(home), "early": early(home)}
    try:
        torch.empty(10**15)
    except RuntimeError as error:
        found["no memory"] = of_exception(error)["code"]
    return found


def of_family(home: Path, family: str) -> dict[str, Any]:
    base = tiny.make(home / "models" / family, family)
    tokenizer = load_tokenizer(base)
    example = encode(tokenizer, {"messages": TALK}, 500)
    rows = [made.row(number, system=True) for number in range(12)]
    job = made.job(home, base, rows, name=family, validation=rows[:5], hyperparameters={"n_epochs": 3} | FAST)
    trainer.main(job, 1)
    model = load_model(base, "float32").eval()
    ask = render(tokenizer, plain(TALK[:4]), ask=True)
    ids = torch.tensor([tokenizer(ask, add_special_tokens=False)["input_ids"]])
    chat = PeftModel.from_pretrained(model, home / "models" / f"ft-{family}").eval()
    with torch.inference_mode():
        answer = chat.generate(ids, max_new_tokens=4, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    return {
        "state": made.state(job)["state"],
        "error": made.state(job)["error"],
        "said": made.said(job),
        "losses": made.losses(job),
        "text": tokenizer.decode(example.input_ids),
        "learned": tokenizer.decode([token for token in example.labels if token != IGNORED]),
        "asked as trained": tokenizer.decode(example.input_ids).startswith(ask),
        "packs": packs(model),
        "answered": answer.shape[1] - ids.shape[1],
        "together": _together(base, tokenizer),
    }


FAST = {"learning_rate_multiplier": 10.0}


def _together(base: Path, tokenizer: Any) -> list[float]:
    """The loss of three rows in one batch, and of each alone put together."""
    model = load_model(base, "float32").eval()
    rows = [encode(tokenizer, made.row(number, system=number == 1), 128) for number in range(3)]
    given = [{"input_ids": row.input_ids, "labels": row.labels} for row in rows]
    collate = DataCollatorForLanguageModeling(pad_token_id=tokenizer.pad_token_id, padding_free=packs(model))
    with torch.no_grad():
        together, _, count = answer_loss(model, collate(given))
        alone = [answer_loss(model, collate([row])) for row in given]
    return [together.item(), sum(loss.item() * n for loss, _, n in alone) / count]


def packing(home: Path) -> dict[str, Any]:
    base = home / "models" / "llama"
    model, tokenizer = load_model(base, "float32").eval(), load_tokenizer(base)
    given = [encode(tokenizer, made.row(number), 128) for number in range(3)]
    rows = [{"input_ids": row.input_ids, "labels": row.labels} for row in given]
    window = pack_dataset(Dataset.from_list(rows), 400, "bfd").to_list()
    batch = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)(window)
    ids, positions = batch["input_ids"], batch["position_ids"]
    alone = []
    with torch.no_grad():
        packed = model(input_ids=ids, position_ids=positions, use_cache=False).logits[0]
        # Two ways to lose it without a word.
        ones = torch.ones_like(ids)
        masked = model(input_ids=ids, position_ids=positions, attention_mask=ones, use_cache=False).logits[0]
        cached = model(input_ids=ids, position_ids=positions).logits[0]
        starts = (positions[0] == 0).nonzero().flatten().tolist()
        for start, end in zip(starts, [*starts[1:], ids.shape[1]], strict=True):
            alone.append(model(input_ids=ids[:, start:end]).logits[0])
    expected = torch.cat(alone)
    many = [made.row(number, system=number % 2 == 0) for number in range(40)]
    job = made.job(
        home, base, many, name="packed", validation=many[:3],
        hyperparameters={"packing": True, "batch_size": 1, "n_epochs": 2} | FAST,
    )  # fmt: skip
    trainer.main(job, 1)
    falcon = made.job(home, home / "models" / "falcon", many, name="unpacked", hyperparameters={"packing": True})
    trainer.main(falcon, 1)
    return {
        "windows": len(window),
        "rows": len(starts),
        "difference": (packed - expected).abs().max().item(),
        "with a mask": (masked - expected).abs().max().item(),
        "with a cache": (cached - expected).abs().max().item(),
        "state": made.state(job)["state"],
        "said": made.said(job),
        "losses": made.losses(job),
        "tokens": made.state(job)["trained_tokens"],
        "tokens of the rows": 2 * sum(len(encode(tokenizer, row, 128).input_ids) for row in many),
        "refused": made.state(falcon)["error"],
    }


def pairs(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    rows = [made.pair(number) for number in range(12)]
    for family in ("llama", "gemma2", "qwen3", "falcon"):
        hyper = {"n_epochs": 4, "learning_rate_multiplier": 30.0}
        job = made.job(
            home, home / "models" / family, rows, name=f"dpo-{family}", method="dpo", validation=rows[:3],
            hyperparameters=hyper,
        )  # fmt: skip
        trainer.main(job, 1)
        steps = [json.loads(line) for line in (job / "events.jsonl").read_text().splitlines()]
        found[family] = {
            "state": made.state(job),
            "metrics": [step["data"] for step in steps if step["type"] == "metrics"],
        }
    tokenizer = load_tokenizer(home / "models" / "llama")
    pair = encode_preference(tokenizer, rows[0], 128)
    found["text"] = [tokenizer.decode(ids) for ids in pair[:3]]
    found["tokens"] = 4 * sum(
        2 * len(p.prompt_ids) + len(p.chosen_ids) + len(p.rejected_ids)
        for p in (encode_preference(tokenizer, row, 128) for row in rows)
    )
    return found


def further(home: Path) -> dict[str, Any]:
    """A tuned model that is tuned further, by answers and by preferences."""
    base, adapter = home / "models" / "llama", home / "models" / "ft-llama"
    rows = [made.row(number, system=True) for number in range(12)]
    again = made.job(
        home, base, rows, name="again", adapter=str(adapter), validation=rows[:5], hyperparameters={"lora_dropout": 0.1}
    )
    trainer.main(again, 1)
    likes = made.job(home, base, [made.pair(n) for n in range(12)], name="likes", method="dpo", adapter=str(adapter))
    trainer.main(likes, 1)
    config = json.loads((home / "models" / "ft-again" / "adapter_config.json").read_text())
    return {
        "before": made.losses(home / "jobs" / "llama"),
        "after": made.losses(again),
        "rank": config["r"],
        "dropout": config["lora_dropout"],
        "files": sorted(path.name for path in (home / "models" / "ft-likes").iterdir()),
        "likes": made.state(likes)["state"],
        "first": made.losses(likes)[0],
    }


def early(home: Path) -> dict[str, Any]:
    """Learning that goes well at first and then harms: what it is measured on says otherwise."""
    rows = [made.row(number) for number in range(10)]
    other = [made.row(number) for number in range(5)]
    for row in other:
        row["messages"][-1]["content"] = "Nobody knows."
    job = made.job(
        home, home / "models" / "llama", rows, name="early", validation=other,
        hyperparameters={"n_epochs": 40, "batch_size": 5, "early_stop": 2, "learning_rate_multiplier": 20.0},
    )  # fmt: skip
    trainer.main(job, 1)
    kept = {path.name: (path / "adapter_model.safetensors").read_bytes() for path in (job / "epochs").iterdir()}
    final = (home / "models" / "ft-early" / "adapter_model.safetensors").read_bytes()
    lines = (job / "result.csv").read_text().splitlines()[1:]
    measured = {int(line.split(",")[0]): float(line.split(",")[3]) for line in lines if line.split(",")[3]}
    return {
        "state": made.state(job)["state"],
        "said": made.said(job),
        "measured": measured,
        "published": [name for name, content in kept.items() if content == final],
    }


def refused(home: Path) -> str:
    tokenizer = load_tokenizer(home / "models" / "gemma")
    try:
        encode(tokenizer, {"messages": [TALK[1], TALK[1], TALK[2]]}, 500)
    except Unusable as error:
        return str(error)
    return ""


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    result = main(folder)
    result["refused"] = refused(folder)
    shutil.rmtree(folder)
    print(json.dumps(result))
