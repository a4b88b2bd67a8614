"""Training throughput beside plain TRL scripts, on the same pairs, model and machine.

All three learn the same rows with a LoRA adapter of rank 16 on the attention and
feed-forward matrices. "As it comes" is TRL's `SFTTrainer` with its defaults for
everything that it has one for; "our settings" is the same script told what the
engine chose: the type of the weights, no padding, no recomputed activations, the
same rate, schedule and batch. Its loss curve has to be the engine's.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs

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


def _home() -> Home:
    named = os.environ.get("FTUI_TEST_ENGINE")
    home = Home(Path(named) if named else platformdirs.user_data_path("ftui") / "engine")
    if not home.python.exists() or not (home.models / BASE_MODEL).exists():
        raise SystemExit("Training is measured in the engine's environment. Install it: ftui engine install")
    return home


def _rows(count: int) -> list[dict[str, Any]]:
    found = []
    for number in range(count):
        kind = (number * 7) % 3
        asked = {"role": "user", "content": _QUESTIONS[kind].format(number % 9)}
        said = {"role": "assistant", "content": _ANSWERS[kind].format(number % 40 + 10)}
        found.append({"messages": [asked, said]})
    return found


def figures(*, quick: bool) -> Iterator[Figure]:
    rows, steps, turns = (24, 4, 1) if quick else (192, 24, 3)
    home = _home()
    with tempfile.TemporaryDirectory(prefix="ftui-bench-", ignore_cleanup_errors=True) as folder:
        ours, plain, told = list[float](), list[float](), list[float]()
        curves: list[list[float]] = []
        for turn in range(turns):
            job = _job(Path(folder) / f"turn-{turn}", home, rows, steps)
            _run(home, ["-m", "ftui.engine.trainer", str(job), "1"])
            lines = [json.loads(line) for line in (job / "events.jsonl").read_text("utf-8").splitlines()]
            metrics = [line["data"] for line in lines if line["type"] == "metrics"]
            # The first step wakes caches and threads, in all three.
            ours.append(statistics.median(step["tokens_per_second"] for step in metrics[1:]))
            dtype = json.loads((job / "trainer.json").read_text("utf-8"))["dtype"]
            plain.append(_peer(home, job, "plain", dtype, steps)["tokens_per_second"])
            told_of = _peer(home, job, "ours", dtype, steps)
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


def _job(folder: Path, home: Home, rows: int, steps: int) -> Path:
    job = folder / "jobs" / "ftjob-1"
    job.mkdir(parents=True)
    (folder / "models").mkdir()
    (job / "train.jsonl").write_text("\n".join(map(json.dumps, _rows(rows))), "utf-8")
    spec = {
        "base": str(home.models / BASE_MODEL),
        "hyperparameters": {"n_epochs": 1, "batch_size": rows // steps, "learning_rate_multiplier": 1.0},
        "seed": 3,
        "folder": "ft-1",
        "model_id": "ft:bench:ftui::1",
    }
    (job / "spec.json").write_text(json.dumps(spec), "utf-8")
    return job


def _peer(home: Home, job: Path, way: str, dtype: str, steps: int) -> dict[str, Any]:
    out = _run(home, [str(_PEER), str(home.models / BASE_MODEL), str(job / "train.jsonl"), way, dtype, str(steps)])
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def _run(home: Home, arguments: list[str]) -> str:
    home.link_code()
    environment = home.environment() | {"GOMP_SPINCOUNT": "10000"}
    ran = subprocess.run(
        [str(home.python), *arguments], env=environment, capture_output=True, text=True, timeout=1200, check=False
    )
    if ran.returncode:
        raise SystemExit(ran.stderr[-3000:])
    return ran.stdout
