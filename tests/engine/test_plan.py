"""What a run decides, and the files it keeps, without any library."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.engine import plan
from ftui.engine.checkpoints import ADAPTER_FILES
from ftui.engine.job_request import read_request
from ftui.engine.jobs import Jobs
from ftui.engine.layout import append_line, read_json, read_lines
from ftui.engine.models import Models
from ftui.engine.report import EVENTS, event, result_csv
from ftui.engine.wire import ApiError, Fields


def test_auto_presents_about_six_hundred_rows() -> None:
    assert plan.resolve(672, {"n_epochs": "auto"})["n_epochs"] == 1
    assert plan.resolve(100, {})["n_epochs"] == 6
    assert plan.resolve(10, {}) == {"n_epochs": 10, "batch_size": 6, "learning_rate_multiplier": 1.0}
    assert plan.resolve(10, {"n_epochs": 3, "batch_size": "auto"})["n_epochs"] == 3


@given(epochs=st.integers(1, 50), per_epoch=st.integers(1, 500))
def test_evaluations_are_few_and_end_with_the_last_step(epochs: int, per_epoch: int) -> None:
    points = plan.evaluation_points(epochs, per_epoch)
    assert 1 <= len(points) <= max(plan.EVALUATIONS, 1)
    assert list(points)[-1] == epochs * per_epoch
    assert points[epochs * per_epoch]
    assert all(full == (step % per_epoch == 0) or not full for step, full in points.items())


def test_threads_follow_what_is_fastest_now() -> None:
    cost = {1: 1.0, 2: 0.5}
    probed: list[int] = []

    def probe(number: int, limit: float) -> float:
        probed.append(number)
        return min(cost[number], limit)

    threads = plan.Threads([2, 1], probe)
    assert threads.choose(0.0) == 2
    for second in range(1, 6):
        threads.note(float(second), 100, 1.0)
        threads.choose(float(second))
    assert probed == [1, 2]
    # Other work comes: one slow step is enough, and two threads are not tried again at once.
    cost[2] = 9.0
    threads.note(6.0, 100, 12.0)
    assert threads.choose(6.1) == 1
    assert threads.choose(6.1 + plan.Threads.LOOK_SECONDS) == 1
    assert probed == [1, 2]
    # It still is there, then it goes.
    assert threads.choose(1000.0) == 1
    cost[2] = 0.5
    assert threads.choose(2000.0) == 2


def test_one_core_is_never_probed() -> None:
    def probe(number: int, limit: float) -> float:
        raise AssertionError(number)

    assert plan.Threads([1, 1], probe).choose(0.0) == 1


@pytest.mark.parametrize("cut", [1, 5])
def test_a_line_cut_off_by_a_crash_spoils_no_other(tmp_path: Path, cut: int) -> None:
    path = tmp_path / EVENTS
    append_line(path, {"n": 1})
    append_line(path, {"n": 2})
    path.write_bytes(path.read_bytes()[:-cut])
    append_line(path, {"n": 3})
    numbers = [line["n"] for line in read_lines(path)]
    assert numbers in ([1, 3], [1, 2, 3])
    assert numbers == ([1, 2, 3] if cut == 1 else [1, 3])


def test_the_result_has_each_step_once(tmp_path: Path) -> None:
    for loss in (3.0, 2.0):
        append_line(
            tmp_path / EVENTS, event("x", data={"step": 1, "train_loss": loss, "train_mean_token_accuracy": 0.5})
        )
    append_line(tmp_path / EVENTS, event("only words"))
    append_line(tmp_path / EVENTS, event("x", data={"step": 2, "train_loss": 1.0, "valid_loss": 1.5}))
    assert result_csv(tmp_path).splitlines()[1:] == ["1,2.0,0.5,,", "2,1.0,,1.5,"]


def test_what_a_job_tells_its_trainer(tmp_path: Path) -> None:
    for name in ("models", "jobs", "adapter"):
        (tmp_path / name).mkdir()
    for name in ADAPTER_FILES:
        (tmp_path / "adapter" / name).write_text(name)
    (tmp_path / "file").write_text("{}")
    asked = read_request(
        Fields(
            {
                "model": "some-lab/Model-1B",
                "training_file": "file-1",
                "suffix": "My Lamps",
                "method": {
                    "type": "dpo",
                    "dpo": {"hyperparameters": {"beta": 0.3, "n_epochs": 2.0, "lora_r": 8, "packing": True}},
                },
                "hyperparameters": {"batch_size": "auto", "early_stopping_patience": 3, "context_length": 512},
            }
        )
    )
    model = Models(tmp_path / "models", tmp_path / "jobs").trainable(asked["model"])
    jobs = Jobs(tmp_path / "jobs")
    fields = {**asked, "base": str(model.base), "hub": model.hub}
    job = jobs.add(fields, tmp_path / "file", None, tmp_path / "adapter")
    # The tuned model that a job goes on from may go meanwhile.
    shutil.rmtree(tmp_path / "adapter")
    jobs.prepare(job, 50)
    spec = read_json(jobs.folder(job) / "spec.json")
    assert spec is not None
    assert (spec["hub"], Path(spec["base"]).name) == ("some-lab/Model-1B", "some-lab--Model-1B")
    assert spec["model_id"].startswith("ft:some-lab--model-1b:ftui:my-lamps:")
    assert {path.name for path in Path(spec["adapter"]).iterdir()} == set(ADAPTER_FILES)
    assert spec["method"] == "dpo"
    hyper = spec["hyperparameters"]
    assert {"beta": 0.3, "n_epochs": 2, "lora_rank": 8, "packing": True}.items() <= hyper.items()
    assert {"early_stop": 3, "context_length": 512}.items() <= hyper.items()
    assert isinstance(hyper["batch_size"], int)
    shown = jobs.show(job)
    assert shown["method"] == {"type": "dpo", "dpo": {"hyperparameters": hyper}}
    # A server that starts anew knows it all.
    again = Jobs(tmp_path / "jobs")
    assert again.show(again.get(job["id"])) == shown
    for name in ("gpt-4o", "../x", "a/b/c", "-a/b", "a/ü"):
        with pytest.raises(ApiError):
            Models(tmp_path / "models", tmp_path / "jobs").trainable(name)
