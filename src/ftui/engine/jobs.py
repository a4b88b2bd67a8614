"""Fine-tuning jobs as they lie on disk, and as the API shows them."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

from ftui.engine import checkpoints, plan
from ftui.engine.layout import append_line, new_id, read_json, read_lines, write_json
from ftui.engine.report import EVENTS, STATE, event
from ftui.engine.wire import ApiError

WAITING = ("validating_files", "queued")
ENDED = ("succeeded", "failed", "cancelled")
START = "start"
"""Folder in a job's with the adapter that it goes on from."""
_SHOWN = (
    "id",
    "created_at",
    "finished_at",
    "model",
    "fine_tuned_model",
    "status",
    "trained_tokens",
    "training_file",
    "validation_file",
    "result_files",
    "hyperparameters",
    "seed",
    "error",
    "metadata",
)


class Jobs:
    """The jobs of one engine. Only the server writes `job.json`, so it is kept in memory as well.

    Args:
        launch: what each job's specification has as its `launch` (see `launch.py`).
    """

    def __init__(self, folder: Path, launch: dict[str, Any] | None = None) -> None:
        self._folder = folder
        self._launch = launch or {}
        self._known: dict[str, dict[str, Any]] = {}
        for path in folder.iterdir():
            job = read_json(path / "job.json")
            if job is not None:
                self._known[job["id"]] = job

    def folder(self, job: dict[str, Any]) -> Path:
        return self._folder / str(job["id"])

    def all(self) -> list[dict[str, Any]]:
        """Every job, the newest first."""
        return sorted(self._known.values(), key=lambda job: str(job["id"]), reverse=True)

    def get(self, identity: str) -> dict[str, Any]:
        try:
            return self._known[identity]
        except KeyError:
            message = f"Could not find fine tune: {identity[:80]}"
            raise ApiError(404, message, code="fine_tune_not_found", param="fine_tune_id") from None

    def save(self, job: dict[str, Any], **changes: Any) -> None:
        """Change a job, on disk first."""
        changed = job | changes
        write_json(self.folder(job) / "job.json", changed)
        job.update(changes)

    def say(self, job: dict[str, Any], message: str, *, level: str = "info") -> None:
        append_line(self.folder(job) / EVENTS, event(message, level=level))

    def add(
        self, request: dict[str, Any], training: Path, validation: Path | None, adapter: Path | None = None
    ) -> dict[str, Any]:
        """Make a job from a checked request.

        Its files, and the adapter of a tuned model that it goes on from, stay
        its own, also when the uploads or that model are deleted.
        """
        job = {
            "id": new_id("ftjob"),
            "created_at": int(time.time()),
            "finished_at": None,
            "fine_tuned_model": None,
            "status": "validating_files",
            "trained_tokens": None,
            "result_files": [],
            "error": None,
            "attempt": 0,
            "wish": None,
            **request,
        }
        folder = self.folder(job)
        folder.mkdir(mode=0o700)
        (folder / "train.jsonl").hardlink_to(training)
        if validation is not None:
            (folder / "validation.jsonl").hardlink_to(validation)
        if adapter is not None:
            (folder / START).mkdir(mode=0o700)
            for name in checkpoints.ADAPTER_FILES:
                os.link(adapter / name, folder / START / name)
        self.save(job)
        self._known[job["id"]] = job
        self.say(job, f"Created fine-tuning job: {job['id']}")
        return job

    def prepare(self, job: dict[str, Any], rows: int) -> None:
        """Settle what is `auto` and write down all that the trainer needs."""
        start = self.folder(job) / START
        shape = adapter_shape(start) if start.is_dir() else {}
        hyper = plan.resolve(rows, job["hyperparameters"] | shape)
        tail = job["id"][-12:]
        base = Path(job["base"])
        slug = re.sub(r"[^a-z0-9]+", "-", (job["suffix"] or "").lower()).strip("-")
        spec = {
            "base": str(base),
            "hub": job.get("hub"),
            "adapter": str(start) if start.is_dir() else None,
            "method": job.get("method", "supervised"),
            "hyperparameters": hyper,
            "seed": job["seed"],
            "folder": f"ft-{tail}",
            "model_id": f"ft:{base.name.lower()}:ftui:{slug}:{tail}",
            "launch": self._launch,
        }
        write_json(self.folder(job) / "spec.json", spec)
        self.save(job, hyperparameters=hyper)

    def show(self, job: dict[str, Any]) -> dict[str, Any]:
        """A job in the API's own shape."""
        state = read_json(self.folder(job) / STATE) if job["status"] == "running" else None
        method = job.get("method", "supervised")
        return {name: job[name] for name in _SHOWN} | {
            "object": "fine_tuning.job",
            "organization_id": "ftui",
            "integrations": [],
            "estimated_finish": (state or {}).get("estimated_finish"),
            "user_provided_suffix": job["suffix"],
            "method": {"type": method, method: {"hyperparameters": job["hyperparameters"]}},
        }

    def events(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """What happened to a job, the newest first."""
        return list(read_lines(self.folder(job) / EVENTS))[::-1]

    def checkpoints(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """The checkpoints that can be chatted with, the newest first."""
        spec = read_json(self.folder(job) / "spec.json") or {}
        return [
            {
                "id": f"ftckpt_{job['id'][-12:]}-{kept['step_number']}",
                "object": "fine_tuning.job.checkpoint",
                "created_at": kept["created_at"],
                "fine_tuned_model_checkpoint": f"{spec.get('model_id')}:ckpt-step-{kept['step_number']}",
                "fine_tuning_job_id": job["id"],
                "step_number": kept["step_number"],
                "metrics": kept["metrics"],
            }
            for kept in checkpoints.epochs(self.folder(job))
        ]


def adapter_shape(adapter: Path) -> dict[str, Any]:
    """What cannot be changed of an adapter that is trained further, under the names of hyperparameters."""
    settings = read_json(adapter / "adapter_config.json") or {}
    shape = {"lora_rank": settings.get("r"), "lora_alpha": settings.get("lora_alpha")}
    return {name: value for name, value in shape.items() if value is not None}


def refuse(job: dict[str, Any], verb: str) -> ApiError:
    message = f"The job {job['id']} cannot be {verb}: it is {job['status']}."
    return ApiError(400, message, code="invalid_job_state", param="fine_tuning_job_id")
