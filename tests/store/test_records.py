"""Records and their sources: keys that come again, counts, lists, the ledger, what is in the fields."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from ftui.errors import InputError
from ftui.events import Failure, Record
from ftui.store import Store, create_project, schema
from ftui.store.filters import Filter
from ftui.store.survey import survey
from store.pair_data import make


@pytest.fixture
def store(home: object) -> Store:
    create_project("kettle")
    return Store("kettle")


def record(key: str, repeats: bool = False, **data: Any) -> Record:
    return Record(key, f"https://shop.test/{key}", f"Kettle {key}", data, repeats)


def held(store: Store, source: int) -> dict[str, Any]:
    """The data of a source's records by key."""
    found = [store.records.get(identifier) for identifier in store.records.ids(source)]
    return {row["key"]: row["data"] for row in found if row}


def test_a_record_is_replaced_by_the_next_run_and_keeps_its_id(store: Store) -> None:
    source = store.sources.add("shop", "crawl", {}).id
    store.records.put(source, [record("a", price=1), record("b", price=2)], run=1)
    before = list(store.records.ids(source))
    store.records.put(source, [record("b", price=3), record("c", price=4)], run=2)
    assert held(store, source) == {"a": {"price": 1}, "b": {"price": 3}, "c": {"price": 4}}
    assert list(store.records.ids(source))[:2] == before
    assert store.records.count(source) == store.records.count() == 3
    assert [line.run for line in store.records.page(store.records.ids(source))] == [1, 2, 2]


def test_other_data_under_a_key_that_repeats_is_a_record_of_its_own(store: Store) -> None:
    source = store.sources.add("shop", "brightdata", {}).id
    shops = [record("B01", True, shop=name) for name in ("de", "fr", "de")]
    store.records.put(source, shops[:1], run=1)
    store.records.put(source, shops[1:], run=1)
    first = held(store, source)
    assert sorted(value["shop"] for value in first.values()) == ["de", "fr"]
    store.records.put(source, shops, run=1)
    assert held(store, source) == first, "a part that is fetched again brings nothing new"
    store.records.put(source, shops, run=2)
    assert held(store, source) == first, "the next run finds both again"
    store.records.put(source, [record("B01", True, shop="es")], run=3)
    assert held(store, source)["B01"] == {"shop": "es"}, "the next run's data replace it"
    assert store.records.count(source) == 2


def test_only_what_another_run_stored_is_known_from_before(store: Store) -> None:
    source = store.sources.add("site", "crawl", {}).id
    store.records.put(source, [record("a", etag="one")], run=1)
    assert store.records.known(source, "a", 1) is None
    assert store.records.known(source, "a", 2) == {"etag": "one"}
    assert store.records.known(source, "b", 2) is None
    assert store.records.known(source + 1, "a", 2) is None


def test_records_are_found_by_words_of_any_script_and_case(store: Store) -> None:
    source = store.sources.add("site", "crawl", {}).id
    other = store.sources.add("other", "crawl", {}).id
    store.records.put(source, [record("a", text="Чайник кипит"), record("b", text="Straße"), record("c", text="tea")])
    store.records.put(other, [record("d", text="чайник")])
    ids = store.records.ids(source)
    assert store.records.ids(source, "ЧАЙНИК кипит") == ids[:1]
    assert store.records.ids(source, "STRASSE") == ids[1:2]
    assert store.records.ids(source, "kettle") == ids
    assert not store.records.ids(source, "tea coffee")


def test_counts_follow_what_is_stored_and_deleted(store: Store) -> None:
    first, second = (store.sources.add(name, "crawl", {}).id for name in "ab")
    store.records.put(first, [record(str(number)) for number in range(700)])
    store.records.put(second, [record("x")])
    store.sources.delete(first)
    store.records.put(second, [record("y"), record("x")])
    assert (store.records.count(first), store.records.count(second), store.records.count()) == (0, 2, 2)


def test_a_number_of_a_source_is_never_given_again(store: Store) -> None:
    first = store.sources.add("site", "crawl", {}).id
    store.pairs.add(make(1, source=first))
    store.sources.delete(first)
    second = store.sources.add("shop", "files", {}).id
    assert second > first
    assert store.pairs.by_source() == []
    assert list(store.pairs.view_ids(Filter("source:shop"))) == []
    store.sources.delete(second)
    assert store.sources.add("shop", "files", {}).id > second
    assert [source.name for source in store.sources.all()] == ["shop"]


def test_records_of_some_kilobytes_take_little_more_than_their_size(store: Store) -> None:
    source = store.sources.add("shop", "brightdata", {}).id
    store.records.put(source, [record(str(number), text="x" * 2200) for number in range(2000)])
    store.database.connection.execute("PRAGMA bulk.wal_checkpoint(TRUNCATE)")
    assert (store.data_folder / "records.db").stat().st_size < 1.25 * 2000 * 2200


def test_a_list_leaves_out_what_is_gone(store: Store) -> None:
    source = store.sources.add("site", "crawl", {}).id
    store.records.put(source, [record("a", text="x"), record("b")])
    ids = store.records.ids(source)
    lines = store.records.page([ids[1], 999, ids[0]])
    assert [line.key for line in lines] == ["b", "a"]
    assert lines[1].size == len('{"text":"x"}')


