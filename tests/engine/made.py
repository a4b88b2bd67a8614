"""Jobs as the server lays them out, made by hand: the trainer needs no server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def row(number: int, *, system: bool = False) -> dict[str, Any]:
    """An example about an invented lamp."""
    messages = [{"role": "system", "content": "Be brief."}] * system
    messages += [{"role": "user", "content": f"What does lamp {number % 5} cost?"}]
    return {"messages": [*messages, {"role": "assistant", "content": f"It costs {number % 5 + 40} crowns."}]}


def pair(number: int) -> dict[str, Any]:
    """A preference about an invented lamp."""
    return {
        "input": {"messages": [{"role": "user", "content": f"What does lamp {number % 5} cost?"}]},
        "preferred_output": [{"role": "assistant", "content": f"It costs {number % 5 + 40} crowns."}],
        "non_preferred_output": [{"role": "assistant", "content": "I really do not know that, sorry."}],
    }


def job(home: Path, base: Path, rows: list[dict[str, Any]], *, name: str = "ftjob-1", **spec: Any) -> Path:
    """A job's folder as the server prepares it; `spec` overrides what its specification says."""
    folder = home / "jobs" / name
    folder.mkdir(parents=True)
    (home / "models").mkdir(exist_ok=True)
    validation = spec.pop("validation", [])
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    if validation:
        (folder / "validation.jsonl").write_text("\n".join(map(json.dumps, validation)), "utf-8")
    hyper = {"n_epochs": 1, "batch_size": 4, "learning_rate_multiplier": 1.0, "lora_rank": 4, "lora_alpha": 8}
    hyper |= {"context_length": 128, "beta": 0.1} | spec.pop("hyperparameters", {})
    data = {
        "base": str(base),
        "adapter": None,
        "method": "supervised",
        "hyperparameters": hyper,
        "seed": 5,
        "dtype": "float32",
        "folder": f"ft-{name}",
        "model_id": f"ft:tiny:ftui::{name}",
    }
    (folder / "spec.json").write_text(json.dumps(data | spec), "utf-8")
    return folder


def losses(job: Path) -> list[float]:
    """The training loss of each step of a job that is over."""
    return [float(line.split(",")[1]) for line in (job / "result.csv").read_text("utf-8").splitlines()[1:]]


def state(job: Path) -> dict[str, Any]:
    """What the trainer, or its launcher, said last."""
    found: dict[str, Any] = json.loads((job / "trainer.json").read_text("utf-8"))
    return found


def said(job: Path) -> str:
    """All that the trainer told a person, one message a line."""
    lines = (job / "events.jsonl").read_text("utf-8").splitlines()
    return "\n".join(json.loads(line)["message"] for line in lines)
