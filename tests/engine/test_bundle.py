"""A job that is trained elsewhere: the folder, the scripts in it run for real, and the way back."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml

from engine.conftest import BASE, chats, connect, ended, free_port, upload, wait_for
from ftui.engine import bundle
from ftui.engine.layout import Home, Lock, read_json
from ftui.errors import BusyError, InputError


@pytest.fixture(scope="module")
def home(new_home: Callable[[], Path]) -> Path:
    return new_home()


@pytest.fixture(scope="module")
def there(home: Path) -> openai.OpenAI:
    return connect(home)


def paused(client: openai.OpenAI) -> str:
    """A job that was paused before it began."""
    first = client.fine_tuning.jobs.create(
        model=BASE,
        training_file=upload(client, chats(10)),
        seed=1,
        suffix="far",
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2, "batch_size": 5}}},
    )
    wait_for(lambda: client.fine_tuning.jobs.retrieve(first.id).status in ("queued", "running"))
    client.fine_tuning.jobs.pause(first.id)
    assert ended(client, first.id).status == "paused"
    return str(first.id)


def run(folder: Path, home: Path, *words: str, seconds: float = 300, **more: str) -> subprocess.CompletedProcess[str]:
    """A script of a bundle with the engine's own Python, so that nothing is installed.

    It ends with all that it started; what all of them said is its `stderr`, also when it took too long.
    """
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHON": str(Home(home).python), "READY": "1"}
    # To a file: a pipe would stay open as long as anyone who was left behind lives.
    with (folder / "said.log").open("w+", encoding="utf-8") as said:
        script = subprocess.Popen(
            words, cwd=folder, env=environment | more, stdout=said, stderr=said, text=True, start_new_session=True
        )
        try:
            code = script.wait(seconds)
        except subprocess.TimeoutExpired:
            code = -signal.SIGALRM
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(script.pid, signal.SIGKILL)
            script.wait()
        said.seek(0)
        return subprocess.CompletedProcess(words, code, "", said.read()[-6000:])


def test_a_job_goes_away_and_comes_back_as_a_model(home: Path, there: openai.OpenAI, tmp_path: Path) -> None:
    job = paused(there)
    words = ["engine", "bundle", job, "--to", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "ftui", *words],
        env=os.environ | {"FTUI_ENGINE_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Another machine: another path, and nothing of this home in it.
    folder = tmp_path / "elsewhere" / "box"
    folder.parent.mkdir()
    (tmp_path / "out").rename(folder)
    for file in folder.rglob("*"):
        if file.is_file() and file.suffix != ".safetensors":
            assert str(home) not in file.read_text("utf-8", "replace"), file
    receipt = json.loads((folder / "receipt.json").read_text())
    assert receipt["job"] == job
    assert set(receipt["sha256"]) == {"train.jsonl"}

    trained = run(folder, home, "sh", "run.sh", PROCESSES="1")
    assert trained.returncode == 0, trained.stderr[-2000:]
    assert there.fine_tuning.jobs.retrieve(job).status == "paused", "nothing has come back yet"
    assert bundle.bring_back(home, folder)["state"] == "succeeded"
    back = wait_for(lambda: (found := ended(there, job)).status == "succeeded" and found)
    assert back.fine_tuned_model == receipt["fine_tuned_model"]
    steps = [event.data for event in there.fine_tuning.jobs.list_events(job) if event.type == "metrics"]
    assert {data["step"] for data in steps} == {1, 2, 3, 4}
    assert there.files.content(back.result_files[0]).text.count("\n") == 5
    answer = there.chat.completions.create(
        model=back.fine_tuned_model, messages=[{"role": "user", "content": "Hi"}], max_tokens=3
    )
    assert answer.choices[0].message.content is not None
    with pytest.raises(InputError, match="it is succeeded here"):
        bundle.bring_back(home, folder)
    again = run(folder, home, "sh", "run.sh", PROCESSES="1")
    assert (again.returncode, "is trained: bring the folder back" in again.stderr) == (0, True), "never a second time"


def test_a_job_that_failed_here_succeeds_elsewhere_and_one_that_rests_stays_as_it_is(
    home: Path, there: openai.OpenAI, tmp_path: Path
) -> None:
    job = paused(there)
    there.fine_tuning.jobs.resume(job)
    launched = wait_for(lambda: (found := read_json(home / "jobs" / job / "launch.json")) and found)
    wait_for(lambda: (home / "jobs" / job / "trainer.json").exists())
    trainer = subprocess.run(["pgrep", "-P", str(launched["pid"])], capture_output=True, text=True, check=True)
    os.kill(int(trainer.stdout), signal.SIGKILL)
    assert ended(there, job).status == "failed"
    # Another one trains, so this one only waits, and is paused before a second attempt.
    other = paused(there)
    there.fine_tuning.jobs.resume(other)
    wait_for(lambda: there.fine_tuning.jobs.retrieve(other).status == "running")
    there.fine_tuning.jobs.resume(job)
    there.fine_tuning.jobs.pause(job)
    there.fine_tuning.jobs.cancel(other)
    assert ended(there, other).status == "cancelled"
    assert there.fine_tuning.jobs.retrieve(job).status == "paused", "how its first attempt ended is past"
    bundle.write(home, job, tmp_path / "box")
    assert bundle.bring_back(home, tmp_path / "box") == {"state": "waiting"}, "how it failed here is no news"
    assert run(tmp_path / "box", home, "sh", "run.sh", PROCESSES="1").returncode == 0
    assert bundle.bring_back(home, tmp_path / "box")["state"] == "succeeded"
    back = wait_for(lambda: (found := ended(there, job)).status == "succeeded" and found)
    assert back.error is None
    assert not (home / "jobs" / job / "elsewhere.json").exists()


def test_it_is_trained_once_at_a_time_and_goes_on_after_it_was_killed(
    home: Path, there: openai.OpenAI, tmp_path: Path
) -> None:
    job = paused(there)
    folder = tmp_path / "box"
    bundle.write(home, job, folder)
    state = folder / "jobs" / job / "trainer.json"
    with subprocess.Popen(
        ["sh", "run.sh"], cwd=folder, stderr=subprocess.DEVNULL, start_new_session=True,
        env={"PATH": os.environ["PATH"], "PYTHON": str(Home(home).python), "READY": "1", "PROCESSES": "1"},
    ) as first:  # fmt: skip
        wait_for(lambda: (read_json(state) or {}).get("step"))
        second = run(folder, home, "sh", "run.sh", PROCESSES="1")
        assert (second.returncode, "trained in this folder already" in second.stderr) == (75, True), second.stderr
        trainer = subprocess.run(["pgrep", "-P", str(first.pid)], capture_output=True, text=True, check=True)
        os.kill(int(trainer.stdout), signal.SIGKILL)
        assert first.wait(30) == 128 + signal.SIGKILL
    assert bundle.bring_back(home, folder)["state"] == "failed"
    back = wait_for(lambda: (found := ended(there, job)).status == "failed" and found)
    assert back.error is not None
    assert "killed by SIGKILL" in str(back.error.message)
    assert run(folder, home, "sh", "run.sh", PROCESSES="1").returncode == 0
    assert bundle.bring_back(home, folder)["state"] == "succeeded"
    wait_for(lambda: there.fine_tuning.jobs.retrieve(job).status == "succeeded")
    # What was said here about its first end is still there, and nothing twice.
    said = [event.id for event in there.fine_tuning.jobs.list_events(job)]
    texts = [event.message for event in there.fine_tuning.jobs.list_events(job)]
    assert len(said) == len(set(said))
    assert any("killed by SIGKILL" in text for text in texts)
    assert len(there.fine_tuning.jobs.checkpoints.list(job).data) == 2


def test_what_comes_too_late_changes_nothing(home: Path, there: openai.OpenAI, tmp_path: Path) -> None:
    job, other = paused(there), paused(there)
    bundle.write(home, job, tmp_path / "box")
    away = tmp_path / "box" / "jobs" / job / "trainer.json"
    away.write_text(json.dumps({"state": "failed", "attempt": 99, "error": {"code": "server_error", "message": "x"}}))
    there.fine_tuning.jobs.resume(other)
    wait_for(lambda: there.fine_tuning.jobs.retrieve(other).status == "running")
    there.fine_tuning.jobs.resume(job)
    with pytest.raises(InputError, match="it is queued here"):
        bundle.bring_back(home, tmp_path / "box")
    there.fine_tuning.jobs.cancel(other)
    wait_for(lambda: there.fine_tuning.jobs.retrieve(job).status == "running")
    there.fine_tuning.jobs.pause(job)
    assert ended(there, job).status == "paused"
    with pytest.raises(InputError, match="gone on here since"):
        bundle.bring_back(home, tmp_path / "box")
    there.fine_tuning.jobs.cancel(job)


def test_a_job_that_is_held_for_a_while_is_started_behind_it(home: Path, there: openai.OpenAI) -> None:
    """As long as a bundle of it is being written, say; a launcher does not wait for that long."""
    job = paused(there)
    held = Lock(home / "jobs" / job / "lock")
    assert held.try_acquire()
    there.fine_tuning.jobs.resume(job)
    wait_for(lambda: there.fine_tuning.jobs.retrieve(job).status == "running")
    time.sleep(4)
    held.close()
    assert ended(there, job).status == "succeeded"


@pytest.fixture
def slurm(tmp_path: Path) -> Callable[[Path], dict[str, str]]:
    """Slurm's own programs are played by scripts: two nodes, ended together where one of them fails."""

    def make(folder: Path) -> dict[str, str]:
        tools = tmp_path / "tools"
        tools.mkdir()
        (tools / "scontrol").write_text("#!/bin/sh\necho 127.0.0.1\necho 127.0.0.1\n")
        play = f"#!{sys.executable}\n" + Path(__file__).with_name("srun.py").read_text()
        (tools / "srun").write_text(play)
        for tool in tools.iterdir():
            tool.chmod(0o755)
        return {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "SLURM_SUBMIT_DIR": str(folder),
            "SLURM_JOB_NODELIST": "a,b",
            "SLURM_JOB_NUM_NODES": "2",
            "PROCESSES": "1",
            "GLOO_SOCKET_IFNAME": "lo",
            "MASTER_PORT": str(free_port()),
            "OMP_NUM_THREADS": "1",
        }

    return make


