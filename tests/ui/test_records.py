"""The records of a source: list, filter, fields and values, one record whole or raw, what failed."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from textual import events

from ftui import worker
from ftui.events import Failure, Record
from ftui.store import Store, create_project
from ftui.ui.places.records import RecordsView
from ftui.ui.reading import Reader
from ftui.ui.text import width_of
from ftui.ui.widgets.record_rows import (
    MOST_SHOWN,
    field_row,
    record_raw,
    record_row,
    record_text,
)
from ui.drive import Driver
from ui.screen import golden

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


@pytest.fixture
def store() -> Iterator[Store]:
    create_project("lumora")
    with Store("lumora") as opened:
        opened.leases.take(worker.fingerprint())
        yield opened


def shelf(store: Store, number: int = 5) -> int:
    """A source with a few records of two kinds."""
    source = store.sources.add("shelf", "files", {"paths": ["/shelf.jsonl"]})
    store.records.put(
        source.id,
        [
            Record(f"shelf.jsonl:{n}", "", f"Thing {n}", {"name": f"Thing {n}", "color": "red" if n % 2 else "blue"})
            for n in range(1, number + 1)
        ],
    )
    return source.id


@SIZES
async def test_list_fields_failures_and_a_record(size: tuple[int, int]) -> None:
    import fixed_data

    fixed_data.make(collecting=False)
    name = f"{size[0]}x{size[1]}"
    async with Driver(size=size) as driver:
        await driver.press("2", "enter")
        assert "records 312" in driver.screen
        await golden(driver.app, f"records-{name}")
        await driver.press("escape", "j", "enter", "f")
        assert "final_price" in driver.screen
        await golden(driver.app, f"records-fields-{name}")
        await driver.press("j", "j", "j", "j", "enter")
        assert "GBP" in driver.screen
        assert "25 %" in driver.screen
        await driver.press("escape", "tab")
        assert "dead_page" in driver.screen
        await driver.press("enter")
        assert "https://example.com/dp/B0GONE1" in driver.screen
        await golden(driver.app, f"records-failed-{name}")
        # A record of another source, to read and as it is stored.
        await driver.press("escape", "escape", "escape", "j", "enter", "enter")
        assert "Agent: Twenty minutes with two spoons" in driver.screen
        assert "source.line  1" in driver.screen
        await golden(driver.app, f"record-{name}")
        await driver.press("v")
        assert '"line": 1' in driver.screen
        await driver.press("escape", "j", "s", "s", "escape", "escape")
        assert "Sources" in driver.screen


async def test_esc_goes_back_one_step_at_a_time(store: Store) -> None:
    shelf(store)
    async with Driver(size=(80, 24)) as driver:
        await driver.press("2", "enter", "f", "enter")
        assert "in 5 of 5 records" in driver.screen
        await driver.press("escape")
        assert "▸ fields" in driver.screen
        await driver.press("escape")
        assert "▸ records" in driver.screen
        await driver.press("escape")
        assert not driver.app.query(RecordsView)
        assert "enter records" in driver.footer


async def test_the_filter_shows_its_list_where_a_record_lies_over_it(store: Store) -> None:
    shelf(store, 30)
    async with Driver(size=(80, 24)) as driver:
        await driver.press("2", "enter", "enter", "slash", *"RED thing")
        await driver.until_shown("15 of 30 records · “RED thing”")
        assert "/ RED thing" in driver.screen


async def test_the_filter_takes_words_as_they_are_typed(store: Store) -> None:
    shelf(store, 30)
    async with Driver() as driver:
        await driver.press("2", "enter", "slash", *"RED thing")
        await driver.until_shown("15 of 30 records · “RED thing”")
        await driver.press("enter")
        assert "Thing 3" in driver.screen
        assert "Thing 4" not in driver.screen
        await driver.press("escape")
        await driver.until_shown("Thing 4")
        await driver.press("slash", *"nothing like it")
        await driver.until_shown("No record has nothing like it")
        await driver.press("escape")
        await driver.until_shown("Thing 4")


@pytest.mark.parametrize("last", ["enter", "escape"])
async def test_what_is_typed_right_behind_the_filter_is_for_the_list(store: Store, last: str) -> None:
    """All keys wait before the first one is looked at, as over a slow line."""
    shelf(store, 30)
    async with Driver() as driver:
        await driver.press("2", "enter")
        await driver.until_shown("Thing 4")
        for key in ("slash", "R", "E", "D", last, "f"):
            driver.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await driver.until_shown("▸ fields")
        await driver.press("f")
        await driver.until_shown("15 of 30 records · “RED”" if last == "enter" else "Thing 4")
        assert "REDf" not in driver.screen


async def test_records_that_come_meanwhile_are_seen(store: Store) -> None:
    source = shelf(store)
    async with Driver() as driver:
        await driver.press("2", "enter", "j")
        store.records.put(source, [Record("new", "", "A new thing", {"name": "new"})])
        await driver.until_shown("A new thing")
        assert "records 6" in driver.screen
        # The cursor stayed on its record.
        assert next(line for line in driver.lines if "▌" in line).split()[1:4] == ["2", "Thing", "2"]


async def test_places_and_keys_of_the_source_work_from_the_records(store: Store) -> None:
    source = shelf(store)
    async with Driver() as driver:
        await driver.press("2", "enter", "t")
        assert store.sources.get(source).tag == "general"
        await driver.press("d")
        assert "esc goes back to all" in driver.bottom
        await driver.press("3", "2")
        assert "records 5" in driver.screen


async def test_nothing_has_come_yet(store: Store) -> None:
    store.sources.add("empty", "files", {"paths": ["/empty"]})
    async with Driver() as driver:
        await driver.press("2", "enter")
        assert "No record has come yet" in driver.screen
        await driver.press("f")
        assert "No record has come yet" in driver.bottom
        await driver.press("tab", "tab")
        assert "Nothing failed" in driver.screen


async def test_what_a_page_calls_itself_is_only_text(store: Store) -> None:
    source = store.sources.add("[red]odd[/red]\x1b[31m", "files", {"paths": ["/x"]})
    data = {"text": "[link=x]y[/link]\n\x1b[2J", "[b]field": "\x9b31m"}
    store.records.put(source.id, [Record("1", "", "[b]bold?[/b]\x1b]0;title\x07", data)])
    task = store.tasks.add("collect", source.name, {"source": source.id}, source.id)
    store.tasks.start(task)
    store.tasks.add_failures(task, [Failure("\x1b[31mhttp://x", "[i]odd[/i]\x1b[0m")])
    store.tasks.finish(task, "done", result={})
    async with Driver() as driver:
        await driver.press("2")
        assert "[red]odd[/red]␛[31m" in driver.screen
        await driver.press("enter")
        assert "[b]bold?[/b]␛]0;title␇" in driver.screen
        assert "[link=x]y[/link]" in driver.screen
        await driver.press("v")
        assert "\\u001b[2J" in driver.screen
        await driver.press("f")
        assert "[b]field" in driver.screen
        await driver.press("tab")
        assert "[i]odd[/i]␛[0m" in driver.screen
        assert "␛[31mhttp://x" in driver.screen
        assert "\x1b" not in driver.screen
        assert "\x9b" not in driver.screen


async def test_very_many_records(store: Store) -> None:
    source = shelf(store)
    rows = [(source, f"k{n}", "", f"Row {n}", '{"text": "word"}', 0.0, 0) for n in range(20_000)]
    with store.database.write() as connection:
        connection.executemany(
            "INSERT INTO bulk.records (source, key, url, title, data, time, run) VALUES (?, ?, ?, ?, ?, ?, ?)", rows
        )
        connection.execute("UPDATE bulk.totals SET records = records + ?", (len(rows),))
    async with Driver() as driver:
        await driver.press("2", "enter")
        await driver.until_shown("Row 20")
        await driver.press("G")
        await driver.until_shown("Row 19999")
        await driver.press("f")
        await driver.until_shown("in 1,819 of them")
        await driver.press("slash", *"row 17777")
        await driver.until_shown("1 of 20,005 records · “row 17777”")


async def test_a_read_that_is_not_wanted_any_more_ends(store: Store) -> None:
    ended, found = threading.Event(), list[int]()

    def endless(own: Store) -> int:
        count = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
        started.set()
        try:
            return int(own.database.connection.execute(count).fetchone()[0])
        finally:
            ended.set()

    async with Driver() as driver:
        started = threading.Event()
        reader = Reader(driver.app.screen, "test")
        reader.read(endless, found.append)
        await driver.until(started.is_set)
        reader.read(lambda own: 5, found.append)
        await driver.until(ended.is_set)
        await driver.until(lambda: found == [5])
        assert not reader.busy
        ended.clear()
        started.clear()
        reader.read(endless, found.append)
        await driver.until(started.is_set)
    # The app has ended, and so has its read.
    assert ended.wait(10)
    assert found == [5]


# Rows


def line(**more: object) -> object:
    from ftui.store.records import RecordLine

    given = {"id": 1, "key": "k", "url": "", "title": "T", "size": 10, "time": 0.0, "run": 0, **more}
    return RecordLine(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [20, 40, 76, 140])
def test_a_row_fills_its_width(width: int) -> None:
    wide = line(title="漢字" * 40, url="https://example.com/" + "x" * 300)
    assert width_of(record_row(wide, 0, width, 3)) == max(width, 3 + 4 + 9 + 8)  # type: ignore[arg-type]


def test_a_long_address_shows_its_path() -> None:
    row = record_row(line(url="https://a-very-long-host.example.com/support/k7"), 0, 60, 3)  # type: ignore[arg-type]
    assert "  /support/k7" in "".join(span.text for span in row)


def test_a_record_of_many_megabytes_shows_its_beginning() -> None:
    record = {"title": "T", "url": "", "key": "k", "time": 0.0, "data": {"text": "a\n" * 3_000_000, "more": "z"}}
    for rows in (record_text(record, 9_000_000, 60), record_raw(record, 60)):
        assert len(rows) < MOST_SHOWN
        assert "beginning" in rows[-1][0].text


def test_a_field_without_values_says_so() -> None:
    from ftui.store.survey import FieldSummary

    text = "".join(span.text for span in field_row(FieldSummary("gone", 0, (), 0, ()), 10, 70))
    assert "0 %" in text
    assert "  -  " in text
