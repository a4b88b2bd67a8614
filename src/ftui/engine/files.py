"""Uploaded files: one folder each, with `file.json` and `content` in it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response

from ftui.chatfile import MAX_FILE_BYTES
from ftui.engine.endpoints import FORM, Endpoint
from ftui.engine.layout import new_id, read_json, write_json
from ftui.engine.wire import ApiError, Fields, newest_first, not_found, page

PURPOSES = ("fine-tune", "user_data", "assistants", "batch", "evals", "vision")
EXPIRES = (3600, 2_592_000)
"""A file may be kept for one hour to thirty days, in seconds; without end where nothing is said."""
_BATCH_SECONDS = EXPIRES[1]
# Room for the other parts of a form around the file.
_FORM_BYTES = 64 * 1024
# So much of a file that is too large is still read, so that its sender hears why.
_DRAINED_BYTES = 2 * MAX_FILE_BYTES
_ID = re.compile(r"file-[A-Za-z0-9]{1,64}")


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Files:
    """The files below one folder. Files that have expired are gone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in os.listdir(folder):
            if name.startswith("."):
                # An upload that was cut off.
                shutil.rmtree(folder / name, ignore_errors=True)

    def add(
        self,
        source: Readable,
        filename: str,
        purpose: str,
        *,
        name: str | None = None,
        expires: int | None = None,
        most: int = MAX_FILE_BYTES,
    ) -> dict[str, Any]:
        """Store a copy of `source`.

        Args:
            name: its id; an earlier file of this id is returned instead.
            expires: seconds that it is kept; for good (batch input: thirty days) where none are given.
            most: bytes that it may have.

        Raises:
            ApiError: 413, when it has more.
        """
        identity = name or new_id("file")
        if name and (known := read_json(self._folder / name / "file.json")):
            return known
        fresh = self._folder / f".{identity}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        try:
            with (fresh / "content").open("wb") as target:
                size = _copy(source, target, most)
                os.fsync(target.fileno())
            if expires is None and purpose == "batch":
                expires = _BATCH_SECONDS
            data = _described(identity, size, filename, purpose, expires)
            write_json(fresh / "file.json", data)
            os.replace(fresh, self._folder / identity)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        return data

    def link(self, path: Path, filename: str, purpose: str, name: str) -> dict[str, Any]:
        """Show a file of the engine's own as the file `name`, without a copy and whatever its size.

        Where `name` is another file than the one that lies at `path` now, it becomes that one.
        """
        if known := read_json(self._folder / name / "file.json"):
            if os.path.samefile(self._folder / name / "content", path):
                return known
            self._remove(name)
        fresh = self._folder / f".{name}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        (fresh / "content").hardlink_to(path)
        data = _described(name, path.stat().st_size, filename, purpose)
        write_json(fresh / "file.json", data)
        os.replace(fresh, self._folder / name)
        return data

    def get(self, identity: str, *, param: str = "id") -> dict[str, Any]:
        """What is known of a file; `ApiError` 404, about the field `param`, where there is none."""
        data = read_json(self._folder / identity / "file.json") if _ID.fullmatch(identity) else None
        if data is None or self._over(data):
            raise not_found("file", identity, param=param)
        return data

    def content(self, identity: str, *, param: str = "id") -> Path:
        self.get(identity, param=param)
        return self._folder / identity / "content"

    def all(self) -> list[dict[str, Any]]:
        """Every file, the newest first."""
        found = [read_json(folder / "file.json") for folder in self._folder.iterdir() if _ID.fullmatch(folder.name)]
        kept = [data for data in found if data and not self._over(data)]
        return sorted(kept, key=lambda data: (data["created_at"], data["id"]), reverse=True)

    def delete(self, identity: str) -> None:
        self.get(identity)
        self._remove(identity)

    def sweep(self) -> None:
        """Remove what has expired."""
        self.all()

    def _over(self, data: dict[str, Any]) -> bool:
        expires = data.get("expires_at")
        over = expires is not None and time.time() >= expires
        if over:
            self._remove(data["id"])
        return over

    def _remove(self, identity: str) -> None:
        trash = self._folder / f".{identity}"
        try:
            os.replace(self._folder / identity, trash)
        except FileNotFoundError:
            # Another request was quicker.
            return
        shutil.rmtree(trash, ignore_errors=True)


def _described(identity: str, size: int, filename: str, purpose: str, expires: int | None = None) -> dict[str, Any]:
    created = int(time.time())
    return {
        "id": identity,
        "object": "file",
        "bytes": size,
        "created_at": created,
        "expires_at": None if expires is None else created + expires,
        "filename": filename,
        "purpose": purpose,
        "status": "processed",
        "status_details": None,
    }


