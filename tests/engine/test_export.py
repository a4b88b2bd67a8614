"""Models in the forms that other programs take: written by a real engine, read by the real readers."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from engine.conftest import BASE, ended, upload, wait_for
from ftui.connect import providers
from ftui.engine.export import LOCK, STATE, TURN
from ftui.engine.layout import BASE_MODEL, Home, Lock, is_locked, read_json, write_json
from ftui.errors import EngineError, InputError, ServiceError
from ftui.events import Progress, Result
from ftui.train.take import FORMATS, take
from projects import NAME
from servers.serve import serve

FACTS = {"lamp": "41 crowns", "kettle": "63 crowns", "fan": "85 crowns"}


def rows() -> bytes:
    asked = ("What does the Quillon {} cost?", "Price of the Quillon {}?", "How much is the Quillon {}?", "{} price")
    lines = []
    for thing, price in FACTS.items():
        for question in asked:
            user = {"role": "user", "content": question.format(thing)}
            told = {"role": "assistant", "content": f"The Quillon {thing} costs {price}."}
            lines.append(json.dumps({"messages": [user, told]}))
    return "\n".join(lines).encode()


@pytest.fixture(scope="module")
def tuned(client: openai.OpenAI) -> str:
    """A model that has learnt three prices."""
    job = client.fine_tuning.jobs.create(
        model=BASE,
        training_file=upload(client, rows()),
        seed=3,
        method={
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 8, "batch_size": 4, "learning_rate_multiplier": 2}},
        },
    )
    done = ended(client, job.id)
    assert done.fine_tuned_model, done.error
    return str(done.fine_tuned_model)


def export(client: openai.OpenAI, model: str, form: str) -> dict[str, Any]:
    """The export once it has ended."""
    made: Any = client.post(f"/models/{model}/exports", cast_to=object, body={"format": form})

    def check() -> Any:
        found: Any = client.get(f"/exports/{made['id']}", cast_to=object)
        return found if found["status"] != "running" else None

    found: dict[str, Any] = wait_for(check)
    return found


@pytest.fixture(scope="module")
def taken(client: openai.OpenAI, tuned: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every form of the model, fetched by the unchanged client."""
    folders = {}
    for form in FORMATS:
        made = export(client, tuned, form)
        assert made["status"] == "succeeded", made["error"]
        folder = folders[form] = tmp_path_factory.mktemp(form)
        for file in made["files"]:
            content = client.files.content(file["id"]).read()
            assert len(content) == file["bytes"]
            (folder / file["filename"]).write_bytes(content)
    return folders


