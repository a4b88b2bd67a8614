"""Projects, files, transactions, tasks, money, models."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftui import paths
from ftui.errors import BusyError, InputError, MoneyError, NetworkError, SettingsError
from ftui.events import Failure, Note, Progress, Record
from ftui.store import Store, create_project, delete_project, list_projects, schema, summary
from ftui.store.comparisons import Score
from ftui.store.database import on_network
from ftui.store.jobs import JobEvent, Metric
from ftui.store.versions import Question


@pytest.fixture
def store(home: object) -> Store:
    create_project("kettle")
    return Store("kettle")


def test_projects_are_made_listed_and_deleted() -> None:
    create_project("first")
    time.sleep(0.02)
    create_project("second")
    assert list_projects() == ["second", "first"]
    with pytest.raises(InputError, match="already"):
        create_project("first")
    delete_project("first")
    assert list_projects() == ["second"]
    with pytest.raises(InputError, match="no project"):
        Store("first")


def test_looking_at_a_project_does_not_change_it(home: Path) -> None:
    for name, moment in (("older", 1_700_000_000), ("newer", 1_700_000_100)):
        create_project(name)
        os.utime(paths.project_dir(name) / "project.db", (moment, moment))
    for _ in range(2):
        assert [summary(name).changed for name in ("newer", "older")] == [1_700_000_100, 1_700_000_000]
    with Store("older") as reader:
        assert reader.pairs.counts().total == 0
        assert list_projects() == ["newer", "older"]
        with Store("older") as writer:
            writer.meta.set("a", "b")
        assert list_projects() == ["older", "newer"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "Ä", "-x", "x" * 64, "con sole", "x."])
def test_names_that_are_no_folders_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="project's name"):
        create_project(name)


def test_only_the_owner_can_read_a_project(store: Store) -> None:
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    for file in (store.folder / "project.db", store.data_folder / "records.db"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_of_a_newer_ftui_is_refused_and_not_touched(store: Store) -> None:
    store.close()
    file = store.folder / "project.db"
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA user_version = {len(schema.PROJECT) + 1}")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(SettingsError, match="newer ftui"):
        Store("kettle")
    assert file.read_bytes() == before


def test_a_file_that_is_not_a_project_is_refused(store: Store) -> None:
    store.close()
    (store.folder / "project.db").write_bytes(b"not a database at all, but long enough to look like a page" * 20)
    with pytest.raises(InputError, match="not a project's file"):
        Store("kettle")


def test_an_sqlite_that_is_too_old_is_named_before_a_file_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))
    with pytest.raises(SettingsError, match=r"too old.*needs 3\.33 or later") as caught:
        create_project("kettle")
    assert caught.value.do == "Run ftui with a newer Python"
    assert not (paths.project_dir("kettle") / "project.db").exists()


def test_every_migration_runs_once_and_from_the_file_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_project("old")
    with Store("old") as old:
        old.meta.set("kept", "yes")
    added = (*schema.PROJECT, "ALTER TABLE sources ADD COLUMN note TEXT;\nCREATE TABLE extra (id INTEGER);")
    monkeypatch.setattr(schema, "PROJECT", added)
    for _ in range(2):
        with Store("old") as new:
            assert new.meta.get("kept") == "yes"
            new.database.connection.execute("SELECT note FROM sources").fetchall()
            assert new.database.connection.execute("PRAGMA user_version").fetchone()[0] == len(added)


def test_a_migration_that_fails_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    create_project("old")
    with monkeypatch.context() as broken:
        broken.setattr(schema, "PROJECT", (*schema.PROJECT, "CREATE TABLE extra (id);\nCREATE TABLE extra (id);"))
        with pytest.raises(sqlite3.DatabaseError):
            Store("old")
    with Store("old") as store:
        tables = store.database.connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'extra'")
        assert tables.fetchone()[0] == 0


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.database.write():
        store.meta.set("half", "done")
        raise ZeroDivisionError
    assert store.meta.get("half") == ""


def test_another_process_writing_is_seen_by_the_stamp(store: Store) -> None:
    before = store.stamp()
    with Store("kettle") as other:
        other.meta.set("x", "1")
    assert store.stamp() != before


def test_a_locked_project_says_so(store: Store) -> None:
    with Store("kettle") as other:
        other.database.patience = 0.2
        store.database.connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusyError, match=r"busy: another program held its file for 0\.2 seconds"):
            other.meta.set("x", "1")
        store.database.connection.execute("ROLLBACK")


def test_the_mount_type_of_a_local_folder(tmp_path: Path) -> None:
    assert not on_network(tmp_path)


def test_killed_in_the_middle_of_writing_keeps_whole_transactions(home: Path) -> None:
    create_project("kettle")
    script = (
        "from ftui.store import Store\n"
        "from ftui.events import Record\n"
        "store = Store('kettle'); source = store.sources.add('s', 'files', {})\n"
        "n = 0\n"
        "while True:\n"
        "    store.records.put(source.id, [Record(str(n + i), '', '', {'n': n + i}) for i in range(100)])\n"
        "    n += 100; print(n, flush=True)\n"
    )
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=os.environ)
        assert process.stdout is not None
        written = 0
        for line in process.stdout:
            written = int(line)
            if written >= 500:
                break
        process.kill()
        process.wait()
        process.stdout.close()
        with Store("kettle") as store:
            assert store.records.count() % 100 == 0
            assert store.records.count(store.sources.all()[-1].id) >= written
            assert store.database.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_records_are_replaced_by_key(store: Store) -> None:
    source = store.sources.add("site", "crawl", {"start": ["x"]})
    store.records.put(source.id, [Record("a", "u", "t", {"n": 1}), Record("b", "u", "t", {"n": 2})])
    store.records.put(source.id, [Record("a", "u", "new", {"n": 3})])
    assert [(r["title"], r["data"]["n"]) for r in store.records.iterate(batch=1)] == [("new", 3), ("t", 2)]
    assert store.sources.add("site", "crawl", {}).name == "site 2"
    store.sources.delete(source.id)
    assert store.records.count() == 0


def test_a_task_goes_through_its_states(store: Store) -> None:
    number = store.tasks.add("collect", "site", {"source": 1})
    store.tasks.start(number)
    store.tasks.save_progress(number, Progress(3, 10, "pages", text="on it"))
    store.tasks.save_checkpoint(number, {"at": 3})
    store.tasks.log(number, [Note("hello")])
    store.tasks.add_failures(
        number, [Failure("u1", "404"), Failure("u2", "404"), Failure("u3", "robots.txt", "skipped")]
    )
    task = store.tasks.get(number)
    assert (task.state, task.progress.done, task.checkpoint["at"]) == ("running", 3, 3)
    assert store.tasks.failures(number) == [("failed", "404", 2), ("skipped", "robots.txt", 1)]
    assert store.tasks.failed_subjects(number, "404") == ["u1", "u2"]
    assert store.tasks.requeue_running() == 1
    store.tasks.finish(number, "failed", error=NetworkError("a", "b", "c"))
    task = store.tasks.get(number)
    assert isinstance(task.error, NetworkError)
    assert str(task.error) == "a: b. c."
    store.tasks.ask(number, None)
    assert store.tasks.get(number).state == "queued"
    assert store.tasks.get(number).checkpoint["at"] == 3, "it goes on where it was"
    store.tasks.ask(number, "stop")
    assert store.tasks.get(number).state == "stopped"


def test_money_is_reserved_once_and_never_above_the_budget(store: Store) -> None:
    store.money.budget = 1.0
    store.money.reserve("job", "tag1", 0.8)
    store.money.reserve("job", "tag1", 0.8)
    assert store.money.spent() == pytest.approx(0.8)
    with pytest.raises(MoneyError, match=r"\$0.30"):
        store.money.reserve("another", "tag2", 0.3)
    store.money.settle("tag1", 0.5)
    store.money.reserve("another", "tag2", 0.3)
    assert store.money.spent() == pytest.approx(0.8)


def test_an_alias_moves_and_comes_back(store: Store) -> None:
    def add(name: str) -> int:
        return store.models.add(
            name, job=None, provider="engine", base_url="u", model=f"ft:{name}", base_model="b", system=""
        ).id

    first, second = add("m-1"), add("m-2")
    store.models.set_alias("production", first)
    store.models.set_alias("production", second)
    assert store.models.find("production").name == "m-2"
    back = store.models.roll_back("production")
    assert back is not None
    assert back.name == "m-1"
    assert store.models.get(first).aliases == ("production",)
    assert store.models.roll_back("production") is None
    with pytest.raises(InputError):
        store.models.roll_back("production")
    with pytest.raises(InputError):
        store.models.find("production")


def test_events_and_metrics_of_a_job_are_kept_once(store: Store) -> None:
    job = store.jobs.add(
        store.jobs.next_name("kettle"),
        provider="engine",
        base_url="u",
        base_model="b",
        version=None,
        hyperparameters={"n_epochs": 2},
        cost_at_most=0.0,
    )
    assert job.name == "kettle-1"
    assert store.jobs.next_name("kettle") == "kettle-2"
    event = JobEvent("e1", 1.0, "info", "message", "started")
    store.jobs.add_events(job.id, [event])
    store.jobs.add_events(job.id, [event, JobEvent("e2", 2.0, "info", "metrics", "Step 1/2")])
    assert store.jobs.events(job.id) == [event]
    assert store.jobs.event_ids(job.id) == {"e1", "e2"}
    store.jobs.add_metrics(job.id, [Metric(1, train_loss=4.0)])
    store.jobs.add_metrics(job.id, [Metric(1, valid_loss=4.5), Metric(2, train_loss=3.0)])
    assert store.jobs.metrics(job.id) == [Metric(1, 4.0, 4.5), Metric(2, 3.0)]
    assert store.jobs.find(job.tag).id == job.id


def test_a_version_of_the_same_content_is_the_same_version(store: Store) -> None:
    def add() -> int:
        return store.versions.add(
            "d1", b"train\n", b"", train_rows=1, validation_rows=0, train_tokens=5, system="s", recipe="r"
        ).id

    first = add()
    assert add() == first
    version = store.versions.get(first)
    assert version.train.read_bytes() == b"train\n"
    assert version.validation is None
    store.versions.set_questions([Question("heldout", "q", "e", ("k",))], first)
    assert store.versions.questions(first)[0].keys == ("k",)
    store.versions.set_questions([Question("heldout", "own", "e", ("k",))])
    assert store.versions.questions(first)[0].question == "own", "the project's own questions come first"


def test_a_comparison_counts_what_both_have_answered(store: Store) -> None:
    model = store.models.add("m", job=None, provider="p", base_url="u", model="x", base_model="b", system="")
    questions = [Question("heldout", f"q{n}", "e", ("k",)) for n in range(3)]
    comparison = store.comparisons.add(model.id, questions)
    for number in (1, 2):
        store.comparisons.save_answer(comparison.id, number, "base", "no", False)
        store.comparisons.save_answer(comparison.id, number, "tuned", "k", number == 1)
    store.comparisons.save_answer(comparison.id, 3, "tuned", "k", True)
    assert store.comparisons.score(comparison.id, "heldout") == Score(base=0, tuned=1, of=2)
    assert store.comparisons.latest(model.id) == store.comparisons.latest()


def test_the_summary_of_a_project(store: Store) -> None:
    assert (summary("kettle").pairs, summary("kettle").models) == (0, 0)
    assert paths.project_dir("kettle") == store.folder
