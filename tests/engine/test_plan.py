"""What a run decides, and the files it keeps, without any library."""

from __future__ import annotations

import errno
import json
import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.engine import failure, hub, memory, plan
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
    assert plan.resolve(10, {}) == {
        "n_epochs": 10,
        "batch_size": 6,
        "learning_rate_multiplier": 1.0,
        "lora_rank": 16,
        "lora_alpha": 32,
        "lora_dropout": 0.0,
        "context_length": 2048,
        "packing": False,
        "early_stop": None,
    }
    assert plan.resolve(10, {"n_epochs": 3, "batch_size": "auto"})["n_epochs"] == 3


def test_auto_follows_the_method_and_what_is_given() -> None:
    assert plan.resolve(50, {"beta": "auto"})["beta"] == 0.1
    assert plan.resolve(50, {"beta": 0.4, "n_epochs": "auto"}, "dpo") == plan.resolve(50, {"beta": 0.4})
    assert plan.resolve(50, {}, "dpo")["n_epochs"] == 6
    assert "beta" not in plan.resolve(50, {})
    given = plan.resolve(50, {"lora_rank": 64, "lora_alpha": "auto", "packing": True, "lora_dropout": 0})
    assert (given["lora_alpha"], given["batch_size"], given["lora_dropout"]) == (128, 1, 0)


def test_wider_models_learn_in_smaller_steps() -> None:
    assert plan.learning_rate("supervised", 576, 1.0) == 1e-3
    assert plan.learning_rate("supervised", 64, 2.0) == 2e-3
    assert 1.5e-4 < plan.learning_rate("supervised", 4096, 1.0) < 3e-4


def test_a_batch_is_cut_until_it_fits() -> None:
    sizes = [(100, 10)] * 20 + [(400, 40)]

    def kept(tokens: int, answers: int, rows: int) -> float:
        return 1000 + 10.0 * tokens

    def recomputed(tokens: int, answers: int, rows: int) -> float:
        return 1000 + 2.0 * tokens

    def fit(free: float) -> plan.Fit:
        return plan.fit(8, sizes, kept, recomputed, free)

    assert fit(1e6) == plan.Fit(8, False, 1000 + 10 * 1100)
    assert fit(9_000) == plan.Fit(4, False, 1000 + 10 * 700)
    assert fit(5_000) == plan.Fit(1, False, 5000)
    assert fit(3_500) == plan.Fit(8, True, 1000 + 2 * 1100)
    assert fit(100).bytes > 100


@given(epochs=st.integers(1, 50), per_epoch=st.integers(1, 500))
def test_evaluations_are_few_and_end_with_the_last_step(epochs: int, per_epoch: int) -> None:
    points = plan.evaluation_points(epochs, per_epoch)
    assert 1 <= len(points) <= max(plan.EVALUATIONS, 1)
    assert list(points)[-1] == epochs * per_epoch
    assert points[epochs * per_epoch]
    assert all(full == (step % per_epoch == 0) or not full for step, full in points.items())


def test_early_stop_looks_at_each_epoch() -> None:
    assert plan.evaluation_points(12, 3, every_epoch=True) == {3 * epoch: True for epoch in range(1, 13)}


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


def _model(folder: Path, **config: int) -> Path:
    head = {"a.q_proj.weight": {"shape": [64, 32]}, "embed_tokens.weight": {"shape": [1000, 32]}, "n": {"shape": [32]}}
    text = json.dumps(head).encode()
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    (folder / "config.json").write_text(
        json.dumps({"text_config": {"hidden_size": 32, "num_hidden_layers": 9, **config}})
    )
    return folder


def test_memory_is_read_off_the_files(tmp_path: Path) -> None:
    shape = memory.shape(_model(tmp_path / "m", vocab_size=1000, max_position_embeddings=77))
    assert (shape.parameters, shape.adapted, shape.context) == (64 * 32 + 32000 + 32, 96, 77)
    two, four = memory.need(shape, 2, 16), memory.need(shape, 4, 16)
    assert four.fixed - two.fixed == 2 * shape.parameters
    assert two.of(100, 10) > two.of(50, 10) > memory.LIBRARIES
    again = memory.need(shape, 2, 16, recomputed=True)
    assert again.token < two.token
    # Rows that are taken as one need a table of all their tokens, in each layer where it is kept.
    assert two.of(100, 10, 2) - two.of(100, 10) == pytest.approx(9 * (again.of(100, 10, 2) - again.of(100, 10)))
    assert memory.need(shape, 2, 16, gpu=True).token < two.token
    assert 1e8 < memory.free() < 1e14


def test_reasons_are_true_and_hold_no_path_and_no_key() -> None:
    def code(error: BaseException) -> str:
        return failure.of_exception(error)["code"]

    assert code(OSError(errno.ENOSPC, "x")) == "disk_full"
    assert code(RuntimeError("I/O error: No space left on device (os error 28)")) == "disk_full"
    assert code(MemoryError()) == "out_of_memory"
    assert code(failure.Stop("model_gated", "no")) == "model_gated"
    wrapped = ValueError("wrapped")
    wrapped.__cause__ = OSError(errno.ENOSPC, "x")
    assert code(wrapped) == "disk_full"
    told = failure.of_exception(ValueError("'/srv/secret place/x' /home/me/models/net.bin token hf_abcdefgh1234"))
    assert "/home" not in told["message"]
    assert "hf_" not in told["message"]
    assert "net.bin" in told["message"]


def test_an_end_without_a_word_is_explained() -> None:
    def end(code: int, *lines: str, ran_out: bool | None = False) -> tuple[str, str]:
        found = failure.of_exit(code, lines, ran_out=ran_out)
        return found["code"], found["message"]

    assert end(-9, ran_out=True)[0] == "out_of_memory"
    assert end(-9) == ("server_error", "The trainer was killed by SIGKILL")
    assert "when memory runs out" in end(-9, ran_out=None)[1]
    assert end(-6, "terminate called after throwing an instance of 'std::bad_alloc'")[0] == "out_of_memory"
    assert "SIGSEGV" in end(1, "traceback : Signal 11 (SIGSEGV) received by PID 77")[1]
    assert end(1, "boom")[1] == "The trainer ended with exit code 1: boom"


def test_a_folder_has_one_name_and_strange_ids_have_none() -> None:
    assert hub.ID.fullmatch("Qwen/Qwen3-0.6B")
    for strange in ("../x", "a/../b", "a//b", "/etc/passwd", "a/b/c", "a/.hidden", "plain", "a/b\n"):
        assert not hub.ID.fullmatch(strange), strange