def test_slurm_starts_it_on_every_node(
    home: Path, there: openai.OpenAI, tmp_path: Path, slurm: Callable[[Path], dict[str, str]]
) -> None:
    """What Slurm starts is real: two processes that train together."""
    job = paused(there)
    folder = tmp_path / "box"
    bundle.write(home, job, folder)
    done = run(folder, home, "sh", "job.sbatch", **slurm(folder))
    assert done.returncode == 0, done.stderr
    assert bundle.bring_back(home, folder)["state"] == "succeeded"
    wait_for(lambda: there.fine_tuning.jobs.retrieve(job).status == "succeeded")


def test_a_node_that_fails_ends_the_others(
    home: Path, there: openai.OpenAI, tmp_path: Path, slurm: Callable[[Path], dict[str, str]]
) -> None:
    folder = tmp_path / "box"
    bundle.write(home, paused(there), folder)
    script = (
        (folder / "job.sbatch")
        .read_text()
        .replace("NODE_RANK=$SLURM_NODEID exec", "[ $SLURM_NODEID = 0 ] || exit 7; NODE_RANK=$SLURM_NODEID exec")
    )
    (folder / "job.sbatch").write_text(script)
    done = run(folder, home, "sh", "job.sbatch", **slurm(folder))
    # The first node is told to end, and says so where it has begun to listen.
    assert done.returncode in (7, 128 + signal.SIGTERM), done.stderr


