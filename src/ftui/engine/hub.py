"""Base models from the Hugging Face hub: fetched whole into a folder, or not at all."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from ftui.engine.failure import Stop, clean
from ftui.engine.layout import sync_folder
from ftui.engine.report import Report

ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
# Weights in one format, what describes them, and the tokenizer: no code, no second copy in another format.
WANTED = ("*.safetensors", "*.safetensors.index.json", "*config.json", "tokenizer*", "*.jinja", "*.model", "*.txt")
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
    token = os.environ.get("HF_TOKEN") or None
    failed: list[Exception] = []
    total = _size(identity, token)
    _room(total, folder.parent, fresh)
    report.say(f"Fetching {identity} from the hub: {total / 1e9:.2f} GB")

    def work() -> None:
        from huggingface_hub import snapshot_download

        try:
            snapshot_download(identity, local_dir=fresh, allow_patterns=list(WANTED), token=token, max_workers=4)
        except Exception as error:
            failed.append(error)

    # The library has no way to be stopped: a thread that dies with the process.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(TOLD_SECONDS)
        if asked() is not None:
            return
        if thread.is_alive():
            have = sum(path.stat().st_size for path in fresh.rglob("*") if path.is_file())
            report.say(f"Fetched {min(1.0, have / max(1, total)):.0%} of {total / 1e9:.2f} GB")
    if failed:
        raise _reason(identity, failed[0])
    shutil.rmtree(fresh / ".cache", ignore_errors=True)
    for path in fresh.rglob("*"):
        if path.is_dir():
            sync_folder(path)
    handle = os.open(fresh, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
    os.replace(fresh, folder)
    report.say(f"Fetched {identity}")


def _size(identity: str, token: str | None) -> int:
    """Bytes of the files that are wanted."""
    from fnmatch import fnmatch

    from huggingface_hub import HfApi

    try:
        files = HfApi(token=token).model_info(identity, files_metadata=True).siblings or []
    except Exception as error:
        raise _reason(identity, error) from None
    sizes = [f.size or 0 for f in files if any(fnmatch(f.rfilename, wanted) for wanted in WANTED)]
    if not any(f.rfilename.endswith(".safetensors") for f in files):
        raise Stop("unsupported_model", f"{identity} has no safetensors weights")
    return sum(sizes)


def _room(total: int, folder: Path, fresh: Path) -> None:
    have = sum(path.stat().st_size for path in fresh.rglob("*") if path.is_file()) if fresh.exists() else 0
    free = shutil.disk_usage(folder).free
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
