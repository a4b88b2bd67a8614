"""Large files that come in parts: `/v1/uploads`. One folder each, with `upload.json` and its parts in it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ftui.engine.endpoints import FORM, Endpoint
from ftui.engine.files import Files, expires_after, read_form, read_purpose, shown_name, too_large
from ftui.engine.layout import read_json, write_json
from ftui.engine.wire import ApiError, not_found, read_body

MAX_BYTES = 8 * 2**30
MAX_PART_BYTES = 64 * 2**20
SECONDS = 3600
_ID = re.compile(r"upload_[0-9a-f]{24}")
_PART = re.compile(r"part_[0-9a-f]{24}")
_FIELDS = ("bytes", "filename", "mime_type", "purpose", "expires_after")


class Uploads:
    """The uploads below one folder; those that ended keep their `upload.json` until they expire."""

    def __init__(self, folder: Path, files: Files) -> None:
        self._folder = folder
        self._files = files
        self._turn = asyncio.Lock()

    def add(self, fields: dict[str, Any]) -> dict[str, Any]:
        now = int(time.time())
        identity = f"upload_{now:08x}{secrets.token_hex(8)}"
        (self._folder / identity).mkdir(mode=0o700)
        return self._save({"id": identity, "created_at": now, "status": "pending", "file": None, **fields})

    def get(self, identity: str) -> dict[str, Any]:
        """What is known of an upload; `ApiError` 404 where there is none."""
        data = read_json(self._folder / identity / "upload.json") if _ID.fullmatch(identity) else None
        if data is None:
            raise not_found("upload", identity, param="upload_id")
        if data["status"] == "pending" and time.time() >= data["created_at"] + SECONDS:
            self._drop_parts(identity)
            data = self._save(data | {"status": "expired"})
        return data

    def pending(self, identity: str) -> dict[str, Any]:
        """An upload that still takes parts; `ApiError` 400 for another."""
        data = self.get(identity)
        if data["status"] != "pending":
            message = f"Upload {identity} is {data['status']}."
            raise ApiError(400, message, code="invalid_upload_state", param="upload_id")
        return data

    def add_part(self, identity: str, source: Any) -> dict[str, Any]:
        """Store one part; until it is whole it has a name that no part has."""
        data = self.pending(identity)
        part = f"part_{int(time.time()):08x}{secrets.token_hex(8)}"
        folder = self._folder / identity
        fresh = folder / f".{part}"
        try:
            with fresh.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
                target.flush()
                os.fsync(target.fileno())
                size = target.tell()
            there = sum(path.stat().st_size for path in folder.iterdir() if _PART.fullmatch(path.name))
            if size > MAX_PART_BYTES:
                raise too_large(MAX_PART_BYTES)
            if there + size > data["bytes"]:
                message = f"The parts have more than the {data['bytes']:,} bytes that the upload was made for."
                raise ApiError(400, message, code="invalid_value", param="data")
            os.replace(fresh, folder / part)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        return {"id": part, "object": "upload.part", "created_at": int(time.time()), "upload_id": identity}

    async def complete(self, identity: str, parts: Sequence[str], md5: str | None) -> dict[str, Any]:
        """Join the parts, in the order given, to a file."""
        async with self._turn:
            return await run_in_threadpool(self._complete, identity, parts, md5)

    def _complete(self, identity: str, parts: Sequence[str], md5: str | None) -> dict[str, Any]:
        data = self.pending(identity)
        folder = self._folder / identity
        paths = [folder / part for part in parts]
        for part, path in zip(parts, paths, strict=True):
            if not _PART.fullmatch(part) or not path.exists():
                raise not_found("part", part, param="part_ids")
        size = sum(path.stat().st_size for path in paths)
        if size != data["bytes"]:
            message = f"The parts have {size:,} bytes, but the upload was made for {data['bytes']:,}."
            raise ApiError(400, message, code="invalid_value", param="part_ids")
        if md5 is not None and _md5(paths) != md5.lower():
            raise ApiError(400, "The parts have another MD5 than the one given.", code="invalid_value", param="md5")
        file = self._files.add(
            _Joined(paths),
            data["filename"],
            data["purpose"],
            # Named after the upload: done again after a crash it is the same file.
            name=f"file-{identity.removeprefix('upload_')}",
            expires=data["expires"],
            most=MAX_BYTES,
        )
        done = self._save(data | {"status": "completed", "file": file})
        self._drop_parts(identity)
        return done

    async def cancel(self, identity: str) -> dict[str, Any]:
        """Drop an upload; one that is being completed just now is complete."""
        async with self._turn:
            data = self._save(self.pending(identity) | {"status": "cancelled"})
            self._drop_parts(identity)
            return data

    def sweep(self) -> None:
        """Drop the parts of uploads that took too long, and all that is a day old."""
        for folder in self._folder.iterdir():
            if not _ID.fullmatch(folder.name):
                continue
            age = time.time() - int(folder.name[7:15], 16)
            if age > 24 * SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
            elif age > SECONDS and (folder / "upload.json").exists():
                self.get(folder.name)

    def _save(self, data: dict[str, Any]) -> dict[str, Any]:
        write_json(self._folder / data["id"] / "upload.json", data)
        return data

    def _drop_parts(self, identity: str) -> None:
        for path in (self._folder / identity).iterdir():
            if path.name != "upload.json":
                path.unlink(missing_ok=True)


class _Joined:
    """Several files read as one."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._blocks = _blocks(paths)

    def read(self, size: int, /) -> bytes:
        return next(self._blocks, b"")