def test_machines_wait_for_each_other_no_longer_than_they_say(home: Path, there: openai.OpenAI, tmp_path: Path) -> None:
    folder = tmp_path / "box"
    bundle.write(home, paused(there), folder)
    port = str(free_port())
    done = run(
        folder, home, "sh", "run.sh", NODES="2", NODE_RANK="0", MASTER="127.0.0.1", MASTER_PORT=port, PROCESSES="1",
        MEETING_SECONDS="3",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert f"Machine 0 of 2: waits at most 3 s for all to meet at 127.0.0.1 port {port}" in done.stderr
    assert "1/2 clients joined" in done.stderr


def test_the_files_for_clusters_are_well_formed(home: Path, there: openai.OpenAI, tmp_path: Path) -> None:
    folder = tmp_path / "box"
    job = paused(there)
    bundle.write(home, job, folder)
    sky: dict[str, Any] = yaml.safe_load((folder / "sky.yaml").read_text())
    assert set(sky) == {"name", "workdir", "num_nodes", "resources", "setup", "run"}
    for script in ("run.sh", "job.sbatch"):
        text = (folder / script).read_text()
        assert "@" not in text.replace('"$@"', ""), "every word was filled in"
        assert subprocess.run(["sh", "-n", str(folder / script)], check=False).returncode == 0
    assert os.access(folder / "run.sh", os.X_OK)
    assert "torch==" in (folder / "constraints.txt").read_text()
    # What has begun shows here too, as often as one likes, before it has ended.
    away = folder / "jobs" / job
    attempt = json.loads((folder / "receipt.json").read_text())["attempt"] + 1
    (away / "trainer.json").write_text(json.dumps({"state": "running", "attempt": attempt}))
    with (away / "events.jsonl").open("a") as events:
        events.write(json.dumps({"id": "ftevent-x", "type": "message", "message": "hello from there"}) + "\n")
    for _ in range(2):
        assert bundle.bring_back(home, folder)["state"] == "running"
    assert there.fine_tuning.jobs.retrieve(job).status == "paused"
    assert "hello from there" in (home / "jobs" / job / "events.jsonl").read_text()


def test_what_cannot_be_bundled_is_refused(home: Path, there: openai.OpenAI, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no job"):
        bundle.write(home, "../../etc", tmp_path / "box")
    with pytest.raises(InputError, match="is no bundle"):
        bundle.bring_back(home, tmp_path)
    job = paused(there)
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="is there already"):
        bundle.write(home, job, tmp_path / "taken")
    there.fine_tuning.jobs.resume(job)
    wait_for(lambda: there.fine_tuning.jobs.retrieve(job).status == "running")
    with pytest.raises((InputError, BusyError), match=r"running|trained here"):
        bundle.write(home, job, tmp_path / "box")
    there.fine_tuning.jobs.cancel(job)
    assert ended(there, job).status == "cancelled"
    assert not (tmp_path / "box").exists()
    shutil.rmtree(tmp_path / "taken")