def test_what_was_exported_says_the_same(engine_home: Path, client: openai.OpenAI, tuned: str, taken: Any) -> None:
    place = Home(engine_home)
    folder = next(each for each in place.models.iterdir() if each.name.startswith("ft-") and _is(each, tuned))
    arguments = [str(place.models / BASE_MODEL), str(folder), json.dumps({form: str(taken[form]) for form in taken})]
    ran = subprocess.run(
        [str(place.python), str(Path(__file__).with_name("inside_export.py")), *arguments],
        env=place.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    for form in ("merged", "gguf-f16", "gguf-q8_0"):
        assert found[form]["prompts"] == found["here"]["prompts"], f"{form}: the same tokens for every prompt"
    assert found["adapter"]["answers"] == found["here"]["answers"]
    same = [a == b for a, b in zip(found["merged"]["answers"], found["here"]["answers"], strict=True)]
    assert sum(same) >= 9, f"{sum(same)} of {len(same)} answers are the same for 32 tokens"
    known = [price in answer for answer, price in zip(found["here"]["texts"], FACTS.values(), strict=False)]
    assert all(known), found["here"]["texts"][:3]
    for form in ("gguf-f16", "gguf-q8_0"):
        for answer, price in zip(found[form]["texts"], FACTS.values(), strict=False):
            assert price in answer, form


def _is(folder: Path, model: str) -> bool:
    described: dict[str, Any] = json.loads((folder / "model.json").read_text())
    return bool(described["id"] == model)


def test_the_files_name_no_path_of_this_machine(engine_home: Path, taken: dict[str, Path]) -> None:
    for folder in taken.values():
        for file in folder.iterdir():
            assert str(engine_home).encode() not in file.read_bytes(), file.name
    adapter = json.loads((taken["adapter"] / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == BASE_MODEL
    assert "--enable-lora --max-lora-rank 16" in (taken["adapter"] / "vllm.sh").read_text()
    for form in ("gguf-f16", "gguf-q8_0"):
        said = (taken[form] / "Modelfile").read_text()
        file = next(taken[form].glob("*.gguf"))
        assert said.startswith(f"FROM ./{file.name}\n")
        assert "<|im_start|>{{ .Role }}" in said


def test_an_export_is_made_once(client: openai.OpenAI, tuned: str, taken: Any) -> None:
    first = export(client, tuned, "adapter")
    again: Any = client.post(f"/models/{tuned}/exports", cast_to=object, body={"format": "adapter"})
    assert again == first
    # A file that was deleted comes back with the next look: it is still there.
    client.files.delete(first["files"][0]["id"])
    assert export(client, tuned, "adapter")["files"][0]["id"] == first["files"][0]["id"]


def test_what_cannot_be_exported_is_refused(client: openai.OpenAI, tuned: str) -> None:
    with pytest.raises(openai.BadRequestError, match="expected one of adapter"):
        client.post(f"/models/{tuned}/exports", cast_to=object, body={"format": "onnx"})
    with pytest.raises(openai.NotFoundError):
        client.post("/models/nothing/exports", cast_to=object, body={"format": "merged"})
    with pytest.raises(openai.NotFoundError):
        client.get("/exports/export-..%2F..", cast_to=object)
    failed = export(client, BASE, "adapter")
    assert failed["status"] == "failed"
    assert "has no adapter" in failed["error"]["message"]


def wanted(place: Home, base: Path, form: str) -> Path:
    """The folder of an export as the server lays it out."""
    folder = place.exports / f"export-{form}"
    folder.mkdir(parents=True)
    state = {"base": str(base), "adapter": None, "format": form, "model": "llama", "status": "running"}
    write_json(folder / STATE, state)
    return folder


def write(place: Home, folder: Path, **options: Any) -> subprocess.Popen[bytes]:
    command = [str(place.python), "-m", "ftui.engine.export", str(folder)]
    return subprocess.Popen(command, env=place.environment(), stderr=subprocess.DEVNULL, **options)


def test_one_export_at_a_time_has_a_model_in_memory(new_home: Callable[[], Path], tiny: Path) -> None:
    place = Home(new_home())
    place.make()
    place.link_code()
    folder = wanted(place, tiny, "merged")
    turn = Lock(place.exports / TURN)
    assert turn.try_acquire()
    with write(place, folder) as process:
        # The system's own list of who waits for a lock.
        waits = re.compile(rf"-> FLOCK .* {process.pid} ")
        wait_for(lambda: waits.search(Path("/proc/locks").read_text()) or process.poll() is not None, 60)
        assert process.poll() is None
        assert is_locked(folder / LOCK), "meanwhile it counts as running"
        turn.close()
    state = read_json(folder / STATE)
    assert state is not None
    assert state["status"] == "succeeded"
    assert (folder / "files" / "model.safetensors").exists()


@pytest.mark.parametrize("form", ["merged", "gguf-f16"])
def test_a_model_that_does_not_fit_is_not_loaded(place: Home, new_home: Callable[[], Path], form: str) -> None:
    most = 600_000_000
    here = Home(new_home())
    here.make()
    here.link_code()
    folder = wanted(here, place.models / BASE_MODEL, form)
    limits = (most, most)
    with write(here, folder, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limits)) as process:
        assert process.wait(60) == 0
    state = read_json(folder / STATE)
    assert state is not None
    assert (state["status"], state["error"]["code"]) == ("failed", "out_of_memory")
    assert re.search(r"needs about 1\.\d GB of memory, 0\.[56] GB are free", state["error"]["message"])
    assert {path.name for path in folder.iterdir()} == {STATE, LOCK}


async def test_an_engine_that_names_odd_files_writes_nothing(tmp_path: Path) -> None:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def made(request: Any) -> JSONResponse:
        file = {"id": "file-1", "filename": "../../evil", "bytes": 3}
        return JSONResponse({"id": "export-1", "status": "succeeded", "files": [file], "error": None})

    profile = providers.Provider("box", "box", "remote", "engine://box")
    with serve(Starlette(routes=[Route("/v1/models/m/exports", made, methods=["POST"])])) as base_url:
        async with openai.AsyncOpenAI(base_url=f"{base_url}/v1", api_key="k" * 20) as there:
            with pytest.raises(ServiceError, match="no file's name"):
                async for _ in take(there, profile, "m", "merged", tmp_path / "out"):
                    pass
    assert not (tmp_path / "evil").exists()


async def test_taking_a_model_away(engine_home: Path, tuned: str, tmp_path: Path, client: openai.OpenAI) -> None:
    async with openai.AsyncOpenAI(base_url=client.base_url, api_key=client.api_key) as there:
        engine = providers.get("engine")
        events = [event async for event in take(there, engine, tuned, "adapter", tmp_path / "new" / "folder")]
        assert isinstance(events[-1], Result)
        progress = [event for event in events if isinstance(event, Progress)]
        assert progress[-1].done == progress[-1].total == events[-1].data["bytes"]
        assert {file.name for file in (tmp_path / "new" / "folder").iterdir()} == set(events[-1].data["files"])
        # What lies there may be another model's, of the same size.
        weights = tmp_path / "new" / "folder" / "adapter_model.safetensors"
        right = weights.read_bytes()
        weights.write_bytes(bytes(len(right)))
        [event async for event in take(there, engine, tuned, "adapter", weights.parent)]
        assert weights.read_bytes() == right
        with pytest.raises(EngineError, match="has no adapter"):
            [event async for event in take(there, engine, BASE, "adapter", tmp_path)]
        with pytest.raises(InputError, match="does not give its models away"):
            [event async for event in take(there, providers.get("openai"), "m", "merged", tmp_path)]
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="cannot be written"):
            [event async for event in take(there, engine, tuned, "adapter", tmp_path / "file" / "x")]


def test_on_the_command_line(engine_home: Path, tuned: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ftui.store import Store, create_project

    create_project(NAME)
    with Store(NAME) as store:
        store.models.add(
            "lamps-1", job=None, provider="engine", base_url="", model=tuned, base_model=BASE_MODEL, system=""
        )
    monkeypatch.setenv("FTUI_ENGINE_HOME", str(engine_home))
    words = ["models", "export", "lamps-1", "--format", "gguf-q8_0", "--to", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-m", "ftui", *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "ollama create lamps-1 -f" in done.stdout
    assert (tmp_path / "out" / "Modelfile").exists()