def test_a_file_of_the_first_format_keeps_its_records_and_is_counted(store: Store) -> None:
    source = store.sources.add("site", "crawl", {}).id
    file = store.data_folder / "records.db"
    store.close()
    file.unlink()
    old = sqlite3.connect(file)
    old.executescript(schema.BULK[0] + "; PRAGMA user_version = 1;")
    old.executemany(
        "INSERT INTO records (source, key, url, title, data, time) VALUES (?, ?, '', '', '{\"n\": 1}', 0)",
        [(source, "a"), (source, "b")],
    )
    old.commit()
    old.close()
    with Store("kettle") as migrated:
        assert migrated.records.count(source) == 2
        migrated.records.put(source, [record("b", n=2), record("c", n=3)], run=7)
        assert migrated.records.count(source) == 3
        assert held(migrated, source) == {"a": {"n": 1}, "b": {"n": 2}, "c": {"n": 3}}


def test_a_ledger_is_kept_until_the_task_is_done_or_begins_anew(store: Store) -> None:
    tasks = store.tasks
    task, other = (tasks.add("collect", name, {}) for name in "ab")
    assert tasks.start(task)
    tasks.add_failures(task, [Failure("u", "404")])
    tasks.add_entries(task, [{"page": 1}])
    tasks.add_entries(other, [{"page": 9}])
    tasks.add_entries(task, [{"page": 2}])
    tasks.finish(task, "stopped")
    assert tasks.ledger(task) == [{"page": 1}, {"page": 2}]
    assert tasks.goes_on(tasks.get(task))
    tasks.ask(task, None)
    assert tasks.start(task)
    assert tasks.failures(task) == [("failed", "404", 1)], "what goes on keeps its failures"
    tasks.save_checkpoint(task, {})
    assert (tasks.ledger(task), tasks.ledger(other)) == ([], [{"page": 9}])
    tasks.finish(task, "failed")
    assert not tasks.goes_on(tasks.get(task))
    tasks.ask(task, None)
    assert tasks.start(task)
    assert tasks.failures(task) == [], "what begins anew begins without"
    tasks.add_entries(task, [{"page": 3}])
    tasks.finish(task, "done")
    assert tasks.ledger(task) == []


def test_what_failed_can_be_asked_by_reason_or_as_a_whole(store: Store) -> None:
    task = store.tasks.add("collect", "site", {})
    store.tasks.add_failures(task, [Failure("a", "404"), Failure("b", "robots.txt", "skipped"), Failure("c", "500")])
    assert store.tasks.failed_subjects(task) == ["a", "c"]
    assert store.tasks.failed_subjects(task, "robots.txt") == ["b"]
    last = store.tasks.failures_after(task, 0)
    assert [row[1:] for row in last][:1] == [("failed", "404", "a")]
    assert store.tasks.failures_after(task, last[-1][0]) == []


def test_a_source_is_tagged_domain_or_general(store: Store) -> None:
    source = store.sources.add("talk", "files", {})
    store.sources.set_tag(source.id, "general")
    assert store.sources.get(source.id).tag == "general"
    with pytest.raises(InputError, match="no tag"):
        store.sources.set_tag(source.id, "other")


def test_a_survey_says_how_often_fields_are_filled_and_with_what(store: Store) -> None:
    source = store.sources.add("shop", "files", {}).id
    rows = [
        {"title": "Kettle", "price": 20, "tags": [], "maker": {"name": "Lumora", "site": None}},
        {"title": "Kettle", "price": 20.5, "tags": ["new"], "maker": {"name": "Lumora", "site": "x"}},
        {"title": "Pot", "price": "on request", "tags": None},
        {"title": "", "price": True},
    ]
    store.records.put(source, [record(str(number), **row) for number, row in enumerate(rows)])
    found = store.records.survey(source)
    assert (found.read, found.records) == (4, 4)
    fields = {field.name: field for field in found.fields}
    assert list(fields) == ["title", "price", "tags", "maker", "maker.name", "maker.site"]
    assert (fields["title"].filled, fields["title"].distinct) == (3, 2)
    assert fields["title"].values == (("Kettle", 2), ("Pot", 1))
    assert fields["price"].kinds == ("number", "text", "yes/no")
    assert (fields["tags"].filled, fields["maker.site"].filled) == (1, 1)


def test_a_survey_of_many_records_reads_some_from_all_over(store: Store) -> None:
    source = store.sources.add("shop", "files", {}).id
    store.records.put(
        source, [record(str(number), half="first" if number < 500 else "second") for number in range(1000)]
    )
    found = store.records.survey(source, most=100)
    assert (found.read, found.records) == (100, 1000)
    assert dict(found.fields[0].values) == {"first": 50, "second": 50}


def test_very_many_different_values_are_counted_up_to_a_bound() -> None:
    fields = survey(({"id": number} for number in range(3000)), 3000).fields
    assert (fields[0].filled, fields[0].distinct, len(fields[0].values)) == (3000, 1000, 50)


def test_a_decision_does_not_wait_for_records_that_are_written(store: Store) -> None:
    source = store.sources.add("shop", "files", {}).id
    with Store("kettle") as worker:
        with worker.database.write_records():
            worker.records.put(source, [record("a", n=1)])
            store.database.connection.execute("PRAGMA busy_timeout = 0")
            store.meta.set("decided", "yes")
            assert store.records.count() == 0, "not committed yet"
        assert store.records.count() == 1
        with pytest.raises(AssertionError, match="must not wait"), worker.database.write_records():
            worker.meta.set("never", "so")
        assert worker.meta.get("never") == ""
