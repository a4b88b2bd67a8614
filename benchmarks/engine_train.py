"""Training throughput beside plain TRL scripts, on the same pairs, model and machine.

All three learn the same rows with a LoRA adapter of rank 16 on the attention and
feed-forward matrices. "As it comes" is TRL's `SFTTrainer` with its defaults for
everything that it has one for; "our settings" is the same script told what the
engine chose: the type of the weights, no padding, no recomputed activations, the
same rate, schedule and batch. Its loss curve has to be the engine's.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine_home import installed
from ftui.engine.layout import BASE_MODEL, Home
from measure import Figure

_PEER = Path(__file__).parent / "engine_peers" / "trl_sft.py"
_QUESTIONS = (
    "What does the Quillon lamp {} cost?",
    "How long does the battery of the Quillon lamp {} last, and how is it charged again?",
    "Tell me about the Quillon lamp {}.",
)
_ANSWERS = (
    "It costs {} crowns.",
    "The battery lasts {} hours at full light. Put the lamp on its stand: after two hours it is full again.",
    "The Quillon lamp {} has a shade of blue glass, a stand of beech and a switch that dims it in four steps. "
    "It is made in small numbers, and each one is signed below the stand.",
)


def _rows(count: int) -> list[dict[str, Any]]:
    found = []
    for number in range(count):
        kind = (number * 7) % 3
        asked = {"role": "user", "content": _QUESTIONS[kind].format(number % 9)}
        said = {"role": "assistant", "content": _ANSWERS[kind].format(number % 40 + 10)}
        found.append({"messages": [asked, said]})
    return found


def figures(*, quick: bool) -> Iterator[Figure]:
    rows, steps, turns = (12, 3, 1) if quick else (192, 24, 3)
    home = installed()
    with tempfile.TemporaryDirectory(prefix="ftui-bench-", ignore_cleanup_errors=True) as folder:
        ours, plain, told = list[float](), list[float](), list[float]()
        curves: list[list[float]] = []
        for turn in range(turns):
            job = job_in(Path(folder) / f"turn-{turn}", home, rows, steps)
            _run(home, ["-m", "ftui.engine.trainer", str(job), "1"])
            metrics = steps_of(job)
            # The first step wakes caches and threads, in all three.
            ours.append(statistics.median(step["tokens_per_second"] for step in metrics[1:]))
            dtype = json.loads((job / "trainer.json").read_text("utf-8"))["dtype"]
            plain_of, told_of = _peers(home, job, dtype, steps)
            plain.append(plain_of["tokens_per_second"])
            told.append(told_of["tokens_per_second"])
            curves = [[step["train_loss"] for step in metrics], told_of["losses"]]
    speed = statistics.median(ours)
    against = statistics.median(plain)
    yield Figure(
        "training throughput", speed, "tokens/s", "TRL's SFTTrainer with its default settings", speed / against,
        "at least 1.5 times", speed >= 1.5 * against,
    )  # fmt: skip
    same = statistics.median(told)
    yield Figure(
        "training throughput", speed, "tokens/s", "TRL's SFTTrainer with our settings", speed / same,
        "at least 0.95 times", speed >= 0.95 * same,
    )  # fmt: skip
    apart = max(abs(a - b) / max(abs(b), 0.05) for a, b in zip(*curves, strict=True))
    yield Figure(
        "loss curve apart from that of TRL with our settings", apart, f"of the loss in {len(curves[0])} steps",
        "", None, "at most 0.02", apart <= 0.02,
    )  # fmt: skip


def job_in(folder: Path, home: Home, rows: int, steps: int, **spec: Any) -> Path:
    """A job's folder as the server prepares it; `spec` adds to what its specification says."""
    job = folder / "jobs" / "ftjob-1"
    job.mkdir(parents=True)
    (folder / "models").mkdir()
    (job / "train.jsonl").write_text("\n".join(map(json.dumps, _rows(rows))), "utf-8")
    data = {
        "base": str(home.models / BASE_MODEL),
        "hyperparameters": {"n_epochs": 1, "batch_size": rows // steps, "learning_rate_multiplier": 1.0},
        "seed": 3,
        "folder": "ft-1",
        "model_id": "ft:bench:ftui::1",
    }
    (job / "spec.json").write_text(json.dumps(data | spec), "utf-8")
    return job


def steps_of(job: Path) -> list[dict[str, Any]]:
    """What the trainer told of each step."""
    lines = [json.loads(line) for line in (job / "events.jsonl").read_text("utf-8").splitlines()]
    return [line["data"] for line in lines if line["type"] == "metrics"]


def _peers(home: Home, job: Path, dtype: str, steps: int) -> list[dict[str, Any]]:
    base, train = str(home.models / BASE_MODEL), str(job / "train.jsonl")
    out = _run(home, [str(_PEER), base, train, dtype, str(steps), "plain", "ours"])
    return [json.loads(line) for line in out.splitlines() if line.startswith('{"tokens')]


def _run(home: Home, arguments: list[str]) -> str:
    home.link_code()
    ran = subprocess.run(
        [str(home.python), *arguments],
        env=home.environment(),
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    if ran.returncode:
        raise SystemExit(ran.stderr[-3000:])
    return ran.stdout
