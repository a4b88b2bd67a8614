"""A model hub on the loopback: one open model, one that is gated, both from a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

OPEN, GATED = "makers/tiny-llama", "makers/gated-llama"
TOKEN = "hf_loopbacktoken"
_COMMIT = "0123456789abcdef0123456789abcdef01234567"


def app(folder: Path, asked: list[str]) -> Starlette:
    """The hub; `asked` grows by the name of each file that is fetched."""

    def listed() -> list[tuple[str, int]]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        found = [(str(path.relative_to(folder)), path.stat().st_size) for path in files]
        # Too large to be fetched by mistake.
        return [*found, ("pytorch_model.bin", 10**12), ("run.py", 9)]

    def refused(request: Request) -> Response | None:
        identity = f"{request.path_params['owner']}/{request.path_params['name']}"
        if identity == OPEN or (identity == GATED and request.headers.get("authorization") == f"Bearer {TOKEN}"):
            return None
        code = "GatedRepo" if identity == GATED else "RepoNotFound"
        return JSONResponse({"error": "no"}, 401, {"X-Error-Code": code, "X-Error-Message": "no"})

    async def info(request: Request) -> Response:
        if (no := refused(request)) is not None:
            return no
        files = [{"rfilename": name, "size": size} for name, size in listed()]
        identity = f"{request.path_params['owner']}/{request.path_params['name']}"
        return JSONResponse({"id": identity, "sha": _COMMIT, "siblings": files, "private": False, "tags": []})

    async def tree(request: Request) -> Response:
        if (no := refused(request)) is not None:
            return no
        return JSONResponse([{"type": "file", "path": name, "size": size, "oid": "0" * 40} for name, size in listed()])

    async def file(request: Request) -> Response:
        if (no := refused(request)) is not None:
            return no
        path = folder / request.path_params["file"]
        asked.append(request.path_params["file"])
        tag = hashlib.sha256(path.read_bytes()).hexdigest()
        return FileResponse(path, headers={"ETag": f'"{tag}"', "X-Repo-Commit": _COMMIT})

    return Starlette(
        routes=[
            Route("/api/models/{owner}/{name}", info),
            Route("/api/models/{owner}/{name}/revision/{revision}", info),
            Route("/api/models/{owner}/{name}/tree/{revision}", tree),
            Route("/{owner}/{name}/resolve/{revision}/{file:path}", file, methods=["GET", "HEAD"]),
        ]
    )
