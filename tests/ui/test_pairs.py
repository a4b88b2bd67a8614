"""The Pairs place: deciding, undoing, filtering, the source beside, making pairs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from textual.geometry import Region
from textual.strip import Strip

from ftui import paths, worker
from ftui.errors import InputError
from ftui.events import Progress
from ftui.store import Store
from ftui.store.pairs import Counts, Decision
from ftui.ui.screens.ask import AskScreen
from ftui.ui.widgets.pair_title import PairTitle, progress_words
from ftui.ui.widgets.pair_view import Pace, PairView
from ui.pair_data import NOON, Review, decide, new_pair, new_store
from ui.screen import golden, text_of

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


@pytest.fixture
def store(ui_home: Path) -> Iterator[Store]:
    with new_store() as opened:
        yield opened


@pytest.fixture
def empty(ui_home: Path) -> Iterator[Store]:
    with new_store(records=False, pairs=False) as opened:
        yield opened


def label(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


# What it looks like


@SIZES
async def test_the_list_and_its_panes(store: Store, size: tuple[int, int]) -> None:
    decide(store, p1=Decision.ACCEPTED, p2=Decision.REJECTED)
    async with Review(size) as review:
        await review.press("j", "a")
        await review.until(lambda: "E4 means" in review.screen)
        await golden(review.app, f"pairs-{label(size)}")
        await review.press("s")
        await golden(review.app, f"pairs-source-key-{label(size)}")
        await review.press("enter")
        await golden(review.app, f"pairs-reading-{label(size)}")


@SIZES
async def test_nothing_here_yet(empty: Store, size: tuple[int, int]) -> None:
    async with Review(size) as review:
        await golden(review.app, f"pairs-empty-{label(size)}")
        await review.press("a")
        assert review.bottom.startswith("there are no pairs yet")
        await review.press("p")
        assert review.bottom.startswith("there are no records to make pairs from")


@SIZES
async def test_words_that_no_pair_holds(store: Store, size: tuple[int, int]) -> None:
    async with Review(size) as review:
        await review.press("slash")
        await review.type("nowhere")
        await golden(review.app, f"pairs-filter-{label(size)}")


# Decisions


async def test_a_decision_is_in_the_file_when_the_next_row_is_shown(store: Store) -> None:
    async with Review() as review:
        await review.press("a")
        assert review.decisions() == "✓·······"
        assert review.current.id == 2
        assert review.bottom.startswith("accepted 001 · u undo")
        await review.press("x")
        assert review.decisions() == "✓✗······"
        assert "2 of 8 decided · 50 % accepted" in review.screen


async def test_the_cursor_goes_to_the_next_pending_pair(store: Store) -> None:
    decide(store, p2=Decision.ACCEPTED, p3=Decision.REJECTED)
    async with Review() as review:
        await review.press("a")
        assert review.current.id == 4
        await review.press("space", "space", "space", "space")
        assert review.current.id == 8
        await review.press("space")
        assert review.current.id == 4


async def test_all_are_decided(store: Store) -> None:
    store.pairs.decide(list(store.pairs.ids())[1:], Decision.ACCEPTED)
    async with Review() as review:
        await review.press("x")
        assert "all are decided" in review.bottom
        assert review.current.id == 1
        await review.press("x")
        assert review.bottom.startswith("rejected already: 001")
        await review.press("space")
        assert "nothing is pending" in review.bottom


async def test_undo_and_redo_go_back_to_the_row(store: Store) -> None:
    async with Review() as review:
        await review.press("a", "x", "u")
        assert review.decisions() == "✓·······"
        assert review.current.id == 2
        assert review.bottom.startswith("undone: rejected 002 · ctrl+r redo")
        await review.press("ctrl+r")
        assert review.decisions() == "✓✗······"
        await review.press("u", "u", "u")
        assert review.decisions() == "········"
        assert "there is nothing to undo" in review.bottom


async def test_undo_and_redo_outlive_the_program(store: Store) -> None:
    async with Review() as review:
        await review.press("a", "x")
    async with Review() as review:
        await review.press("u")
        assert review.decisions() == "✓·······"
    async with Review() as review:
        await review.press("ctrl+r")
        assert review.decisions() == "✓✗······"
        assert review.bottom.startswith("done again: rejected 002 · u undo")


async def test_all_phrasings_of_a_fact(store: Store) -> None:
    async with Review() as review:
        await review.press("A")
        assert review.decisions() == "✓✓✓·····"
        assert review.bottom.startswith("accepted 3 phrasings of this fact · u undo")
        assert review.current.id == 4
        await review.press("X")
        assert review.decisions() == "✓✓✓✗✗···"
        await review.press("u")
        assert review.decisions() == "✓✓✓·····"


async def test_accept_all_asks_and_is_one_undo(store: Store) -> None:
    decide(store, p1=Decision.REJECTED)
    async with Review() as review:
        await review.press("ctrl+a")
        assert isinstance(review.app.screen, AskScreen)
        assert "Accept 7 pending pairs?" in review.screen
        await review.press("enter")
        assert review.decisions() == "✗·······"
        await review.press("ctrl+a", "y")
        assert review.decisions() == "✗✓✓✓✓✓✓✓"
        await review.press("u")
        assert review.decisions() == "✗·······"


async def test_a_decision_that_another_program_made_shows_up(store: Store) -> None:
    async with Review() as review:
        store.pairs.decide([1, 2], Decision.ACCEPTED)
        await review.until(lambda: "2 of 8" in review.screen)
        assert review.screen.count("✓ 00") == 2


async def test_what_is_in_a_pair_cannot_touch_the_terminal(store: Store) -> None:
    store.pairs.add(new_pair("[red]who\x1b[2Jis\tthere[/red]", "nobody\r\n\x9b31m"))
    async with Review() as review:
        await review.press("G")
        await review.until(lambda: "· 009  " not in review.screen and "nobody" in review.screen)
        assert "[red]who␛[2Jis there" in review.screen
        assert not any(
            ord(character) < 32 or 127 <= ord(character) < 160 for character in review.screen if character != "\n"
        )


# Where one was


async def test_the_same_row_and_filter_after_a_restart(store: Store) -> None:
    async with Review() as review:
        await review.press("j", "j", "j", "a")
        assert review.current.id == 5
    async with Review() as review:
        assert review.current.id == 5
        await review.press("slash")
        await review.type("descale")
        await review.press("enter")
    async with Review() as review:
        assert review.current.id == 4
        assert "“descale”: 1" in review.screen


async def test_the_row_is_written_down_while_one_works(store: Store) -> None:
    async with Review() as review:
        await review.press("j", "j")
        state = paths.config_dir() / "state.toml"
        await review.until(lambda: state.exists() and "pair = 3" in state.read_text("utf-8"))


async def test_after_a_crash_the_cursor_is_behind_what_was_decided_last(store: Store) -> None:
    async with Review() as review:
        await review.press("j", "j")
    decide(store, p5=Decision.ACCEPTED)
    async with Review() as review:
        assert review.current.id == 3, "it is still pending"
    decide(store, p3=Decision.ACCEPTED, p5=Decision.REJECTED)
    async with Review() as review:
        assert review.current.id == 6
    async with Review() as review:
        assert review.current.id == 6
        await review.press("k", "k", "k")
    async with Review() as review:
        assert review.current.id == 3, "nothing was decided since it was left there"
    store.pairs.edit(7, [{"role": "user", "content": "B2?"}, {"role": "assistant", "content": "LB-118."}])
    async with Review() as review:
        assert review.current.id == 7


async def test_a_row_that_went_away_leaves_the_cursor_near(store: Store) -> None:
    async with Review() as review:
        await review.press("j", "j", "j")
    with store.pairs.replacing() as replacing:
        replacing.put([new_pair("How long is the warranty on the M5?", "41 months on the motor of the M5.")])
        replacing.finish()
    async with Review() as review:
        assert review.current.id == 8


# Filter and panes


async def test_filter_by_words_and_decision(store: Store) -> None:
    decide(store, p1=Decision.ACCEPTED, p4=Decision.ACCEPTED)
    async with Review() as review:
        await review.press("slash")
        await review.type("K7")
        assert "“K7”: 3" in review.screen
        await review.press("tab", "tab")
        assert "accepted “K7”: 2" in review.screen
        await review.press("enter", "g", "x")
        assert review.current.id == 4
        assert review.decisions()[:4] == "✗··✓"
        await review.press("escape", "escape")
        assert "of 8 decided" in review.screen
        assert "“K7”" not in review.screen


async def test_a_filter_that_shows_nothing_leaves_the_row_as_it_was(store: Store) -> None:
    async with Review((80, 24)) as review:
        await review.press("j", "j", "j", "slash")
        await review.type("nowhere")
        assert "No pair holds" in review.screen
        assert "undo" not in review.screen.splitlines()[-1], "its keys are text here"
        await review.press("ctrl+a")
        assert review.decisions() == "·" * 8
        await review.press("escape")
        assert review.current.id == 4


async def test_decisions_go_on_while_reading(store: Store) -> None:
    async with Review((80, 24)) as review:
        await review.press("enter")
        assert "held out" not in review.screen
        await review.press("a", "a")
        assert "· pending 003" in review.screen
        assert "held out" in review.screen
        await review.press("escape")
        assert "▌· 003" in review.screen


async def test_the_source_marks_the_passage(store: Store) -> None:
    async with Review() as review:
        await review.until(lambda: "▌ Error E4 means" in review.screen)
        assert "# Error E4" in review.screen
        assert "one of 3 phrasings of fact:" in " ".join(review.screen.split())
        store.sources.delete(1)
        await review.until(lambda: "Its record is not here any more." in review.screen)


# Making pairs


async def test_making_pairs_shows_how_far_it_is_and_what_came_of_it(ui_home: Path) -> None:
    with new_store(pairs=False) as store:
        async with Review((80, 24)) as review:
            await golden(review.app, "pairs-records-80x24")
            await review.press("p")
            task = store.tasks.latest("prepare")
            assert task is not None
            assert "making pairs is next in the queue" in review.screen
            await review.press("p")
            assert review.bottom.startswith("pairs are being made already")
            store.tasks.start(task.id)
            store.tasks.save_progress(task.id, Progress(120, 312, "records"))
            await review.until(lambda: "120 of 312 records" in review.screen)
            store.leases.release()
            store.tasks.requeue_running()
            with worker.spawn("lumora", idle=0.1) as process:
                await review.until(lambda: process.poll() is not None)
            await review.until(lambda: "pairs made at" in review.screen)
            assert store.pairs.counts().total > 10
            await review.press("a")
            await review.until(lambda: "pairs made at" not in review.screen)


@pytest.mark.parametrize(
    ("key", "said"), [("p", "making pairs by the recipe"), ("z", "making pairs pauses"), ("ctrl+x", "stopping · what")]
)
async def test_what_a_key_said_of_a_preparation_goes_with_it(store: Store, key: str, said: str) -> None:
    async with Review() as review:
        if key != "p":
            store.tasks.start(store.tasks.add("prepare", "make pairs", {}))
            await review.until(lambda: "making pairs" in review.screen)
        await review.press(key)
        assert review.bottom.startswith(said)
        task = store.tasks.latest("prepare")
        assert task is not None
        store.tasks.finish(task.id, "stopped")
        await review.until(lambda: "making pairs was stopped" in review.screen)
        assert said not in review.bottom


async def test_a_failed_preparation_says_why_and_can_be_tried_again(store: Store) -> None:
    task = store.tasks.add("prepare", "make pairs", {})
    store.tasks.finish(
        task, "failed", error=InputError("recipe.toml line 3 cannot be followed", "no such template", "Mend it")
    )
    async with Review() as review:
        assert "✗ no pairs were made: recipe.toml line 3 cannot be followed: no such template" in review.screen
        assert "→ Mend it  r try again" in review.screen
        await review.press("r")
        assert store.tasks.get(task).state == "queued"


async def test_a_long_reason_why_no_pairs_were_made_is_there_to_its_end(store: Store) -> None:
    why = "it took more than 2 seconds, and so it did on 2 records before"
    error = InputError("The template of the recipe cannot be used", why, "Correct [messages] in the recipe " * 3)
    store.tasks.finish(store.tasks.add("prepare", "make pairs", {}), "failed", error=error)
    async with Review((80, 24)) as review:
        said = " ".join(review.screen.split())
        assert f"cannot be used: {why} → Correct [messages]" in said
        assert "in the recipe r try again" in said


async def test_a_report_comes_back_by_its_key_whatever_was_decided(store: Store) -> None:
    async with Review() as review:
        await review.press("i")
        assert review.bottom.startswith("no pairs have been made yet")
        task = store.tasks.add("prepare", "pairs", {})
        store.tasks.start(task)
        store.tasks.finish(task, "done")
        await review.until(lambda: "8 pairs made" in review.screen)
        await review.press("escape")
        assert "8 pairs made" not in review.screen
        assert review.bottom.startswith("the report is put away · i shows it again")
        await review.press("i")
        assert "put away" not in review.bottom
        await review.press("a")
        assert "8 pairs made" in review.screen
        await review.press("i")
        assert "8 pairs made" not in review.screen
        await review.press("question_mark", *"report")
        assert "report of making pairs" in review.screen


async def test_a_report_names_reasons_and_goes_with_esc(store: Store) -> None:
    store.pairs.replace_dropped([(1, "u", "empty answer", "")] * 4 + [(1, "u", "exact duplicate", "")])
    store.tasks.finish(store.tasks.add("prepare", "make pairs", {}), "done", result={})
    async with Review() as review:
        assert "5 left out: 4 empty answer, 1 exact duplicate" in review.screen
        await review.press("escape")
        assert "left out" not in review.screen


# The parts without a screen


def test_a_view_reads_pages_by_id_and_keeps_its_rows(ui_home: Path) -> None:
    with new_store(records=False, pairs=False) as store:
        for number in range(300):
            store.pairs.add(new_pair(f"question {number}", "an answer"))
        view = PairView(store.pairs)
        view.reload()
        assert [view.pair(index).id for index in (0, 150, 299)] == [1, 151, 300]  # type: ignore[union-attr]
        view.where = "pending"
        view.reload()
        store.pairs.decide([2, 3], Decision.ACCEPTED)
        view.forget()
        assert len(view.ids) == 300
        assert view.next_pending(0) == 3
        assert view.next_pending(299) == 0
        view.words = '"question 29"'
        view.reload()
        assert list(view.ids) == [30, *range(291, 301)]
        assert view.next_pending(10) == 0


def test_a_view_has_no_words_of_the_database(ui_home: Path) -> None:
    with new_store() as store:
        assert len(store.pairs.ids("all", "user")) == 0
        assert len(store.pairs.ids("all", "%")) == 0
        store.pairs.add(new_pair('50 % "off"?', "a_b"))
        assert list(store.pairs.ids("all", '% "off')) == [9]
        assert list(store.pairs.ids("all", "a_b")) == [9]


def test_pace_needs_some_decisions_and_forgets_a_break() -> None:
    pace = Pace()
    for second in range(0, 40, 4):
        pace.add(NOON + second, 1)
    assert pace.per_minute(NOON + 40) == pytest.approx(9 * 60 / 40)
    assert pace.per_minute(NOON + 41) == pytest.approx(9 * 60 / 40)
    # Who reads for a while has not become slower.
    assert pace.per_minute(NOON + 80) == pace.per_minute(NOON + 140) == pytest.approx(9 * 60 / 66)
    assert pace.per_minute(NOON + 400) is None


def test_the_title_says_when_it_will_be_done() -> None:
    assert progress_words(Counts(0, 0, 0, 0), None) == ()
    assert progress_words(Counts(1204, 392, 495, 317), 37.2) == (
        ("812 of 1,204 decided", "812/1,204"),
        ("61 % accepted", "61 % ✓"),
        "37/min",
        ("done about 12:10", "done 12:10"),
    )


def test_the_title_says_the_day_when_that_is_not_today() -> None:
    tomorrow, later = (progress_words(Counts(pending, pending, 0, 0), 1.0)[-1] for pending in (1200, 5000))
    day = f"{datetime.fromtimestamp(NOON) + timedelta(days=1):%a}"
    assert tomorrow == (f"done about {day} 08:00", f"done {day} 08:00")
    assert later == ("done in about 3 days", "done in 3 days")


async def test_a_decision_repaints_two_rows_and_no_more(store: Store) -> None:
    async with Review((80, 24)) as review:
        rows = review.place.rows
        lines: set[int] = set()
        render = rows.render_line

        def watched(y: int) -> Strip:
            lines.add(y)
            return render(y)

        rows.render_line = watched  # type: ignore[method-assign]
        await review.press("a")
        lines.clear()
        await review.press("a")
        assert lines == {1, 2}
        title = review.place.query_one(PairTitle)
        assert title.render_line(0).text.startswith("╭ Pairs · 2 of 8 decided · 100 % accepted ")
        assert "a accept" in text_of(review.app)


async def test_the_title_repaints_all_cells_that_differ(store: Store) -> None:
    async with Review((80, 24)) as review:
        title = review.place.query_one(PairTitle)
        title.show(("“猫”: 3", "3 of 8", "67 % accepted"))
        painted: list[Region] = []
        title.refresh = lambda *regions, **_: painted.extend(regions)  # type: ignore[assignment, method-assign]
        title.show(("“猫”: 3", "4 of 8", "75 % accepted"))
        [region] = painted
        assert title.render_line(0).crop(region.x, region.right).text == "4 of 8 · 75"
