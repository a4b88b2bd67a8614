"""A model whose weights are sharded over the processes that train it: by the numbers, or as asked."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import openai
import pytest

from engine import made
from engine.conftest import chats, connect, ended, upload, wait_for
from engine.launched import HYPER, ROWS, assert_same, log, run, start, team_of, wait_for_work
from ftui.engine import fitting, launch, local, memory
from ftui.engine.layout import Home, read_json, write_json

EIGHT_BILLION = memory.Shape(
    parameters=8_000_000_000,
    adapted=3_000_000,
    layers=32,
    hidden=4096,
    inner=14336,
    vocabulary=128_256,
    context=8192,
)
SIZES = [(500, 200)] * 30
SHARDED = {"processes": 2, "shard": "fsdp"}


def choose(free: float, processes: int, wanted: str = "auto") -> fitting.Way:
    return fitting.choose(EIGHT_BILLION, 2, 16, SIZES, 8, free, processes=processes, wanted=wanted, gpu=True)


def test_a_model_is_sharded_where_it_does_not_fit_one_gpu() -> None:
    roomy, tight = choose(80e9, 4), choose(14e9, 4)
    assert not roomy.sharded
    assert roomy.fit == roomy.whole
    assert tight.sharded
    assert tight.fit.bytes <= 14e9 < tight.whole.bytes
    # A quarter of sixteen gigabytes, and what is whole while it is used.
    assert 4e9 < tight.fit.bytes - 0.25 * 16e9 < 10e9
    needs, why = fitting.told(tight, 14e9, 4, gpu=True)
    whole, each = memory.said(tight.whole.bytes), memory.said(tight.fit.bytes)
    assert why == f"The model does not fit one GPU: {whole}; sharded over 4: {each} each"
    assert needs == f"needs about {each} of GPU memory in each process, 14.0 GB are free"
    assert fitting.told(roomy, 80e9, 4, gpu=True)[1] is None


def test_more_processes_need_less_each_but_not_nothing() -> None:
    needs = [choose(1e9, number).fit.bytes for number in (2, 4, 8, 64)]
    assert needs == sorted(needs, reverse=True)
    assert needs[-1] > memory.LIBRARIES + EIGHT_BILLION.vocabulary * EIGHT_BILLION.hidden * 2
    # It fits in no way, and that is seen.
    assert all(need > 1e9 for need in needs)


def test_sharding_can_be_asked_for_and_refused() -> None:
    asked = choose(80e9, 4, "fsdp")
    assert asked.sharded
    assert (fitting.told(asked, 80e9, 4, gpu=False, wanted="fsdp")[1] or "").endswith(" each, as asked")
    refused = choose(14e9, 4, "ddp")
    assert not refused.sharded
    assert refused.fit.bytes > 14e9
    # One process alone has nobody to share with.
    assert not choose(14e9, 1, "fsdp").sharded


def test_as_many_processes_as_there_are_gpus(place: Home) -> None:
    script = "import torch; from ftui.engine import launch; print(launch.gpus() == torch.cuda.device_count())"
    asked = subprocess.run(
        [str(place.python), "-c", script], env=place.environment(), capture_output=True, text=True, timeout=120
    )
    assert asked.stdout.strip() == "True", asked.stderr
    assert launch.trainer_command({"processes": 1}) == ["ftui.engine.trainer"]
    several = launch.trainer_command({"processes": 4})
    assert several[:3] == ["torch.distributed.run", "--standalone", "--nproc-per-node=4"]


@pytest.mark.parametrize(
    ("what", "left"),
    [("alone", {"told"}), ("together", {"done", "fine0", "fine1"}), ("failing", {"stopped0", "stopped1"})],
)
def test_processes_meet_or_say_why_not(place: Home, tmp_path: Path, what: str, left: set[str]) -> None:
    script = str(Path(__file__).with_name("inside_meeting.py"))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", script, str(tmp_path), what]
    with (tmp_path.parent / f"{what}.log").open("w+") as said:
        ran = subprocess.Popen(
            [str(place.python), *torchrun], env=place.environment(), stdout=said, stderr=said, start_new_session=True
        )
        try:
            code = ran.wait(200)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(ran.pid, signal.SIGKILL)
        said.seek(0)
        assert code == 0, said.read()[-3000:]
    assert {path.name for path in tmp_path.iterdir()} - {"home"} == left
    if what == "alone":
        assert (tmp_path / "told").read_text().startswith("Only 1 of 2 processes came together: ")


@pytest.fixture(scope="module")
def whole(place: Home, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job of one process with all of the model."""
    job = made.job(tmp_path_factory.mktemp("whole"), tiny, ROWS, validation=ROWS[:7], hyperparameters=HYPER)
    assert run(place, job)["state"] == "succeeded", log(job)
    return job


