"""What the engine keeps on disk, and what a clean-up takes away."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftui import cli, paths
from ftui.engine import disk
from ftui.engine.layout import Home, write_json
from ftui.errors import InputError

MONTHS = 100 * disk.DAY


def folder(path: Path, size: int, age: float) -> Path:
    """A folder with one file of so many bytes, last changed so many seconds ago."""
    path.mkdir(parents=True)
    file = path / "content"
    file.write_bytes(b"x" * size)
    for each in (file, path):
        os.utime(each, (time.time() - age,) * 2)
    return path


@pytest.fixture
def place() -> Home:
    place = Home(paths.engine_home())
    place.make()
    for job, status in (("ftjob-1", "succeeded"), ("ftjob-2", "paused"), ("ftjob-3", "failed")):
        folder(place.jobs / job / "checkpoints", 1000, MONTHS)
        files = {"training_file": f"file-{job[-1]}", "result_files": ["file-metrics"]}
        write_json(place.jobs / job / "job.json", {"status": status} | files)
    for number in (1, 2, 3):
        folder(place.files / f"file-{number}", number * 10, MONTHS)
    folder(place.files / "file-4", 40, 3 * disk.DAY)
    folder(place.models / "ft-1", 5000, MONTHS)
    folder(place.models / ".ft-9", 70, 2 * disk.DAY)
    folder(place.files / ".file-9", 70, 60)
    folder(place.files / "file-metrics", 5, MONTHS)
    return place


def test_only_what_nobody_needs_can_go(place: Home) -> None:
    found = [str(each.path.relative_to(place.path)) for each in disk.leftovers(place.path)]
    assert found == [
        "jobs/ftjob-1/checkpoints",
        "jobs/ftjob-3/checkpoints",
        "models/.ft-9",
        "files/file-3",
        "files/file-1",
    ]
    assert {"files/file-4"} == {str(each.path.relative_to(place.path)) for each in disk.leftovers(place.path, 2)} - {
        *found
    }


def test_cleaning_shows_asks_and_removes(place: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["engine", "clean"]) == 7, "nobody is there to say yes"
    assert (place.files / "file-1").exists()
    assert cli.main(["engine", "clean", "--yes"]) == 0
    assert "1.0 KB  100 d 0 h  checkpoints of a job that has failed" in capsys.readouterr().out
    assert disk.leftovers(place.path) == []
    assert (place.models / "ft-1" / "content").exists()
    assert (place.jobs / "ftjob-2" / "checkpoints" / "content").exists()
    assert cli.main(["engine", "clean", "--yes"]) == 0
    assert capsys.readouterr().out == "nothing can go\n"


def test_what_comes_into_use_while_a_person_thinks_about_it_stays(place: Home) -> None:
    mine, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "ftui", "engine", "clean"],
        env=os.environ | {"FTUI_ENGINE_HOME": str(place.path)}, stdin=theirs, stdout=subprocess.PIPE,
    ) as asking:  # fmt: skip
        os.close(theirs)
        assert asking.stdout is not None
        shown = b""
        while not shown.endswith(b"[y/N] "):
            shown += asking.stdout.read1(4096)
        write_json(place.jobs / "ftjob-2" / "job.json", {"status": "queued", "training_file": "file-1"})
        os.write(mine, b"y\n")
        shown = asking.stdout.read()
    os.close(mine)
    assert asking.returncode == 0
    assert (place.files / "file-1").exists()
    assert not (place.files / "file-3").exists()
    assert shown == b"removed 2.1 KB\n"


def test_a_job_that_was_never_written_down_can_go(place: Home) -> None:
    half = folder(place.jobs / "ftjob-5", 10, 2 * disk.DAY)
    assert half in [each.path for each in disk.leftovers(place.path)]


def test_a_cut_off_clean_up_is_brought_to_its_end(place: Home) -> None:
    first = disk.leftovers(place.path)[0]
    trash = first.path.with_name(".trash-checkpoints")
    first.path.rename(trash)
    os.utime(trash, (time.time() - MONTHS,) * 2)
    assert trash in [each.path for each in disk.leftovers(place.path)]


def test_status_names_jobs_and_sizes(place: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["engine", "status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["jobs"] == {"succeeded": 1, "paused": 1, "failed": 1}
    assert told["bytes"]["models"] == 5070
    assert cli.main(["engine", "status"]) == 0
    assert "5.1 KB  models" in capsys.readouterr().out


def test_logs_are_shown_without_their_control_characters(place: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="no log yet"):
        disk.log_file(place.path)
    (place.jobs / "ftjob-3" / "trainer.log").write_bytes(b"one\n\x1b[31mtwo\n\xff three\n")
    assert cli.main(["engine", "log", "ftjob-3", "-n", "2"]) == 0
    assert capsys.readouterr().out == "[31mtwo\n� three\n"
    assert cli.main(["engine", "log", "../../etc"]) == 7
