"""`/v1/models/{id}/exports`: take a model away in a form that other programs run.

An extension of the API, in its manner: an export is made once and asked after until it
has succeeded; its files are files of the API, so that any client can fetch them.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ftui.engine.endpoints import Endpoint
from ftui.engine.export import FORMATS, LOCK, STATE
from ftui.engine.files import Files
from ftui.engine.layout import is_locked, read_json, without_token, write_json
from ftui.engine.models import Model, Models
from ftui.engine.wire import ApiError, not_found, read_body

_ID = re.compile(r"export-[0-9a-f]{24}")
_LOOK_SECONDS = 0.1


class NotExported(Exception):
    """An export failed; the message says why."""


class Exports:
    """The exports below one folder; the folders are the truth."""

    def __init__(self, folder: Path, files: Files, log: Path) -> None:
        self._folder = folder
        self._files = files
        self._log = log
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def make(self, model: Model, form: str) -> dict[str, Any]:
        """The export of a model in a form: the one that is there or being made, else a new one."""
        return self._show(self._begin(model, form))

    async def ready(self, model: Model, form: str) -> Path:
        """The folder with the files of an export, once it is made; who stops waiting does not stop it.

        Raises:
            NotExported: it cannot be made.
        """
        state = self._begin(model, form)
        while state["status"] == "running":
            await asyncio.sleep(_LOOK_SECONDS)
            found = self._state(state["id"])
            if found is None:
                raise NotExported("its folder was removed meanwhile")
            state = found
        if state["status"] == "failed":
            raise NotExported(state["error"]["message"])
        return self._folder / str(state["id"]) / "files"

    def _begin(self, model: Model, form: str) -> dict[str, Any]:
        # A model of the same name that was trained anew is another one.
        stamp = f"{model.id} {model.created} {form}"
        identity = f"export-{hashlib.sha256(stamp.encode()).hexdigest()[:24]}"
        folder = self._folder / identity
        known = self._state(identity)
        gone = known is not None and known["status"] == "succeeded" and not any((folder / "files").glob("*"))
        if known is not None and known["status"] != "failed" and not gone:
            return known
        state = {
            "id": identity,
            "created_at": int(time.time()),
            "model": model.id,
            "base": str(model.base),
            "adapter": str(model.adapter) if model.adapter else None,
            "format": form,
            "status": "running",
            "error": None,
        }
        folder.mkdir(mode=0o700, exist_ok=True)
        shutil.rmtree(folder / "files", ignore_errors=True)
        write_json(folder / STATE, state)
        with self._log.open("ab") as log:
            self._running[identity] = subprocess.Popen(
                [sys.executable, "-m", "ftui.engine.export", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=without_token(),
                start_new_session=True,
            )
        return state

    def get(self, identity: str) -> dict[str, Any]:
        state = self._state(identity) if _ID.fullmatch(identity) else None
        if state is None:
            raise not_found("export", identity)
        return self._show(state)

    def _state(self, identity: str) -> dict[str, Any] | None:
        """What is known of an export; one whose process is gone without a word has failed."""
        folder = self._folder / identity
        started = self._running.get(identity)
        alive = (started is not None and started.poll() is None) or is_locked(folder / LOCK)
        state = read_json(folder / STATE)
        if not alive:
            self._running.pop(identity, None)
        if state is not None and state["status"] == "running" and not alive:
            # Read after its process had ended: nothing will be added.
            error = {"code": "server_error", "message": "The export was cut off; ask for it again"}
            return state | {"status": "failed", "error": error}
        return state

    def _show(self, state: dict[str, Any]) -> dict[str, Any]:
        shown = ("id", "created_at", "model", "format", "status", "error")
        files = self._list(state["id"]) if state["status"] == "succeeded" else []
        return {name: state[name] for name in shown} | {"object": "model.export", "files": files}

    def _list(self, identity: str) -> list[dict[str, Any]]:
        """The files of a finished export, as the API's files."""
        found = []
        for number, path in enumerate(sorted((self._folder / identity / "files").iterdir())):
            name = f"file-{identity.removeprefix('export-')}{number:03}"
            found.append(self._files.link(path, path.name, "fine-tune-results", name))
        return found


def endpoints(exports: Exports, models: Models) -> list[Endpoint]:
    async def create(request: Request) -> Response:
        model = models.get(request.path_params["id"])
        body = await read_body(request)
        body.only(("format",))
        form = body.needed("format")
        if form not in FORMATS:
            names = ", ".join(FORMATS)
            message = f"Invalid 'format': expected one of {names}."
            raise ApiError(400, message, param="format", code="format_not_available")
        return JSONResponse(exports.make(model, form))

    async def retrieve(request: Request) -> Response:
        return JSONResponse(exports.get(request.path_params["id"]))

    return [
        Endpoint("POST", "/v1/models/{id:path}/exports", create, "Write a model for others.", "Export", "CreateExport"),
        Endpoint("GET", "/v1/exports/{id}", retrieve, "How far an export is.", "Export"),
    ]
