"""The models that the engine can train or chat with: base models, tuned ones, checkpoints."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ftui.engine import hub
from ftui.engine.endpoints import Endpoint
from ftui.engine.layout import BASE_MODEL, read_json
from ftui.engine.wire import ApiError

_OWNER = "HuggingFaceTB"
_CHECKPOINT = re.compile(r"(.+):ckpt-step-(\d{1,9})")


class Model(NamedTuple):
    """Where a model is: the folder of its base, and that of its adapter when it is a tuned one.

    `hub` is the model's id on the hub while its base still has to be fetched from there.
    """

    id: str
    base: Path
    adapter: Path | None
    created: int
    hub: str | None = None


class Models:
    """The models of one engine; folders are the truth, nothing is kept in memory."""

    def __init__(self, folder: Path, jobs: Path) -> None:
        self._folder = folder
        self._jobs = jobs

    def all(self) -> list[Model]:
        """Base models first, then tuned ones, the newest first."""
        bases, tuned = [], []
        for folder in self._folder.iterdir():
            if folder.name.startswith("."):
                continue
            described = read_json(folder / "model.json")
            if described is not None:
                base = self._folder / described["base"]
                tuned.append(Model(described["id"], base, folder, int(described["created"])))
            elif (folder / "config.json").exists():
                created = int((folder / "config.json").stat().st_mtime)
                bases.append(Model(folder.name.lower(), folder, None, created))
        return sorted(bases) + sorted(tuned, key=lambda model: model.created, reverse=True)

    def get(self, name: str) -> Model:
        """The model called `name`, also a checkpoint's name; `ApiError` 404 where there is none."""
        # The embedded base has a name on the hub as well, and so have those that were fetched.
        embedded = name.lower() == f"{_OWNER}/{BASE_MODEL}".lower()
        known = {model.id: model for model in self.all()}
        for called in (name, name.lower(), hub.folder_name(name).lower(), *[BASE_MODEL.lower()] * embedded):
            if called in known:
                return known[called]
        parts = _CHECKPOINT.fullmatch(name)
        for job in self._jobs.iterdir() if parts else ():
            spec = read_json(job / "spec.json")
            if parts and spec and spec["model_id"] == parts[1]:
                adapter = job / "epochs" / f"step-{int(parts[2])}"
                if adapter.is_dir():
                    return Model(name, Path(spec["base"]), adapter, int(adapter.stat().st_mtime))
        raise ApiError(404, f"The model '{name[:200]}' does not exist", code="model_not_found", param="model")

    def trainable(self, name: str) -> Model:
        """The model that a job is to start from, which may have to be fetched from the hub first."""
        try:
            return self.get(name)
        except ApiError:
            if not hub.ID.fullmatch(name):
                raise
            return Model(name, self._folder / name.replace("/", "--"), None, 0, name)

    def delete(self, name: str) -> None:
        """Delete a tuned model; base models stay."""
        model = self.get(name)
        if model.adapter is None or model.adapter.parent != self._folder:
            raise ApiError(403, "Only a fine-tuned model can be deleted", code="model_not_deletable", param="model")
        trash = self._folder / f".trash-{model.adapter.name}"
        os.replace(model.adapter, trash)
        shutil.rmtree(trash, ignore_errors=True)


def describe(model: Model) -> dict[str, Any]:
    owner = "ftui" if model.adapter else "system"
    return {"id": model.id, "object": "model", "created": model.created, "owned_by": owner}


def endpoints(models: Models) -> list[Endpoint]:
    async def listing(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [describe(model) for model in models.all()]})

    async def retrieve(request: Request) -> Response:
        return JSONResponse(describe(models.get(request.path_params["id"])))

    async def delete(request: Request) -> Response:
        models.delete(request.path_params["id"])
        return JSONResponse({"id": request.path_params["id"], "object": "model", "deleted": True})

    path, one = "/v1/models", "/v1/models/{id:path}"
    return [
        Endpoint("GET", path, listing, "List the models.", "ModelList"),
        Endpoint("GET", one, retrieve, "Tell about a model.", "Model"),
        Endpoint("DELETE", one, delete, "Delete a fine-tuned model.", "ModelDeleted"),
    ]
