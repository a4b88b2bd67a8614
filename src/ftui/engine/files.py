"""Uploaded files: one folder each, with `file.json` and `content` in it."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import Any, BinaryIO

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from ftui.chatfile import MAX_FILE_BYTES
from ftui.engine.layout import new_id, read_json, write_json
from ftui.engine.wire import ApiError, not_found, page

PURPOSES = ("fine-tune", "user_data", "assistants", "batch", "evals", "vision")
# Room for the other parts of the form around the file.
_FORM_BYTES = 64 * 1024
_ID = re.compile(r"file-[A-Za-z0-9]{1,64}")


class Files:
    """The files below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in os.listdir(folder):
            if name.startswith("."):
                # An upload that was cut off.
                shutil.rmtree(folder / name, ignore_errors=True)

    def add(self, source: BinaryIO, filename: str, purpose: str, *, name: str | None = None) -> dict[str, Any]:
        """Store a copy of `source`; with `name` as its id, an earlier file of this id is returned instead."""
        identity = name or new_id("file")
        if name and (known := read_json(self._folder / name / "file.json")):
            return known
        fresh = self._folder / f".{identity}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        try:
            with (fresh / "content").open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
                target.flush()
                os.fsync(target.fileno())
                size = target.tell()
            if size > MAX_FILE_BYTES:
                raise too_large()
            data = _described(identity, size, filename, purpose)
            write_json(fresh / "file.json", data)
            os.replace(fresh, self._folder / identity)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        return data

    def link(self, path: Path, filename: str, purpose: str, name: str) -> dict[str, Any]:
        """Show a file of the engine's own as the file `name`, without a copy and whatever its size."""
        if known := read_json(self._folder / name / "file.json"):
            return known
        fresh = self._folder / f".{name}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        (fresh / "content").hardlink_to(path)
        data = _described(name, path.stat().st_size, filename, purpose)
        write_json(fresh / "file.json", data)
        os.replace(fresh, self._folder / name)
        return data

    def get(self, identity: str) -> dict[str, Any]:
        """What is known of a file; `ApiError` 404 where there is none."""
        data = read_json(self._folder / identity / "file.json") if _ID.fullmatch(identity) else None
        if data is None:
            raise not_found("file", identity)
        return data

    def content(self, identity: str) -> Path:
        self.get(identity)
        return self._folder / identity / "content"

    def all(self) -> list[dict[str, Any]]:
        """Every file, the newest first."""
        found = [read_json(folder / "file.json") for folder in self._folder.iterdir() if _ID.fullmatch(folder.name)]
        return sorted((f for f in found if f), key=lambda f: (f["created_at"], f["id"]), reverse=True)

    def delete(self, identity: str) -> None:
        self.get(identity)
        trash = self._folder / f".{identity}"
        os.replace(self._folder / identity, trash)
        shutil.rmtree(trash, ignore_errors=True)


def _described(identity: str, size: int, filename: str, purpose: str) -> dict[str, Any]:
    return {
        "id": identity,
        "object": "file",
        "bytes": size,
        "created_at": int(time.time()),
        "expires_at": None,
        "filename": filename,
        "purpose": purpose,
        "status": "processed",
        "status_details": None,
    }


def too_large() -> ApiError:
    return ApiError(413, f"The file may have at most {MAX_FILE_BYTES:,} bytes", code="file_too_large", param="file")


def routes(files: Files) -> list[Route]:
    async def create(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool
        from starlette.datastructures import UploadFile

        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > MAX_FILE_BYTES + _FORM_BYTES:
            raise too_large()
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise ApiError(400, "A file is sent as multipart/form-data.", param="file")
        # The form keeps large parts in a temporary file, never in memory.
        async with request.form(max_files=1, max_fields=8) as form:
            upload, purpose = form.get("file"), form.get("purpose")
            if not isinstance(upload, UploadFile):
                raise ApiError(400, "Missing required parameter: 'file'.", param="file")
            if purpose not in PURPOSES:
                raise ApiError(400, f"Invalid 'purpose': expected one of {', '.join(PURPOSES)}.", param="purpose")
            # Only ever shown again, never part of a path.
            filename = (upload.filename or "file").replace("\\", "/").rpartition("/")[2][:255]
            data = await run_in_threadpool(files.add, upload.file, filename, str(purpose))
        return JSONResponse(data)

    async def listing(request: Request) -> Response:
        found = files.all()
        if request.query_params.get("order") == "asc":
            found.reverse()
        purpose = request.query_params.get("purpose")
        return page(request, [f for f in found if purpose in (None, f["purpose"])], limit=10000, most=10000)

    async def retrieve(request: Request) -> Response:
        return JSONResponse(files.get(request.path_params["id"]))

    async def content(request: Request) -> Response:
        return FileResponse(files.content(request.path_params["id"]), media_type="application/octet-stream")

    async def delete(request: Request) -> Response:
        identity = request.path_params["id"]
        files.delete(identity)
        return JSONResponse({"id": identity, "object": "file", "deleted": True})

    return [
        Route("/v1/files", create, methods=["POST"]),
        Route("/v1/files", listing, methods=["GET"]),
        Route("/v1/files/{id}", retrieve, methods=["GET"]),
        Route("/v1/files/{id}", delete, methods=["DELETE"]),
        Route("/v1/files/{id}/content", content, methods=["GET"]),
    ]
