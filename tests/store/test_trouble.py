"""A full disk, a damaged file, a dead or distant worker: what was there before stays, and is told."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from ftui import process, worker
from ftui.errors import BusyError, MoneyError, SettingsError
from ftui.events import Progress, Record
from ftui.store import Store, create_project, delete_project, list_projects, schema, summary


@pytest.fixture
def store(home: object) -> Store:
    create_project("kettle")
    return Store("kettle")


def record(number: int, size: int = 10) -> Record:
    return Record(str(number), "", "t", {"text": "x" * size})


def test_a_full_disk_keeps_what_was_there_and_says_so(store: Store) -> None:
    source = store.sources.add("s", "files", {})
    store.records.put(source.id, [record(1)])
    # SQLite's own limit gives the very error of a full disk, after which SQLite rolls back by itself.
    connection = store.database.connection
    pages = connection.execute("PRAGMA bulk.page_count").fetchone()[0]
    connection.execute(f"PRAGMA bulk.max_page_count = {pages + 1}")
    with pytest.raises(SettingsError, match="disk is full"), store.database.write():
        store.meta.set("before", "the records")
        store.records.put(source.id, [record(n, 4000) for n in range(2, 50)])
    assert store.records.count() == 1
    assert store.meta.get("before") == "", "all of a transaction or nothing"
    connection.execute("PRAGMA bulk.max_page_count = 1000000")
    store.records.put(source.id, [record(2)])
    assert store.records.count() == 2
    assert store.disk_problem() is None


def test_a_file_of_the_first_format_is_taken_over() -> None:
    create_project("old")
    file = Path(os.environ["FTUI_HOME"]) / "config" / "projects" / "old" / "project.db"
    file.unlink()
    connection = sqlite3.connect(file)
    connection.executescript(schema.PROJECT[0])
    connection.execute("INSERT INTO tasks (kind, title, args, created) VALUES ('collect', 'site', '{}', 1.0)")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    with Store("old") as store:
        (task,) = store.tasks.all()
        assert (task.title, task.done_before) == ("site", 0)


def test_a_damaged_project_is_listed_and_can_be_deleted(store: Store) -> None:
    store.close()
    create_project("sound")
    (store.folder / "project.db").write_bytes(b"not a database at all, but long enough to look like a page" * 20)
    assert "is not a project's file" in summary("kettle").problem
    assert summary("sound").problem == ""
    delete_project("kettle")
    assert list_projects() == ["sound"]


def test_deleting_a_project_ends_its_worker_first(store: Store) -> None:
    running = worker.spawn("kettle", idle=600)
    while store.leases.live() is None:
        time.sleep(0.02)
    folder, data = store.folder, store.data_folder
    store.close()
    delete_project("kettle")
    assert running.wait(timeout=20) == 0
    assert not folder.exists()
    assert not data.exists()


def _hold(store: Store, host: str, pid: int, heartbeat: float) -> None:
    with store.database.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO lease VALUES (1, ?, ?, 'start', 'version', 'keys', ?)", (host, pid, heartbeat)
        )


def test_a_worker_elsewhere_keeps_its_lease_even_with_our_number(store: Store) -> None:
    _hold(store, "another-host", os.getpid(), time.time())
    holder = store.leases.take("keys")
    assert holder is not None
    assert holder.host == "another-host"
    assert not store.leases.beat()
    with pytest.raises(BusyError, match="another-host"):
        delete_project("kettle")
    _hold(store, "another-host", os.getpid(), time.time() - 3600)
    assert store.leases.take("keys") is None, "silent for an hour, it is gone"


def test_a_clock_that_jumps_does_not_end_a_lease_here(store: Store) -> None:
    assert store.leases.take("keys") is None
    lease = store.leases.current()
    assert lease is not None
    for moment in (0.0, time.time() + 1e6):
        _hold(store, lease.host, lease.pid, moment)
        with store.database.write() as connection:
            connection.execute("UPDATE lease SET process_start = ?", (process.start_time(os.getpid()),))
        assert store.leases.live() is not None


def test_a_task_that_went_on_counts_its_own_pace_only(store: Store) -> None:
    number = store.tasks.add("collect", "site", {})
    assert store.tasks.start(number)
    store.tasks.save_progress(number, Progress(900, 1000, "pages"))
    store.tasks.save_checkpoint(number, {"at": 900})
    store.tasks.requeue_running()
    assert store.tasks.start(number)
    store.tasks.save_progress(number, Progress(910, 1000, "pages"))
    task = store.tasks.get(number)
    assert task.started is not None
    assert task.rate(task.started + 10) == pytest.approx(1.0)
    assert task.seconds_left(task.started + 10) == pytest.approx(90.0)


def test_a_wish_outlives_the_worker_that_did_not_see_it(store: Store) -> None:
    number = store.tasks.add("collect", "site", {})
    store.tasks.start(number)
    store.tasks.ask(number, "stop")
    store.tasks.requeue_running()
    store.tasks.start(number)
    assert store.tasks.get(number).control == "stop"


def test_what_is_paused_can_be_stopped_and_what_is_stopped_is_not_started(store: Store) -> None:
    number = store.tasks.add("collect", "site", {})
    store.tasks.ask(number, "pause")
    assert store.tasks.get(number).state == "paused"
    store.tasks.ask(number, "stop")
    assert store.tasks.get(number).state == "stopped"
    assert not store.tasks.start(number)
    assert store.tasks.get(number).state == "stopped"


@pytest.mark.parametrize("wish", [None, "stop"])
def test_a_wish_that_comes_while_a_task_pauses_counts(store: Store, wish: str | None) -> None:
    number = store.tasks.add("collect", "site", {})
    store.tasks.start(number)
    store.tasks.ask(number, "pause")
    assert store.tasks.get(number).pausing
    store.tasks.ask(number, wish)
    assert not store.tasks.get(number).pausing
    store.tasks.finish(number, "paused")
    task = store.tasks.get(number)
    assert (task.state, task.control) == ("queued", wish), "its next worker sees to it"


def test_a_purchase_that_came_to_nothing_is_reserved_anew(store: Store) -> None:
    store.money.budget = 1.0
    store.money.reserve("job", "tag1", 0.8)
    store.money.settle("tag1", 0.0)
    assert store.money.spent() == 0
    store.money.reserve("job", "tag1", 0.8)
    assert store.money.spent() == pytest.approx(0.8)
    store.money.settle("tag1", 0.0)
    store.money.reserve("another", "tag2", 0.5)
    with pytest.raises(MoneyError):
        store.money.reserve("job", "tag1", 0.8)


def test_a_full_disk_is_noticed_where_nothing_could_be_written_down(store: Store, tmp_path: Path) -> None:
    if sys.platform != "linux" or shutil.disk_usage("/proc").total:
        return
    # /proc is a file system without any room, as a full disk is.
    store.folder = Path("/proc")
    full = store.disk_problem()
    assert full is not None
    assert "disk is full" in full.what
