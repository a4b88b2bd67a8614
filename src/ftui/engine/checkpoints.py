"""Checkpoints of a job on disk.

checkpoints/checkpoint-N/   all that an exact resume needs; `complete.json` says that it is whole
epochs/step-N/              the adapter alone at the end of an epoch, to chat with; the last three
best/step-N/                the adapter alone that did best on the validation file, where training may stop early
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ftui.engine.layout import read_json, sync_folder, write_json

MARKER = "complete.json"
ADAPTER_FILES = ("adapter_model.safetensors", "adapter_config.json")
KEEP_EPOCHS = 3
BEST = "best"


def newest(job: Path) -> Path | None:
    """The last whole checkpoint; what was cut off by a crash is removed."""
    whole = {}
    for folder in _numbered(job / "checkpoints", "checkpoint-"):
        if (folder / MARKER).exists():
            whole[_number(folder)] = folder
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return whole[max(whole)] if whole else None


def complete(job: Path, step: int, data: dict[str, Any]) -> None:
    """Declare the checkpoint of `step` whole, with `data` beside it, and drop the older ones.

    What is kept of it otherwise (`keep_epoch`, `keep_best`) is kept before: a
    run that goes on from here finds it.
    """
    folder = job / "checkpoints" / f"checkpoint-{step}"
    sync_folder(folder)
    write_json(folder / MARKER, data)
    for older in _numbered(job / "checkpoints", "checkpoint-"):
        if _number(older) < step:
            shutil.rmtree(older, ignore_errors=True)


def keep_epoch(job: Path, step: int, data: dict[str, Any]) -> None:
    """Keep the adapter of the checkpoint of `step` for chat, with its metrics."""
    (job / "epochs").mkdir(exist_ok=True)
    _keep(job, step, job / "epochs" / f"step-{step}", data)
    for older in _numbered(job / "epochs", "step-")[:-KEEP_EPOCHS]:
        shutil.rmtree(older, ignore_errors=True)


def keep_best(job: Path, step: int) -> None:
    """Keep the adapter of the checkpoint of `step` as the best one."""
    (job / BEST).mkdir(exist_ok=True)
    _keep(job, step, job / BEST / f"step-{step}", {"step_number": step})
    for older in _numbered(job / BEST, "step-"):
        if _number(older) < step:
            shutil.rmtree(older, ignore_errors=True)


def best(job: Path, step: int) -> Path | None:
    """The adapter that was kept as the best one at `step`."""
    folder = job / BEST / f"step-{step}"
    return folder if folder.is_dir() else None


def _keep(job: Path, step: int, target: Path, data: dict[str, Any]) -> None:
    source = job / "checkpoints" / f"checkpoint-{step}"
    fresh = target.parent / f".{target.name}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for name in ADAPTER_FILES:
        os.link(source / name, fresh / name)
    write_json(fresh / "checkpoint.json", data)
    sync_folder(fresh)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(fresh, target)


def epochs(job: Path) -> list[dict[str, Any]]:
    """What was kept of each epoch, the newest first."""
    found = [read_json(folder / "checkpoint.json") for folder in reversed(_numbered(job / "epochs", "step-"))]
    return [data for data in found if data is not None]


def _numbered(folder: Path, prefix: str) -> list[Path]:
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.name.startswith(prefix)]
    return sorted((path for path in found if path.name[len(prefix) :].isdigit()), key=_number)


def _number(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])
