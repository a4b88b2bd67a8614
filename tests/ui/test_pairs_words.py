"""What can be typed into the filter, what did not become a pair, and a recipe that is mended beside the app."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from ftui.errors import SettingsError
from ftui.prepare import NOT_NEEDED, check, ready
from ftui.store import Store
from ftui.store.filters import KEYS, Filter, parse
from ftui.store.pairs import BulkProgress, Decision, Dropped, NewDropped, Pair, Standing
from ftui.ui.reading import Reader
from ftui.ui.text import Row
from ftui.ui.widgets.header import Header
from ftui.ui.widgets.pair_bulk import BulkWork
from ftui.ui.widgets.pair_leads import Leads
from ftui.ui.widgets.pair_rows import dropped_row, dropped_rows
from ftui.ui.widgets.pair_words import WORDS, Completing, Known, note_rows
from ftui.ui.widgets.pair_work import hint_rows, recipe_rows, report_rows
from ui.pair_data import NOON, Review, new_pair, new_store
from ui.screen import golden

KNOWN = Known([("short", 12), ("personal", 3)], [("support pages", 8)], [("too short", 4), ("exact duplicate", 1)])
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


@pytest.fixture
def store(ui_home: Path) -> Iterator[Store]:
    with new_store() as opened:
        yield opened


def drop(store: Store) -> None:
    rows = [NewDropped(1, "https://lumora.example/a", "too short", "3 words", "Call us now")] * 4
    store.pairs.replace_dropped([*rows, NewDropped(2, "https://lumora.example/b", "no heading", "nothing to ask")])
    result = {"records": 9, "with_pairs": 4, "made": 8, "new": 8, "removed": 2, "pairs": 8}
    result |= {"dropped": {"too short": 4, "no heading": 1}, "parts": {}}
    task = store.tasks.add("prepare", "make pairs", {})
    store.tasks.finish(task, "done", result=result)
    with store.database.write() as connection:
        connection.execute("UPDATE tasks SET finished = ? WHERE id = ?", (NOON, task))


# While one types


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flag:", "short 12 · personal 3"),
        ("kettle flag:PER", "personal 3"),
        ("-flag:s", "short 12 · personal 3"),
        ("source:", "support pages 8"),
        ('source:"support p', "support pages 8"),
        ("dropped:dup", "exact duplicate 1"),
        ("is:k", "kept"),
        ("is:re", "rejected"),
        ("flag:nothing", None),
        ("flag:short kettle", None),
        ("kettle", None),
        ("", None),
    ],
)
def test_what_can_follow(text: str, said: str | None) -> None:
    row = note_rows(KNOWN, text, 70)
    assert (row and "".join(span.text for span in row)) == said


def test_what_can_follow_in_little_room_and_where_there_is_nothing() -> None:
    row = note_rows(KNOWN, "flag:", 14)
    assert row is not None
    assert "".join(span.text for span in row) == "short 12 …"
    for text, said in (("flag:", "no pair has a flag here"), ("dropped:", "nothing was dropped")):
        empty = note_rows(Known(), text, 70)
        assert empty is not None
        assert empty[0].text == said


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("flag:s", "flag:short"),
        ("is:p", "is:pending"),
        ("x dropped:ex", "x dropped:exact"),
        ('dropped:"exact d', 'dropped:"exact duplicate"'),
        ("source:su", "source:support"),
        ("flag:short", None),
        ("flag:zz", None),
        ("word", None),
    ],
)
async def test_what_the_right_arrow_completes(text: str, whole: str | None) -> None:
    completing = Completing()
    completing.known = KNOWN
    assert await completing.get_suggestion(text) == whole


def test_every_word_of_the_language_is_explained() -> None:
    examples = [word for word, _ in WORDS]
    for word in examples:
        parse(word)
    keys = {term.key for word in examples for term in parse(word)}
    assert keys == {"", *KEYS}


async def test_flags_that_there_are_show_behind_the_colon(store: Store) -> None:
    flagged = new_pair("And the lid?", "Glass.")
    store.pairs.add(type(flagged)(flagged.messages, flagged.digest, flags={"short": "1 word"}, source=1))
    async with Review() as review:
        await review.press("slash")
        await review.press(*"flag", "colon")
        assert "short 1" in review.screen
        assert "needs something behind it" not in review.screen
        assert review.place.rows.count == len(store.pairs.ids()), "what has no value yet filters nothing"
        await review.press("s", "right")
        assert review.app.screen.query_one(Input).value == "flag:short"
        assert "“flag:short”: 1" in review.screen
        await review.type("source:")
        assert "support pages 1" in review.screen
        await review.press("enter")
        assert "! source: needs something behind it" in review.screen, "enter says why it stays"


@SIZES
async def test_the_help_lists_the_words(store: Store, size: tuple[int, int]) -> None:
    async with Review(size) as review:
        await review.press("question_mark")
        await review.type("filter")
        assert "dropped" in review.screen
        assert "did not become a pair" in review.screen
        await golden(review.app, f"pairs-words-{size[0]}x{size[1]}")
        await review.type("source:pages")
        await review.press("enter")
        assert review.place.columns.filter.has_focus_within
        await review.until(lambda: "“source:pages”" in review.screen)
        await review.press("enter", "question_mark")
        await review.type("is:general")
        await review.press("enter")
        await review.until(lambda: "/ source:pages is:domain" in review.screen)


# What did not become a pair


@SIZES
async def test_the_report_adds_up_and_names_the_filter(store: Store, size: tuple[int, int]) -> None:
    drop(store)
    async with Review(size) as review:
        await golden(review.app, f"pairs-report-{size[0]}x{size[1]}")
        assert "9 records: 4 with pairs, 5 left out: 4 too short, 1 no heading" in review.screen


def test_the_report_names_the_filter_for_what_is_kept(store: Store) -> None:
    drop(store)
    task = store.tasks.latest("prepare")
    assert task is not None
    said = " ".join(words_of(report_rows(replace(task, result={**(task.result or {}), "kept": 81}), store, 120)))
    assert "8 pairs made at" in said
    assert "2 of before removed · 81 of before kept · is:kept" in said
    assert "kept" not in " ".join(
        words_of(report_rows(replace(task, result={**(task.result or {}), "kept": 0}), store, 120))
    )


async def test_reasons_can_be_looked_at_where_there_is_no_pair(ui_home: Path) -> None:
    with new_store(pairs=False) as store:
        drop(store)
        async with Review() as review:
            assert "dropped shows why" in review.screen
            await review.press("slash", *"dropped", "enter")
            assert "“dropped”: 5" in review.screen
            assert "nothing to ask" in review.screen
            assert " tokens " not in review.screen.splitlines()[1]
            await review.press("slash")
            await review.type("dropped:heading")
            await review.press("enter")
            assert "“dropped:heading”: 1" in review.screen
            await review.press("slash", "tab", "enter")
            title = next(line for line in review.screen.splitlines() if "Pairs · " in line)
            assert "Pairs · “dropped:heading”: 1" in title, "what is no pair is not pending"
            await review.press("a")
            assert review.bottom.startswith("these did not become pairs")
            assert "with pairs" in review.screen
            await review.press("escape")
            assert "“dropped:heading”" not in review.screen, "what the line said that it does"
            assert "did not become pairs" not in review.bottom
            assert "dropped shows why" in review.screen


async def test_where_nothing_was_dropped_there_is_nothing_to_filter(ui_home: Path) -> None:
    with new_store(pairs=False):
        async with Review() as review:
            await review.press("slash")
            assert review.bottom.startswith("there are no pairs yet")


@pytest.mark.parametrize(
    ("text", "said"),
    [("dropped", "Nothing was dropped."), ("dropped lid", "Nothing that was dropped fits “dropped lid”.")],
)
async def test_where_every_record_became_a_pair_it_is_said_that_nothing_was_dropped(
    store: Store, text: str, said: str
) -> None:
    store.pairs.replace_dropped([])
    async with Review((80, 24)) as review:
        await review.press("slash")
        await review.type(text)
        await review.until(lambda: said in review.screen)
        assert "No pair" not in review.screen


# The recipe's file in another program


async def test_a_slip_in_the_recipe_is_said_with_its_line_while_the_app_is_open(store: Store) -> None:
    async with Review((80, 24)) as review:
        store.recipe_path.write_text("seed = 1\n\nsed = 2\n")
        await review.until(lambda: "! recipe.toml line 3 cannot be followed" in review.screen)
        await review.press("p")
        assert review.bottom.startswith("recipe.toml line 3 cannot be followed · R opens it")
        await review.press("a")
        assert review.decisions() == "✓" + "·" * 7, "nothing else stops"
        await review.press("R")
        await review.until(lambda: 'there is no setting "sed" here' in review.screen)
        await review.press("escape")
        store.recipe_path.write_text("seed = 1\n\nseed = 2\n")
        await review.until(lambda: "! recipe.toml is not a recipe" in review.screen)
        store.recipe_path.write_text("seed = 1\n")
        await review.until(lambda: "recipe.toml" not in review.screen)
        store.recipe_path.unlink()
        store.recipe_path.mkdir()
        await review.until(lambda: "! recipe.toml cannot be read: it is not a file" in review.screen)
        await review.press("x")
        assert review.decisions().startswith("✓✗")


async def test_a_recipe_that_was_wrong_before_is_told_as_well(store: Store) -> None:
    store.recipe_path.write_text("sed = 2\n")
    async with Review() as review:
        await review.until(lambda: "! recipe.toml line 1 cannot be followed" in review.screen)


# Trouble


async def test_a_bulk_step_that_cannot_begin_leaves_the_way_free(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Review() as review:
        shown: list[Row | None] = []
        bulk = BulkWork(review.place, shown.append)
        store.folder.rename(store.folder.with_name("away"))

        def steps(_: Store) -> Iterator[BulkProgress]:
            raise AssertionError("the store cannot be opened")

        def step(_: Store) -> Iterator[BulkProgress]:
            yield BulkProgress(1, 1, 1)

        bulk.start("accepting", steps, lambda last, stopped: None)
        assert bulk.busy
        await review.until(lambda: not bulk.busy)
        assert shown == [None]
        store.folder.with_name("away").rename(store.folder)
        await review.press()
        assert "✗ There is no project 'lumora'" in review.screen
        done: list[int] = []
        bulk.start("accepting", step, lambda last, stopped: done.append(last.changed))
        await review.until(lambda: done == [1])


async def test_the_file_is_locked_by_another_program(store: Store) -> None:
    async with Review() as review:
        review.app.store.database.patience = 0.2
        other = sqlite3.connect(store.folder / "project.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await review.press("a")
        assert "✗ The project is busy" in review.screen
        assert review.current.id == 1
        await review.press("j", "s", "slash")
        await review.type("belt")
        assert "“belt”: 2" in review.screen, "reading goes on"
        await review.press("escape")
        other.execute("ROLLBACK")
        other.close()
        review.place.rows.cursor = 0
        await review.press("a")
        assert review.decisions() == "✓" + "·" * 7


async def test_a_disk_that_is_full_at_a_decision(store: Store) -> None:
    async with Review() as review:
        connection = review.app.store.database.connection
        pages = connection.execute("PRAGMA main.page_count").fetchone()[0]
        connection.execute(f"PRAGMA main.max_page_count = {pages}")
        long = "It boils. " * 20_000
        with review.app.trying():
            review.app.store.pairs.add(new_pair("How?", long))
        await review.press()
        assert "✗ The disk is full" in review.screen
        assert review.decisions() == "·" * 8
        connection.execute("PRAGMA main.max_page_count = 1000000")
        await review.press("a")
        assert review.decisions() == "✓" + "·" * 7


def test_reading_that_fails_is_told_to_who_asked(store: Store) -> None:
    async def run() -> None:
        async with Review() as review:
            told: list[Exception] = []

            def fail(_: Store) -> None:
                raise SettingsError("no")

            Reader(review.place, "some").read(fail, lambda _: None, failed=told.append)
            await review.until(lambda: bool(told))
            assert review.app.screen.is_current

    asyncio.run(run())


# At 80 columns


def words_of(rows: Sequence[Row]) -> list[str]:
    return ["".join(span.text for span in row) for row in rows]


def test_what_is_wrong_with_the_recipe_is_read_to_its_end() -> None:
    problem = SettingsError(
        "recipe.toml line 23 cannot be followed", "questions.presentations has to be a whole number"
    )
    first, second = words_of(recipe_rows(problem, 80))
    assert first == " ! recipe.toml line 23 cannot be followed: questions.presentations has to be a"
    assert second == "   whole number   R opens it"
    assert words_of(recipe_rows(SettingsError("It is 60 cells long" + "." * 42), 70))[1] == "   R opens it"


def test_a_report_has_one_mark_however_long_it_is(store: Store) -> None:
    result = {"records": 9, "with_pairs": 4, "made": 9_655, "new": 0, "removed": 43_756, "pairs": 9_655}
    result |= {"dropped": {"too short": 4, "no heading": 1}, "parts": {}}
    task = store.tasks.add("prepare", "make pairs", {})
    store.tasks.finish(task, "done", result=result)
    latest = store.tasks.latest("prepare")
    assert latest is not None
    rows = words_of(report_rows(latest, store, 80))
    assert rows[1].strip() == "removed"
    assert [row[:3] for row in rows] == [" ✓ ", "   ", "   ", "   "]


def test_every_hint_finds_exactly_what_was_left_out_for_its_reason(store: Store) -> None:
    reasons = [
        'rule: "the juicer"',
        "rule: juicer",
        "rule: juicer -flag:short",
        'rule: say ""',
        '"',
        "too short",
        "short",
        "Short",
        "rule: Straße  zwei",
    ]
    store.pairs.replace_dropped(
        [NewDropped(1, "u", reason, "", "") for number, reason in enumerate(reasons, 1) for _ in range(number)]
    )
    for number, reason in enumerate(reasons, 1):
        (hint,) = words_of(hint_rows([reason], 80))
        text = hint.partition("shows all, ")[2].removesuffix(" those of one reason")
        found = store.pairs.dropped_page(store.pairs.view_ids(Filter(text)))
        assert len(found) == number, hint
        assert {row.reason for row in found.values()} == {reason}
    long = "rule: " + "many words " * 20
    assert words_of(hint_rows([long, "too short"], 80)) == [
        '   / dropped shows all, dropped:"too short" those of one reason'
    ]
    assert words_of(hint_rows([long], 80)) == ["   / dropped shows all"]
    assert hint_rows([], 80) == []


@pytest.mark.parametrize("width", [70, 78])
def test_the_usual_reasons_are_there_to_their_end(width: int) -> None:
    for reason in (check.REFUSED, NOT_NEEDED, ready.NOT_TEXT):
        row = "".join(span.text for span in dropped_row(Dropped(1, "u", reason, "", "a text " * 20), width))
        assert row.startswith(f"- {reason} ")
        assert len(row) == width


STANDING = Standing(12, "products.jsonl:291", "Write a crisp product description of the Lumora kettle K9307")


@pytest.mark.parametrize(
    ("dropped", "said"),
    [
        (
            Dropped(
                5, "", "near-duplicate", text=STANDING.question[:-1] + "8", same="d", alike=0.96, standing=STANDING
            ),
            "96 % of 012 · products.jsonl:291 · …le K9308",
        ),
        (
            Dropped(5, "", "exact duplicate", "Why is it wet?", same="d", standing=STANDING),
            "same as 012 · products.jsonl:291 · Why is",
        ),
        (Dropped(5, "", "no title", key="products.jsonl:7"), "products.jsonl:7"),
        (Dropped(5, "https://lumora.example/a", "no title", key="x"), "https://lumora.example/a"),
    ],
)
def test_what_was_dropped_names_its_pair_or_its_record_in_80_columns(dropped: Dropped, said: str) -> None:
    row = "".join(span.text for span in dropped_row(dropped, 74))
    assert len(row) == 74
    assert said in row
    if dropped.standing is not None:
        about = "\n".join(words_of(dropped_rows(dropped, 120)))
        assert f"pair 012 · products.jsonl:291: {STANDING.question}" in about
        assert (dropped.text or dropped.detail) in about


def test_how_far_the_worker_is_stays_in_a_narrow_header() -> None:
    header = Header()
    header.project, header.worker, header.spent = "lumora", "making pairs 16 %", "$12.34"
    line = "".join(span.text for span in header.row(80))
    assert line.endswith(" 16 %  $12.34 ")
    assert "making" not in line


# Questions that begin alike


LEAD = "Write a description of this product in one sentence, for the catalogue. "


async def test_rows_whose_questions_begin_alike_can_be_told_apart(ui_home: Path) -> None:
    with new_store(records=False, pairs=False) as store:
        for number in (40, 41, 42):
            store.pairs.add(new_pair(f"{LEAD}Product: Lumora K{number}", f"A kettle of {number} degrees."))
            store.pairs.add(new_pair(f"Who makes number {number}?", "Lumora."))
        async with Review((160, 50)) as review:
            rows = [line[:60] for line in review.screen.splitlines() if " 00" in line[:10]]
            assert [word for row in rows for word in row.split() if word[:2] == "K4"] == ["K40", "K41", "K42"]
            assert "Product: Lumora K40" in review.screen
            assert sum("Who makes number" in row for row in rows) == 3, "what can be told apart is whole"
            pair = review.current
            store.pairs.edit(pair.id, [{"role": "user", "content": "Other words"}, dict(pair.messages[1])])
            await review.until(lambda: "Other words" in review.screen)


def test_what_questions_have_in_common_ends_before_the_word_that_differs() -> None:
    texts = [f"{LEAD}K40 red", f"{LEAD}K40 blue", "Who?", f"{LEAD}K41", f"{LEAD}K41", "", LEAD.strip()]
    pairs = {number: pair_of(text, number) for number, text in enumerate(texts)}
    leads = Leads(list(pairs), pairs)
    whole = len(LEAD)
    assert [leads.of(index) for index in pairs] == [whole + 4, whole + 4, 0, whole, whole, 0, 0]


def pair_of(question: str, number: int) -> Pair:
    new = new_pair(question, "answer")
    messages = tuple(new.messages)
    return Pair(number, None, None, "", "", "domain", messages, {}, new.digest, 1, Decision.PENDING, False)