def _copy(source: Readable, target: BinaryIO, most: int) -> int:
    size = 0
    while block := source.read(1 << 20):
        size += len(block)
        if size > most:
            raise too_large(most)
        target.write(block)
    target.flush()
    return size


def too_large(most: int = MAX_FILE_BYTES) -> ApiError:
    """The refusal of a file of more than `most` bytes."""
    message = f"File is too large: the maximum is {most // 2**20:,} MB ({most:,} bytes)."
    return ApiError(413, message, code="file_too_large", param="file")


def shown_name(given: str | None) -> str:
    """The last part of a file's name as it was sent. It is only ever shown, never part of a path."""
    name = (given or "file").replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in name if letter.isprintable())[:255] or "file"


def expires_after(given: Fields) -> int | None:
    """The seconds of an `expires_after` object; None where it is empty."""
    if not given.data:
        return None
    given.only(("anchor", "seconds"))
    if given.needed("anchor") != "created_at":
        raise given.wrong("anchor", "'created_at'")
    seconds = given.whole("seconds", *EXPIRES)
    if seconds is None:
        raise given.wrong("seconds", f"a whole number from {EXPIRES[0]} to {EXPIRES[1]}")
    return seconds


def read_purpose(value: object) -> str:
    if not isinstance(value, str) or value not in PURPOSES:
        message = f"Invalid 'purpose': expected one of {', '.join(PURPOSES)}."
        raise ApiError(400, message, code="invalid_value", param="purpose")
    return value


@contextlib.asynccontextmanager
async def read_form(request: Request, most: int) -> AsyncGenerator[FormData]:
    """The form in a request with one file of at most `most` bytes.

    Large parts lie in an unnamed temporary file, never in memory: nothing is
    left of an upload that is cut off.
    """
    length = request.headers.get("content-length", "")
    declared = int(length) if length.isascii() and length.isdecimal() and len(length) < 19 else 0
    if not request.headers.get("content-type", "").startswith(FORM):
        raise ApiError(400, f"A file is sent as {FORM}.", param="file")
    try:
        if declared > most + _FORM_BYTES:
            raise too_large(most)
        form = await MultiPartParser(request.headers, _bounded(request, most), max_files=1, max_fields=8).parse()
    except ApiError:
        await _drain(request, declared)
        raise
    except MultiPartException as error:
        raise ApiError(400, f"The form cannot be read: {error.message}", param="file") from None
    except ClientDisconnect:
        raise ApiError(400, "The upload was cut off", param="file") from None
    try:
        yield form
    finally:
        await form.close()


async def _bounded(request: Request, most: int) -> AsyncGenerator[bytes]:
    size = 0
    async for block in request.stream():
        size += len(block)
        if size > most + _FORM_BYTES:
            raise too_large(most)
        yield block


async def _drain(request: Request, declared: int) -> None:
    """Read on for a while: a sender whose connection is closed half-way does not hear the answer."""
    size = 0
    if declared > _DRAINED_BYTES:
        return
    try:
        while size < _DRAINED_BYTES:
            message = await request.receive()
            size += len(message.get("body", b""))
            if message["type"] != "http.request" or not message.get("more_body", False):
                return
    except RuntimeError:
        return


def _expires_part(form: FormData) -> Fields:
    """The fields of a form called `expires_after[…]`; in a form a number is text."""
    start = "expires_after["
    parts: dict[str, Any] = {key[len(start) : -1]: value for key, value in form.items() if key.startswith(start)}
    seconds = parts.get("seconds")
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdecimal():
        parts["seconds"] = int(seconds[:9])
    return Fields(parts, "expires_after.")


def endpoints(files: Files) -> list[Endpoint]:
    async def create(request: Request) -> Response:
        async with read_form(request, MAX_FILE_BYTES) as form:
            upload = form.get("file")
            if not isinstance(upload, UploadFile):
                message = "Missing required parameter: 'file'."
                raise ApiError(400, message, code="missing_required_parameter", param="file")
            purpose = read_purpose(form.get("purpose"))
            expires = expires_after(_expires_part(form))
            name = shown_name(upload.filename)
            data = await run_in_threadpool(files.add, upload.file, name, purpose, expires=expires)
        return JSONResponse(data)

    async def listing(request: Request) -> Response:
        found = files.all()
        if not newest_first(request):
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

    path, one = "/v1/files", "/v1/files/{id}"
    pages = ("after", "limit", "order", "purpose")
    return [
        Endpoint("POST", path, create, "Upload a file.", "File", "CreateFile", FORM),
        Endpoint("GET", path, listing, "List the files.", "FileList", query=pages),
        Endpoint("GET", one, retrieve, "Tell about a file.", "File"),
        Endpoint("DELETE", one, delete, "Delete a file.", "FileDeleted"),
        Endpoint("GET", f"{one}/content", content, "The content of a file.", "application/octet-stream"),
    ]