def test_a_sharded_model_learns_what_a_whole_one_learns(place: Home, tiny: Path, tmp_path: Path, whole: Path) -> None:
    job = made.job(tmp_path, tiny, ROWS, validation=ROWS[:7], hyperparameters=HYPER, launch=SHARDED)
    run(place, job)
    assert_same(job, whole)
    assert len(made.losses(job)) == 20
    assert "sharded over 2: 0.7 GB each, as asked" in made.said(job)
    # The adapter is whole, and chats on the base like any other.
    models = [folder.parent.parent / "models" / "ft-ftjob-1" for folder in (whole, job)]
    assert {path.name for path in models[0].iterdir()} == {path.name for path in models[1].iterdir()}
    script = "import sys; from safetensors.torch import load_file as load; one, two = map(load, sys.argv[1:]); " + (
        "assert one.keys() == two.keys(); print(max(float((one[n] - two[n]).abs().max()) for n in one))"
    )
    files = [str(model / "adapter_model.safetensors") for model in models]
    compared = subprocess.run(
        [str(place.python), "-c", script, *files], env=place.environment(), capture_output=True, text=True, timeout=120
    )
    assert float(compared.stdout) < 1e-3, compared.stderr


@pytest.mark.parametrize(("family", "method"), [("llama", "dpo"), ("falcon", "supervised")])
def test_pairs_and_other_families_are_sharded_too(
    place: Home, tiny: Path, tmp_path: Path, family: str, method: str
) -> None:
    base = tiny
    if family != "llama":
        base = tmp_path / family
        script = str(Path(__file__).with_name("tiny.py"))
        subprocess.run([str(place.python), script, str(base), family], env=place.environment(), check=True, timeout=120)
    rows = ROWS if method == "supervised" else [made.pair(number) for number in range(22)]
    jobs = [
        made.job(
            tmp_path / name, base, rows, method=method, validation=rows[:7], hyperparameters=HYPER | {"n_epochs": 2},
            launch=settings,
        )
        for name, settings in (("one", {}), ("two", SHARDED))
    ]  # fmt: skip
    for job in jobs:
        run(place, job)
    assert_same(jobs[1], jobs[0])


def test_a_sharded_training_is_killed_and_goes_on(place: Home, tiny: Path, tmp_path: Path, whole: Path) -> None:
    job = made.job(tmp_path, tiny, ROWS, validation=ROWS[:7], hyperparameters=HYPER, launch=SHARDED)
    write_json(job / "wish.json", {"attempt": 1, "want": "pause"})
    # Paused before it began; what follows begins, is paused at its first step, and is killed later.
    assert run(place, job)["state"] == "paused", (made.state(job), log(job))
    launcher = start(place, job, 2)
    wait_for_work(job, launcher, 2, begin=False)
    write_json(job / "wish.json", {"attempt": 2, "want": "pause"})
    launcher.wait(200)
    assert made.state(job)["state"] in ("paused", "succeeded"), log(job)
    launcher = start(place, job, 3)
    wait_for_work(job, launcher, 3, begin=False)
    with contextlib.suppress(ProcessLookupError):
        for worker in team_of(launcher)[-1:]:
            os.kill(worker, signal.SIGKILL)
    launcher.wait(200)
    if made.state(job)["state"] != "succeeded":
        assert made.state(job)["error"]["message"] == "The trainer was killed by SIGKILL", log(job)
        # Another machine may go on alone: a checkpoint is the same in both.
        write_json(job / "spec.json", (read_json(job / "spec.json") or {}) | {"launch": {"processes": 1}})
        run(place, job, 4)
    assert "Going on from the checkpoint" in made.said(job)
    assert_same(job, whole)


@pytest.fixture
def several(new_home: Callable[[], Path], tiny: Path) -> Iterator[openai.OpenAI]:
    """An engine that trains in two processes and shards."""
    home = new_home()
    shutil.copytree(tiny, home / "models" / "tiny-llama")
    command = local.serve_command(home, idle_seconds=1800, processes=2, shard="fsdp")
    server = subprocess.Popen(command.arguments, env=command.environment, start_new_session=True)
    try:
        wait_for(lambda: local.find(home), 100)
        with connect(home) as client:
            yield client
    finally:
        server.terminate()
        server.wait(60)


def test_a_server_trains_in_several_processes_and_chats_with_what_they_made(several: openai.OpenAI) -> None:
    asked = several.fine_tuning.jobs.create(
        model="tiny-llama",
        training_file=upload(several, chats(12)),
        seed=1,
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1, "batch_size": 4}}},
    )
    job = ended(several, asked.id)
    said = [event.message for event in several.fine_tuning.jobs.list_events(asked.id)]
    assert job.status == "succeeded", said
    assert any("sharded over 2" in message for message in said), said
    answer = several.chat.completions.create(
        model=job.fine_tuned_model, messages=[{"role": "user", "content": "Hi"}], max_tokens=3
    )
    assert answer.choices[0].message.content is not None