def _blocks(paths: Sequence[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                yield block


def _md5(paths: Sequence[Path]) -> str:
    found = hashlib.md5(usedforsecurity=False)
    for block in _blocks(paths):
        found.update(block)
    return found.hexdigest()


def show(data: dict[str, Any]) -> dict[str, Any]:
    """An upload in the API's own shape."""
    names = ("id", "created_at", "bytes", "filename", "purpose", "status", "file")
    return {name: data[name] for name in names} | {"object": "upload", "expires_at": data["created_at"] + SECONDS}


def endpoints(uploads: Uploads) -> list[Endpoint]:
    async def create(request: Request) -> Response:
        body = await read_body(request)
        body.only(_FIELDS)
        size = body.whole("bytes", 0, MAX_BYTES)
        if size is None:
            raise body.missing("bytes")
        body.needed("mime_type")
        fields = {
            "bytes": size,
            "filename": shown_name(body.needed("filename", longest=1024)),
            "purpose": read_purpose(body.needed("purpose")),
            "expires": expires_after(body.part("expires_after")),
        }
        return JSONResponse(show(uploads.add(fields)))

    async def part(request: Request) -> Response:
        identity = request.path_params["id"]
        uploads.pending(identity)
        async with read_form(request, MAX_PART_BYTES) as form:
            sent = form.get("data")
            if not isinstance(sent, UploadFile):
                message = "Missing required parameter: 'data'."
                raise ApiError(400, message, code="missing_required_parameter", param="data")
            return JSONResponse(await run_in_threadpool(uploads.add_part, identity, sent.file))

    async def complete(request: Request) -> Response:
        body = await read_body(request)
        body.only(("part_ids", "md5"))
        if body.data.get("part_ids") is None:
            raise body.missing("part_ids")
        parts = body.texts("part_ids", most=100_000)
        return JSONResponse(show(await uploads.complete(request.path_params["id"], parts, body.text("md5"))))

    async def cancel(request: Request) -> Response:
        return JSONResponse(show(await uploads.cancel(request.path_params["id"])))

    path = "/v1/uploads"
    return [
        Endpoint("POST", path, create, "Begin an upload in parts.", "Upload", "CreateUpload"),
        Endpoint("POST", f"{path}/{{id}}/parts", part, "Upload one part.", "UploadPart", "CreatePart", FORM),
        Endpoint("POST", f"{path}/{{id}}/complete", complete, "Join the parts.", "Upload", "CompleteUpload"),
        Endpoint("POST", f"{path}/{{id}}/cancel", cancel, "Give an upload up.", "Upload"),
    ]
