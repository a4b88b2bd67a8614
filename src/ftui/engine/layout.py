"""Where the engine keeps things, and the few file habits all of it shares.

    HOME/env            the engine's own Python environment
         installed/     one marker for each finished step of the installation
         code/ftui      a link to ftui's code, the engine's only PYTHONPATH
         cache/         what can be fetched again
         models/NAME/   base models and the adapters trained on them
         files/ID/      uploaded files
         exports/ID/    a model in a form that other programs take
         uploads/ID/    files that still come, part by part
         jobs/ID/       one fine-tuning job: job.json, events.jsonl, checkpoints
         run/           locks, the token and the address of the running server
         logs/          engine.log

All JSON files are written whole (`write_json`), all `.jsonl` files line by line
(`append_line`), so that a kill at any moment leaves each of them readable.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ftui

BASE_MODEL = "SmolLM2-135M-Instruct"

# What may pass from ftui's environment to the engine's processes: no secret does but the token of
# the model hub, which gated models are fetched with, and the way to it through a network's proxy.
_PASSED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT")
_PASSED_PREFIXES = (
    *("HF_TOKEN", "HF_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_", "REQUESTS_CA_"),
    *("CUDA_", "NVIDIA_", "NCCL_", "HIP_", "ROCR_", "PYTORCH_", "VLLM_"),
    *("LD_", "DYLD_", "OMP_", "GOMP_", "COVERAGE_"),
)


@dataclass(frozen=True, slots=True)
class Home:
    """The engine's folder; every path in it is named here and nowhere else."""

    path: Path

    @property
    def env(self) -> Path:
        return self.path / "env"

    @property
    def python(self) -> Path:
        return self.env / "bin" / "python"

    @property
    def installed(self) -> Path:
        return self.path / "installed"

    @property
    def code(self) -> Path:
        return self.path / "code"

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    @property
    def models(self) -> Path:
        return self.path / "models"

    @property
    def files(self) -> Path:
        return self.path / "files"

    @property
    def exports(self) -> Path:
        return self.path / "exports"

    @property
    def uploads(self) -> Path:
        return self.path / "uploads"

    @property
    def jobs(self) -> Path:
        return self.path / "jobs"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def address(self) -> Path:
        return self.run / "engine.json"

    def make(self) -> None:
        """Make the folders that are missing, readable by their owner only."""
        for folder in (self.path, self.installed, self.cache, self.models, self.jobs, self.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.files, self.uploads, self.exports, self.logs):
            folder.mkdir(mode=0o700, exist_ok=True)

    def link_code(self) -> None:
        """Point `code/ftui` at the ftui that runs now.

        The folder holds nothing else, so the engine's interpreter sees ftui's
        code but none of the packages installed beside it.
        """
        package = Path(ftui.__file__).resolve().parent
        link = self.code / "ftui"
        self.code.mkdir(mode=0o700, parents=True, exist_ok=True)
        if link.is_symlink() and link.resolve() == package:
            return
        fresh = self.code / f".ftui-{secrets.token_hex(4)}"
        try:
            fresh.symlink_to(package, target_is_directory=True)
        except OSError:
            # Some file systems have no links.
            shutil.copytree(package, fresh)
        if link.exists() and not link.is_symlink():
            shutil.rmtree(link)
        os.replace(fresh, link)

    def environment(self) -> dict[str, str]:
        """The environment variables of the engine's processes."""
        kept = {
            name: value
            for name, value in os.environ.items()
            # A proxy is named in small letters as well.
            if name in _PASSED or name.upper().startswith(_PASSED_PREFIXES)
        }
        # Threads that wait for one another hold their cores for a moment only: others need them too.
        return (
            {"GOMP_SPINCOUNT": "10000"}
            | kept
            | {
                "PYTHONPATH": str(self.code),
                "PYTHONNOUSERSITE": "1",
                "PYTHONUNBUFFERED": "1",
                "PYTHONDONTWRITEBYTECODE": "1",
                "HF_HOME": str(self.cache / "huggingface"),
                "HF_HUB_OFFLINE": "1",
                "HF_HUB_DISABLE_TELEMETRY": "1",
                "TRANSFORMERS_VERBOSITY": "error",
                "TOKENIZERS_PARALLELISM": "false",
            }
        )


def without_token() -> dict[str, str]:
    """The environment of an engine's process that only reads folders: without the token of the model hub."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HF_TOKEN")}


def write_json(path: Path, data: Any) -> None:
    """Write `data` so that a crash leaves the old file or the new one; mode 0600."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in `path`, or None where there is none."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def append_line(path: Path, data: Any) -> None:
    """Append one JSON line with one write, so that two processes never mix their lines."""
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(handle).st_size
        # A writer that was killed half-way left its line without an end.
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        os.write(handle, b"\n" * torn + json.dumps(data, ensure_ascii=False).encode() + b"\n")
    finally:
        os.close(handle)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects in a `.jsonl` file; a line cut short by a crash is passed over."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            try:
                data = json.loads(line)
            except ValueError:
                continue
            if isinstance(data, dict):
                yield data


def new_id(prefix: str) -> str:
    """An id such as `ftjob-…`; ids of one prefix sort by the time they were made."""
    return f"{prefix}-{time.time_ns():016x}{secrets.token_hex(4)}"


class Lock:
    """A lock that the system lets go of when its last holder dies.

    Children given `fileno()` in `pass_fds` hold it too, so "is it held" answers
    "is any process of that work still alive", whoever started it.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def try_acquire(self) -> bool:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def acquire(self, seconds: float) -> bool:
        """Wait for the lock, at most so many seconds."""
        end = time.monotonic() + seconds
        while not self.try_acquire():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def wait(self) -> None:
        """Wait for the lock as long as it takes."""
        fcntl.flock(self._handle, fcntl.LOCK_EX)

    def fileno(self) -> int:
        return self._handle

    def close(self) -> None:
        """Let go of it, unless a child holds it as well."""
        os.close(self._handle)


def is_locked(path: Path) -> bool:
    """Whether any process holds the lock at `path`."""
    if not path.exists():
        return False
    lock = Lock(path)
    try:
        return not lock.try_acquire()
    finally:
        lock.close()


def sync_folder(folder: Path) -> None:
    """Make sure that a folder and the files in it are on disk before it is renamed."""
    for path in (*folder.iterdir(), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
