"""Base models from the Hugging Face hub: fetched whole into a folder, or not at all."""

from __future__ import annotations

import glob
import os
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ftui.engine import weights
from ftui.engine.failure import Stop, clean
from ftui.engine.layout import sync_folder
from ftui.engine.report import Report

ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
# What describes the model, and its tokenizer, beside the weights that are loaded: no code, no second copy of
# anything in a folder below or in another format.
_WANTED = re.compile(
    r"[^/]*(?:\.safetensors\.index\.json|config\.json|\.jinja|\.model|\.txt)|tokenizer[^/]*"
    r"|additional_chat_templates/[^/]+\.jinja"
)
TOLD_SECONDS = 5.0


def folder_name(identity: str) -> str:
    """The folder below `models/` of a hub model, `Qwen/Qwen3-0.6B` in `Qwen--Qwen3-0.6B`."""
    return identity.replace("/", "--")


def fetch(identity: str, folder: Path, report: Report, asked: Callable[[], str | None]) -> None:
    """Fetch the model into `folder` unless it is there; what was fetched earlier is not fetched again.

    Raises:
        Stop: it cannot be had, with the reason; `interrupted` for a wish, which the caller looks at.
    """
    if (folder / "config.json").exists():
        return
    # Asked for by name: this one process may use the network.
    os.environ["HF_HUB_OFFLINE"] = "0"
    fresh = folder.with_name(f".fetch-{folder.name}")
    repository = _look(identity)
    described = [name for name in repository.sizes if _WANTED.fullmatch(name)]
    # Small, and they tell which weights are loaded.
    if not _get(repository, described, fresh, asked):
        return
    parts = weights.names(fresh, repository.sizes.__contains__)
    if not parts:
        raise Stop("unsupported_model", f"{identity} has no safetensors weights")
    if missing := [name for name in parts if name not in repository.sizes]:
        raise Stop("unsupported_model", f"{identity} has no {missing[0][:80]}, which its index names")
    total = sum(repository.sizes[name] for name in {*described, *parts})
    _room(total, folder.parent, fresh)
    report.say(f"Fetching {identity} from the hub: {total / 1e9:.2f} GB")

    def told() -> None:
        report.say(f"Fetched {min(1.0, _have(fresh) / max(1, total)):.0%} of {total / 1e9:.2f} GB")

    if not _get(repository, parts, fresh, asked, told):
        return
    shutil.rmtree(fresh / ".cache", ignore_errors=True)
    for path in (*fresh.rglob("*"), fresh):
        if path.is_dir():
            sync_folder(path)
    os.replace(fresh, folder)
    report.say(f"Fetched {identity}")


class _Repository(NamedTuple):
    """What the hub has of a model: the version that all files are taken of, and each file's bytes."""

    identity: str
    version: str | None
    sizes: dict[str, int]


def _look(identity: str) -> _Repository:
    from huggingface_hub import HfApi

    try:
        found = HfApi(token=_token()).model_info(identity, files_metadata=True)
    except Exception as error:
        raise _reason(identity, error) from None
    return _Repository(identity, found.sha, {file.rfilename: file.size or 0 for file in found.siblings or []})


def _get(
    repository: _Repository,
    names: list[str],
    folder: Path,
    asked: Callable[[], str | None],
    told: Callable[[], None] = lambda: None,
) -> bool:
    """Fetch the files called `names` into `folder`; False where a wish came first.

    Args:
        told: called every few seconds while they come.
    """
    failed: list[Exception] = []

    def work() -> None:
        from huggingface_hub import snapshot_download

        identity, version, _ = repository
        # A name is no pattern, whatever is in it.
        patterns = [glob.escape(name) for name in names]
        try:
            snapshot_download(
                identity, revision=version, local_dir=folder, allow_patterns=patterns, token=_token(), max_workers=4
            )
        except Exception as error:
            failed.append(error)

    # The library has no way to be stopped: a thread that dies with the process.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(TOLD_SECONDS)
        if asked() is not None:
            return False
        if thread.is_alive():
            told()
    if failed:
        raise _reason(repository.identity, failed[0])
    return True


def _token() -> str | None:
    return os.environ.get("HF_TOKEN") or None


def _have(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _room(total: int, folder: Path, fresh: Path) -> None:
    have, free = _have(fresh), shutil.disk_usage(folder).free
    if total - have > free:
        raise Stop("disk_full", f"The model needs {(total - have) / 1e9:.1f} GB on disk, {free / 1e9:.1f} GB are free")


def _reason(identity: str, error: Exception) -> Stop:
    name = type(error).__name__
    if name == "GatedRepoError":
        return Stop(
            "model_gated",
            f"{identity} is gated: accept its terms on the hub and set HF_TOKEN to a token that may read it",
        )
    if name in ("RepositoryNotFoundError", "RevisionNotFoundError"):
        return Stop("model_not_found", f"The hub has no model {identity}, or it is private and HF_TOKEN is not set")
    if isinstance(error, OSError) and error.errno == 28:
        return Stop("disk_full", "The disk is full; free some space, then resume the job")
    return Stop("hub_unreachable", clean(f"{identity} cannot be fetched: {name}: {error}"))
