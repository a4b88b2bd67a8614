"""Train a job of this engine elsewhere: a folder that runs on any machine or cluster, and its way back.

The folder is an engine's home in small: the job, its base model, ftui's engine code,
and scripts that start the same trainer by torchrun, Slurm or SkyPilot. What the trainer
writes there is brought back into the same job, while it trains or at its end.

Runs in ftui's own interpreter.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import ftui
from ftui.engine import checkpoints
from ftui.engine.install import CONSTRAINTS, LIBRARIES
from ftui.engine.layout import Home, Lock, append_line, read_json, read_lines, sync_folder, write_json
from ftui.engine.report import ELSEWHERE, EVENTS, RESULT, STATE
from ftui.errors import BusyError, InputError

SCRIPTS = Path(__file__).with_name("bundled")
RECEIPT = "receipt.json"
_CODE = ("__init__.py", "chatfile.py", "errors.py", "events.py")
_ENDED = ("succeeded", "failed", "cancelled")
_TAKEN = ("train.jsonl", "validation.jsonl", EVENTS, STATE)
_CHECKPOINTS = ("checkpoints", "epochs", checkpoints.BEST)


def write(home: Path, job_id: str, folder: Path) -> dict[str, Any]:
    """Write a job as a bundle into the new `folder`; gives its receipt.

    The job must not be training: pause it first. It goes on elsewhere from its last
    checkpoint, or starts there.

    Raises:
        InputError: there is no such job, it cannot be trained any more, or `folder` is there already.
        BusyError: it trains here.
    """
    place = Home(home)
    job = _job(place, job_id)
    source = place.jobs / job_id
    spec = read_json(source / "spec.json")
    if spec is None or job["status"] not in ("paused", "failed"):
        why = f"it is {job['status']}; only one that is paused or has failed can go elsewhere"
        raise InputError(f"{job_id} cannot be bundled", why, "Pause it first")
    if folder.exists():
        raise InputError(f"{folder} is there already", "a bundle is a new folder", "Choose another")
    lock = Lock(source / "lock")
    try:
        if not lock.try_acquire():
            raise BusyError(f"{job_id} is being trained here", "two trainers would spoil each other", "Pause it first")
        fresh = folder.with_name(f".{folder.name}")
        shutil.rmtree(fresh, ignore_errors=True)
        receipt = _fill(place, job, spec, source, fresh)
    finally:
        lock.close()
    sync_folder(fresh)
    os.replace(fresh, folder)
    return receipt


def bring_back(home: Path, folder: Path) -> dict[str, Any]:
    """Bring what was trained elsewhere back into its job.

    Can be called again and again while it trains, where both sides see the folder or a copy of it.

    Returns:
        How the job is over there: `state` ("waiting" before it was started, "running", "succeeded", "failed"), and
        once it has begun `step`, `total_steps` and `heard`, the time of its last event in seconds since 1970.

    Raises:
        InputError: this is no bundle of this engine, or the job is at its end or has gone on here.
        BusyError: it trains here.
    """
    place, receipt = Home(home), read_json(folder / RECEIPT)
    if receipt is None or not isinstance(receipt.get("job"), str):
        raise InputError(f"{folder} is no bundle", f"it has no {RECEIPT}", "Name the folder that was written")
    identity = _job(place, receipt["job"])["id"]
    away, here = folder / "jobs" / identity, place.jobs / identity
    lock = Lock(here / "lock")
    try:
        if not lock.try_acquire():
            raise BusyError(f"{identity} is being trained here", "its own events would be lost", "Pause it first")
        # Read behind the lock: from here on nobody begins to train it.
        job = _job(place, identity)
        _still_waits(job, receipt)
        state = read_json(away / STATE) or {}
        if state.get("attempt") != job["attempt"] + 1:
            return {"state": "waiting"}
        events = list(read_lines(away / EVENTS))
        known = {line.get("id") for line in read_lines(here / EVENTS)}
        for line in events:
            if line.get("id") not in known:
                append_line(here / EVENTS, line)
        spec = read_json(here / "spec.json") or {}
        if state["state"] == "succeeded":
            _copy_folder(folder / "models" / spec["folder"], place.models / spec["folder"])
            _copy(away / RESULT, here / RESULT)
        if (away / "epochs").is_dir():
            _copy_folder(away / "epochs", here / "epochs")
        # Its end last. Here it is the attempt that was given away.
        write_json(here / STATE, state | {"attempt": job["attempt"]})
        if state["state"] in _ENDED:
            write_json(here / ELSEWHERE, {"attempt": job["attempt"]})
    finally:
        lock.close()
    heard = events[-1].get("created_at") if events else None
    return {"state": state["state"], "step": state.get("step"), "total_steps": state.get("total_steps"), "heard": heard}


def _still_waits(job: dict[str, Any], receipt: dict[str, Any]) -> None:
    """Refuse a job for which what was trained elsewhere comes too late."""
    what, nothing = f"{job['id']} takes nothing back", "Nothing was changed"
    if job["status"] not in ("paused", "failed"):
        # One that waits or trains here would be trained twice.
        more = "Cancel or pause it here first" if job["status"] in ("queued", "running") else nothing
        raise InputError(what, f"it is {job['status']} here", more)
    if receipt.get("attempt") != job["attempt"]:
        raise InputError(what, "it has gone on here since this bundle was written", f"{nothing}; bundle it anew")


def _fill(place: Home, job: dict[str, Any], spec: dict[str, Any], source: Path, fresh: Path) -> dict[str, Any]:
    target = fresh / "jobs" / source.name
    target.mkdir(parents=True)
    for name in _TAKEN:
        if (source / name).exists():
            _copy(source / name, target / name)
    for name in _CHECKPOINTS:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
    (fresh / "models").mkdir()
    moved = dict(spec)
    for key in ("base", "adapter"):
        path = Path(spec[key]) if spec.get(key) else None
        if path is not None:
            # A path from the job's folder: it is the same on every machine.
            moved[key] = f"../../models/{path.name}"
            if path.is_dir():
                shutil.copytree(path, fresh / "models" / path.name)
    # How many machines and processes there are is seen there.
    moved["launch"] = {"shard": (spec.get("launch") or {}).get("shard", "auto")}
    write_json(target / "spec.json", moved)
    _add_code(fresh / "code" / "ftui")
    shutil.copyfile(CONSTRAINTS, fresh / "constraints.txt")
    (fresh / "requirements.txt").write_text("\n".join(LIBRARIES) + "\n", "utf-8")
    words = {"@JOB@": source.name, "@ATTEMPT@": str(job["attempt"] + 1), "@SHORT@": source.name[-8:]}
    for script in SCRIPTS.iterdir():
        text = script.read_text("utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        (fresh / script.name).write_text(text, "utf-8")
    (fresh / "run.sh").chmod(0o755)
    receipt = {
        "job": source.name,
        "attempt": job["attempt"],
        "model": job["model"],
        "fine_tuned_model": spec["model_id"],
        "hyperparameters": spec["hyperparameters"],
        "seed": spec["seed"],
        "ftui": ftui.__version__,
        "made": int(time.time()),
        "sha256": {file.name: _digest(file) for file in sorted(target.glob("*.jsonl")) if file.name != EVENTS},
    }
    (fresh / RECEIPT).write_text(json.dumps(receipt, indent=1) + "\n", "utf-8")
    return receipt


def _add_code(folder: Path) -> None:
    """ftui's engine, and of the rest only what it imports."""
    package = Path(ftui.__file__).parent
    folder.mkdir(parents=True)
    for name in _CODE:
        shutil.copyfile(package / name, folder / name)
    shutil.copytree(package / "engine", folder / "engine", ignore=shutil.ignore_patterns("__pycache__"))


def _job(place: Home, job_id: str) -> dict[str, Any]:
    known = [path.name for path in place.jobs.iterdir()] if place.jobs.is_dir() else []
    job = read_json(place.jobs / job_id / "job.json") if job_id in known else None
    if job is None:
        raise InputError(
            f"There is no job {job_id[:80]!r} at this engine", f"{len(known)} are there", "See: ftui status"
        )
    return job


def _copy(source: Path, target: Path) -> None:
    """A copy that is there whole or not at all."""
    fresh = target.with_name(f".{target.name}")
    shutil.copyfile(source, fresh)
    os.replace(fresh, target)


def _copy_folder(source: Path, target: Path) -> None:
    fresh = target.with_name(f".{target.name}")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source, fresh)
    sync_folder(fresh)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(fresh, target)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
