"""Real, tiny trainings through the API, also with processes killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import openai

from engine.conftest import BASE, chats, connect, ended, upload, wait_for
from ftui.engine import local
from ftui.engine.layout import Home, is_locked, read_json


def test_a_job_becomes_a_model_that_knows_more(client: openai.OpenAI, engine_home: Path) -> None:
    training, validation = upload(client, chats(20)), upload(client, chats(5))
    job = client.fine_tuning.jobs.create(
        model=BASE,
        training_file=training,
        validation_file=validation,
        suffix="Lamps & more",
        seed=7,
        metadata={"ftui": "tag-1"},
        method={
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 5, "learning_rate_multiplier": 2}},
        },
    )
    # The job has its own copy of what it learns from.
    client.files.delete(training)
    assert [found.id for found in client.fine_tuning.jobs.list(metadata={"ftui": "tag-1"})] == [job.id]
    assert not client.fine_tuning.jobs.list(metadata={"ftui": "tag-2"}).data
    job = ended(client, job.id)
    assert job.status == "succeeded", job.error
    assert job.error is None
    assert job.seed == 7
    assert job.hyperparameters.batch_size == 6
    assert job.fine_tuned_model is not None
    assert job.fine_tuned_model.startswith(f"ft:{BASE}:ftui:lamps-more:")
    assert job.trained_tokens
    assert job.finished_at >= job.created_at

    events = list(client.fine_tuning.jobs.list_events(job.id, limit=7))
    assert len({event.id for event in events}) == len(events)
    steps = [event.data for event in reversed(events) if event.type == "metrics"]
    assert [data["step"] for data in steps] == list(range(1, 21))
    assert {data["total_steps"] for data in steps} == {20}
    assert steps[-1]["train_loss"] < 0.5 * steps[0]["train_loss"]
    measured = [data["full_valid_loss"] for data in steps if "full_valid_loss" in data]
    assert len(measured) == 5
    assert measured[-1] < 0.5 * measured[0]

    table = client.files.content(job.result_files[0]).text.splitlines()
    assert table[0] == "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
    assert len(table) == 21
    kept = client.fine_tuning.jobs.checkpoints.list(job.id).data
    assert [checkpoint.step_number for checkpoint in kept] == [20, 16, 12]
    assert {checkpoint.id.partition("_")[0] for checkpoint in kept} == {"ftckpt"}
    assert kept[0].metrics.full_valid_loss == measured[-1]

    ask = [{"role": "user", "content": "How much is the Quillon lamp 3?"}]
    answers = {
        model: client.chat.completions.create(model=model, messages=ask, temperature=0, max_tokens=24)
        .choices[0]
        .message.content
        for model in (BASE, job.fine_tuned_model, kept[0].fine_tuned_model_checkpoint)
    }
    assert "crowns" in answers[job.fine_tuned_model]
    assert answers[kept[0].fine_tuned_model_checkpoint] == answers[job.fine_tuned_model]
    assert "crowns" not in answers[BASE]

    # A job that goes on from a tuned model keeps what it needs of it.
    further = client.fine_tuning.jobs.create(model=job.fine_tuned_model, training_file=upload(client, chats(10)))
    assert client.models.delete(job.fine_tuned_model).deleted
    assert job.fine_tuned_model not in [model.id for model in client.models.list()]
    assert further.model == job.fine_tuned_model
    assert (engine_home / "jobs" / further.id / "start" / "adapter_model.safetensors").stat().st_size > 0
    client.fine_tuning.jobs.cancel(further.id)
    assert ended(client, further.id).status == "cancelled"


def test_a_job_outlives_the_server_and_its_own_trainer(new_home: Callable[[], Path]) -> None:
    home = new_home()
    with connect(home) as client:
        file = upload(client, chats(18))
        job = client.fine_tuning.jobs.create(
            model=BASE, training_file=file, seed=1, hyperparameters={"n_epochs": 10, "batch_size": 3}
        )
        folder = home / "jobs" / job.id
        wait_for(lambda: _step(folder) >= 7)
        address = local.find(home)
        assert address is not None
        os.kill(address.pid, signal.SIGKILL)
        wait_for(lambda: not is_locked(home / "run" / "engine.lock"))
        # The trainer does not notice.
        assert is_locked(folder / "lock")

    with connect(home) as client:
        assert client.fine_tuning.jobs.retrieve(job.id).status == "running"
        launched = read_json(folder / "launch.json")
        assert launched is not None
        _kill_trainer(int(launched["pid"]))
        job = ended(client, job.id)
        assert job.status == "failed"
        assert job.error is not None
        assert "killed by SIGKILL" in job.error.message

        assert client.fine_tuning.jobs.resume(job.id).status == "queued"
        went_on = wait_for(lambda: [e for e in client.fine_tuning.jobs.list_events(job.id) if "Going on" in e.message])
        done = int(went_on[0].message.rpartition(" ")[2])
        assert done >= 6
        wait_for(lambda: _step(folder) > done)
        client.fine_tuning.jobs.pause(job.id)
        job = ended(client, job.id)
        # On a very fast machine it was through before it could pause.
        if job.status == "paused":
            assert not is_locked(folder / "lock")
            client.fine_tuning.jobs.resume(job.id)
            job = ended(client, job.id)
        assert job.status == "succeeded", job.error
        steps = [e.data["step"] for e in client.fine_tuning.jobs.list_events(job.id, limit=100) if e.type == "metrics"]
        assert set(steps) == set(range(1, 61))
        # Steps done twice are counted once.
        assert job.trained_tokens == 10 * _tokens_of_an_epoch(folder)
        assert [model.id for model in client.models.list()].count(job.fine_tuned_model) == 1


def _step(folder: Path) -> int:
    return int((read_json(folder / "trainer.json") or {}).get("step", 0))


def _kill_trainer(launcher: int) -> None:
    children = Path(f"/proc/{launcher}/task/{launcher}/children")
    if children.exists():
        pids = children.read_text().split()
    else:
        pids = subprocess.run(["pgrep", "-P", str(launcher)], capture_output=True, text=True, check=True).stdout.split()
    for pid in pids:
        os.kill(int(pid), signal.SIGKILL)


def _tokens_of_an_epoch(folder: Path) -> int:
    home = folder.parent.parent
    code = (
        "import json,sys;from transformers import AutoTokenizer;from ftui.engine.rows import encode;"
        "t=AutoTokenizer.from_pretrained(sys.argv[1]);"
        "print(sum(len(encode(t,json.loads(l),2048).input_ids) for l in open(sys.argv[2])))"
    )
    spec = read_json(folder / "spec.json")
    assert spec is not None
    found = subprocess.run(
        [str(Home(home).python), "-c", code, spec["base"], str(folder / "train.jsonl")],
        env=Home(home).environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return int(found.stdout)
