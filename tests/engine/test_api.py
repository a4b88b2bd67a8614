"""The API without training: files, errors, jobs that are refused."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import openai
import pytest

from engine.conftest import BASE, chats, ended, upload, wait_for
from ftui.engine import local
from ftui.engine.layout import write_json


def test_a_file_comes_back_as_it_was_sent(client: openai.OpenAI) -> None:
    content = chats(12) + b"\n" + "größer ☃".encode()
    sent = client.files.create(file=("../../etc/x.jsonl", content), purpose="fine-tune")
    assert sent.id.startswith("file-")
    assert (sent.bytes, sent.filename, sent.status) == (len(content), "x.jsonl", "processed")
    assert client.files.retrieve(sent.id) == sent
    assert client.files.content(sent.id).read() == content
    assert sent.id in [file.id for file in client.files.list(purpose="fine-tune")]
    assert client.files.delete(sent.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(sent.id)


def test_files_are_listed_page_by_page(client: openai.OpenAI) -> None:
    made = [upload(client, b"{}") for _ in range(3)]
    first = client.files.list(limit=2)
    assert [file.id for file in first.data] == made[:0:-1]
    assert first.has_more
    rest = client.files.list(limit=2, after=first.data[-1].id)
    assert rest.data[0].id == made[0]
    assert [file.id for file in client.files.list(order="asc")][-1] == made[-1]
    for file in made:
        client.files.delete(file)


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (chats(3), "invalid_n_examples", "3 example(s), but must have at least 10"),
        (b"", "invalid_n_examples", "0 example(s)"),
        (chats(10) + b"\nnot json", "invalid_file_format", "Example 11 cannot be parsed"),
        (
            chats(10) + b'\n{"messages": [], "source": 1}',
            "invalid_file_format",
            'Example 11 contains an extra "source"',
        ),
        (chats(10).replace(b"Price", b"<|im_end|>"), "invalid_file_format", "invalid token: <|im_end|>"),
    ],
)
def test_a_bad_training_file_fails_the_job(client: openai.OpenAI, content: bytes, code: str, said: str) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=upload(client, content))
    assert job.status == "validating_files"
    job = ended(client, job.id)
    assert job.status == "failed"
    assert job.error is not None
    assert (job.error.code, job.error.param) == (code, "training_file")
    assert said in job.error.message
    newest = client.fine_tuning.jobs.list_events(job.id, limit=1).data[0]
    assert newest.level == "error"
    with pytest.raises(openai.BadRequestError, match="it is failed"):
        client.fine_tuning.jobs.resume(job.id)


def test_a_bad_validation_file_fails_the_job(client: openai.OpenAI) -> None:
    job = client.fine_tuning.jobs.create(
        model=BASE, training_file=upload(client, chats(10)), validation_file=upload(client, b'{"messages": 1}')
    )
    job = ended(client, job.id)
    assert job.error is not None
    assert (job.error.code, job.error.param) == ("invalid_file_format", "validation_file")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"suffix": "x" * 65}, "suffix"),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"n_epochs": "many"}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"rank": 4}}, "hyperparameters.rank"),
        ({"method": {"type": "reinforcement"}}, "method.type"),
        ({"method": {"supervised": {}}}, "method.type"),
        ({"method": {"type": "dpo", "supervised": {}}}, "method.supervised"),
        ({"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 2.5}}}}, "method.dpo.hyperparameters.beta"),
        ({"hyperparameters": {"beta": 0.1}}, "hyperparameters.beta"),
        ({"hyperparameters": {"lora_r": 8, "lora_rank": 8}}, "hyperparameters.lora_rank"),
        ({"hyperparameters": {"lora_dropout": 1}}, "hyperparameters.lora_dropout"),
        ({"hyperparameters": {"learning_rate_multiplier": 10**400}}, "hyperparameters.learning_rate_multiplier"),
        ({"hyperparameters": {"packing": 1}}, "hyperparameters.packing"),
        ({"hyperparameters": {"lora": False}}, "hyperparameters.lora"),
        (
            {"method": {"type": "supervised", "supervised": {"hyperparameters": {"batch_size": 0.5}}}},
            "method.supervised.hyperparameters.batch_size",
        ),
        ({"metadata": {"k": "v" * 513}}, "metadata"),
        ({"extra_body": {"surprise": 1}}, "surprise"),
        ({"model": "gpt-4o"}, "model"),
        ({"training_file": "file-none"}, "training_file"),
        ({"training_file": "../../installed"}, "training_file"),
        ({"validation_file": "file-none"}, "validation_file"),
    ],
)
def test_a_wrong_field_is_named(client: openai.OpenAI, fields: dict[str, Any], param: str) -> None:
    file = upload(client, chats(10))
    with pytest.raises(openai.APIStatusError) as caught:
        client.fine_tuning.jobs.create(**{"model": BASE, "training_file": file, **fields})
    assert caught.value.status_code in (400, 404)
    assert caught.value.param == param
    assert str(local.__file__) not in caught.value.message


def test_a_wrong_token_opens_nothing(client: openai.OpenAI) -> None:
    stranger = client.with_options(api_key="x" * 43)
    with pytest.raises(openai.AuthenticationError) as caught:
        stranger.models.list()
    assert caught.value.code == "invalid_api_key"
    url = str(client.base_url)
    with pytest.raises(urllib.error.HTTPError, match="401") as missing:
        urllib.request.urlopen(f"{url}files", timeout=10)
    missing.value.close()


def test_health_needs_no_token_and_tells_no_secret(client: openai.OpenAI) -> None:
    with urllib.request.urlopen(str(client.base_url).replace("/v1/", "/health"), timeout=10) as answer:
        text = answer.read().decode()
    assert json.loads(text)["status"] == "ok"
    assert client.api_key not in text


def test_bodies_that_are_no_requests(client: openai.OpenAI) -> None:
    for body in (b"", b"[]", b"{", b"[" * 100_000):
        request = urllib.request.Request(
            f"{client.base_url}fine_tuning/jobs", body, {"Authorization": f"Bearer {client.api_key}"}
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)
        with caught.value as answer:
            assert answer.code == 400
            assert set(json.loads(answer.read())["error"]) == {"message", "type", "param", "code"}
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        client.get("/nothing/here", cast_to=object)


def test_the_base_model_is_listed_and_stays(client: openai.OpenAI) -> None:
    assert client.models.list().data[0].id == BASE
    assert client.models.retrieve("SmolLM2-135M-Instruct").id == BASE
    assert client.models.retrieve("HuggingFaceTB/SmolLM2-135M-Instruct").id == BASE
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("somebody/SmolLM2-135M-Instruct")
    with pytest.raises(openai.PermissionDeniedError):
        client.models.delete(BASE)
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("ft:none")


def test_a_tuned_model_is_trained_further_with_the_adapter_it_has(client: openai.OpenAI, engine_home: Path) -> None:
    tuned = engine_home / "models" / "ft-shape"
    tuned.mkdir()
    write_json(tuned / "adapter_config.json", {"r": 4, "lora_alpha": 12})
    (tuned / "adapter_model.safetensors").write_bytes(b"")
    base = next(path.name for path in (engine_home / "models").iterdir() if path.name.lower() == BASE)
    write_json(tuned / "model.json", {"id": "ft:shape", "base": base, "created": 1})
    file = upload(client, chats(10))
    # One that trains, so that the others only wait.
    first = client.fine_tuning.jobs.create(model=BASE, training_file=file, hyperparameters={"n_epochs": 50})
    try:
        with pytest.raises(openai.BadRequestError, match="with the lora_rank that it has, 4") as caught:
            client.fine_tuning.jobs.create(
                model="ft:shape", training_file=file, extra_body={"hyperparameters": {"lora_rank": 16}}
            )
        assert caught.value.param == "hyperparameters.lora_rank"
        more: Any = {"hyperparameters": {"lora_rank": 4, "lora_alpha": "auto"}}
        job = client.fine_tuning.jobs.create(model="ft:shape", training_file=file, extra_body=more)
        wait_for(lambda: client.fine_tuning.jobs.retrieve(job.id).status == "queued")
        client.fine_tuning.jobs.cancel(job.id)
        settled: Any = client.fine_tuning.jobs.retrieve(job.id).hyperparameters
        assert (settled.lora_rank, settled.lora_alpha) == (4, 12)
    finally:
        client.fine_tuning.jobs.cancel(first.id)
        client.models.delete("ft:shape")
    assert ended(client, first.id).status == "cancelled"


def test_a_waiting_job_is_paused_resumed_and_cancelled(client: openai.OpenAI) -> None:
    long = client.fine_tuning.jobs.create(
        model=BASE, training_file=upload(client, chats(60)), hyperparameters={"n_epochs": 50}
    )
    waiting = client.fine_tuning.jobs.create(model=BASE, training_file=upload(client, chats(10)), seed=1)

    def state(job: str) -> str:
        return client.fine_tuning.jobs.retrieve(job).status

    wait_for(lambda: state(waiting.id) == "queued" and state(long.id) == "running")
    assert client.fine_tuning.jobs.pause(waiting.id).status == "paused"
    assert client.fine_tuning.jobs.resume(waiting.id).status == "queued"
    assert client.fine_tuning.jobs.cancel(waiting.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        client.fine_tuning.jobs.cancel(waiting.id)
    client.fine_tuning.jobs.cancel(long.id)
    assert ended(client, long.id).status == "cancelled"
