"""What is said of the review: pace, share, what is missing for the target and when it will be there, the cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftui import settings
from ftui.store import Store
from ftui.store.pairs import Counts, Decision
from ftui.ui import clock
from ftui.ui.widgets.pair_aim import Aim, Standing, about, aim_of, sentence
from ftui.ui.widgets.pair_title import PairTitle, progress_words
from ftui.ui.widgets.pair_view import Pace
from ui.pair_data import NOON, Review, decide, new_store
from ui.screen import golden

HERE = Aim(300, 0.0, "on this machine")
COUNTS = Counts(1204, 904, 183, 117)
"""61 % accepted."""


@pytest.fixture
def store(ui_home: Path) -> Iterator[Store]:
    with new_store() as opened:
        opened.recipe_path.write_text("[review]\ntarget = 6\n", "utf-8")
        yield opened


def test_what_is_missing_and_when_it_will_be_there() -> None:
    assert HERE.missing(COUNTS) == 117
    minutes = HERE.minutes(COUNTS, 37.0)
    assert minutes == pytest.approx(117 / 0.61 / 37)
    assert progress_words(COUNTS, 37.0, HERE, "$0.00") == (
        ("300 of 1,204 decided", "300/1,204"),
        ("61 % accepted", "61 % ✓"),
        "37/min",
        ("117 more for 300 in about 5 min", "117 more, 5 m"),
        ("trains for $0.00 on this machine", "trains for $0.00"),
    )
    said = "117 more to accept of 300 · about 5 min at this pace · training costs $0.00 on this machine"
    assert sentence(COUNTS, HERE, 37.0, "$0.00") == said
    assert Aim().minutes(COUNTS, 90.4) == 10, "without a target all that is pending is to be decided"
    assert sentence(COUNTS, Aim(), None, "$0.00") == "", "then what is usually said comes next"


def test_a_target_that_is_reached_or_cannot_be() -> None:
    done = Counts(1204, 600, 300, 304)
    assert progress_words(done, None, HERE)[-1] == ("target of 300 reached", "target reached")
    assert sentence(done, HERE, 37.0, "").startswith("300 of 300 accepted · 4 then n trains")
    few = Counts(400, 50, 200, 150)
    assert HERE.minutes(few, 37.0) is None, "at this share the pending ones are not enough"
    assert progress_words(few, 37.0, HERE)[-1] == ("100 more for 300", "100 more")
    assert sentence(few, HERE, 37.0, "") == "100 more to accept of 300 · only 50 pending"
    assert HERE.minutes(Counts(10, 9, 0, 1), 5.0) is None, "nothing is accepted yet, so that there is no share"


def test_times_are_as_round_as_they_are_far() -> None:
    assert [about(minutes) for minutes in (0.2, 10.6, 59.4, 127, 599, 3000)] == [
        "about 1 min",
        "about 11 min",
        "about 59 min",
        "about 2 h 05 min",
        "about 10 h 00 min",
        "about 50 h",
    ]


def test_what_training_costs_is_the_price_of_the_latest_provider(store: Store) -> None:
    assert aim_of(store) == Aim(6, 0.0, "on this machine")
    job = store.jobs.add(
        "lumora-1", provider="openai", base_url="u", base_model="gpt-4o-mini-2024-07-18", version=None,
        hyperparameters={"n_epochs": 2}, cost_at_most=1.0,
    )  # fmt: skip
    assert job.provider == "openai"
    aim = aim_of(store)
    assert (aim.wanted, aim.where) == (6, "at OpenAI")
    assert aim.per_token == pytest.approx(6e-6)
    assert (aim.cost(1_000_000), aim.cost(10), aim.cost(0)) == ("$6.00 at most", "$0.01 at most", "$0.00")
    settings.save_config({"providers": {"odd": {"base_url": "https://odd.example/v1", "base_models": ["m"]}}})
    store.jobs.add(
        "lumora-2", provider="odd", base_url="u", base_model="m", version=None, hyperparameters={},
        cost_at_most=None,
    )  # fmt: skip
    assert aim_of(store).cost(10) == "", "a price that nobody knows is not said"


@pytest.mark.parametrize(
    "text", ["[review]\ntarget = -1\n", "seed = oops\n", "review = 3\n", "[review]\ntarget = true\n"]
)
def test_a_target_that_is_none_is_not_said(store: Store, text: str) -> None:
    store.recipe_path.write_text(text, "utf-8")
    assert aim_of(store).wanted == 0


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_the_line_with_a_target_and_a_pace(
    store: Store, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = NOON
    async with Review(size) as review:
        monkeypatch.setattr(clock, "now", lambda: moment)
        for key in ("a", "a", "x", "a", "a", "a"):
            moment += 6
            await review.press(key)
        moment += 11
        review.place._show_title()
        review.app.say("")
        review.app._tick()
        await golden(review.app, f"pairs-pace-{size[0]}x{size[1]}")
        title = review.place.query_one(PairTitle).render_line(0).text
        assert "1 more" in title
        assert "7/min" in title


async def test_the_pace_goes_on_after_a_restart(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    began = time.time()
    for number in range(1, 7):
        store.pairs.decide([number], Decision.ACCEPTED)
    list(store.pairs.deciding([7], Decision.ACCEPTED))
    monkeypatch.setattr(clock, "now", lambda: began + 30)
    async with Review() as review:
        assert "10/min" in review.screen, "six of them by hand in half a minute; the first one begins it"
    monkeypatch.setattr(clock, "now", lambda: began + Pace.WINDOW + 30)
    async with Review() as review:
        assert "/min" not in review.screen


async def test_a_change_of_the_target_is_seen(store: Store) -> None:
    decide(store, p1=Decision.ACCEPTED)
    async with Review() as review:
        await review.until(lambda: "· 5 more" in review.screen)
        store.recipe_path.write_text("[review]\ntarget = 4\n", "utf-8")
        review.place.refresh_view()
        await review.until(lambda: "· 3 more" in review.screen)
        review.app._tick()
        await review.pilot.pause()
        assert "3 more to accept of 4" in review.screen


async def test_title_and_bottom_line_say_the_same_at_every_moment(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = NOON
    async with Review() as review:
        monkeypatch.setattr(clock, "now", lambda: moment)

        def said() -> tuple[str, str]:
            review.app._tick()
            words = review.place.query_one(PairTitle)._words
            return " · ".join(each if isinstance(each, str) else each[0] for each in words), review.app._bottom.step

        await review.until(lambda: "6 more" in said()[0])
        for left, key in ((5, "a"), (4, "a"), (4, "x"), (3, "a"), (2, "a")):
            moment += 1
            await review.press(key)
            await review.press("escape")
            title, bottom = said()
            assert f"{left} more for 6" in title
            assert bottom.startswith(f"{left} more to accept of 6")
        moment += 11
        title, bottom = said()
        assert "/min" not in title, "there were too few to say how fast"
        moment += 1
        await review.press("a")
        times = set[str]()
        for _ in range(50):
            moment += 5
            title, bottom = said()
            assert ("in about" in title) == ("at this pace" in bottom)
            if "in about" in title:
                time = title.partition(" in ")[2].partition(" ·")[0]
                assert f"· {time} at this pace" in bottom
                times.add(time)
        assert times, "the pace goes down while no key comes, and is gone at last"
        assert "at this pace" not in bottom


async def test_what_training_costs_is_that_of_now(store: Store) -> None:
    decide(store, p1=Decision.ACCEPTED)
    async with Review() as review:
        standing = Standing(review.place, lambda: None)
        assert standing.cost(store, store.pairs.counts()) == ""
        standing.aim = Aim(6, 1e-3, "at OpenAI")
        assert standing.cost(store, store.pairs.counts()) == "$0.15 at most"
        store.pairs.decide([2], Decision.ACCEPTED)
        assert standing.cost(store, store.pairs.counts()) == "$0.30 at most"
        assert "$0.30 at most" in standing.sentence(store, None, 78)
        standing.aim = Aim(6, 0.0, "on this machine")
        assert standing.cost(store, store.pairs.counts()) == "$0.00"


def test_nothing_of_the_sentence_is_cut_in_the_middle() -> None:
    aim, counts = Aim(30_000, 1e-6, "at OpenAI"), Counts(120_400, 90_400, 18_300, 11_700)
    whole = sentence(counts, aim, 37.0, "$12.30 at most", 200)
    parts = whole.split(" · ")
    assert parts[2] == "training costs $12.30 at most at OpenAI"
    for width in range(20, 120):
        said = sentence(counts, aim, 37.0, "$12.30 at most", width)
        assert len(said) <= max(width, len(parts[0]))
        assert all(long.startswith(short) for long, short in zip(parts, said.split(" · "), strict=False))
    assert sentence(counts, aim, 37.0, "$12.30 at most", 78) == (
        "11,700 more to accept of 30,000 · about 8 h 40 min at this pace"
    )
    assert sentence(COUNTS, HERE, 37.0, "$0.00", 78) == (
        "117 more to accept of 300 · about 5 min at this pace · training costs $0.00"
    )


async def test_narrow_titles_say_the_most_important_in_short(store: Store) -> None:
    async with Review((80, 24)) as review:
        title = review.place.query_one(PairTitle)
        title.show(progress_words(Counts(120_400, 90_400, 18_300, 11_700), 37.0, Aim(30_000, 0.0, "here"), "$0.00"))
        text = title.render_line(0).text
        assert "30,000/120,400 · 61 % ✓ · 37/min · 11,700 more, 8 h 40 m " in text
        assert text.endswith(" tokens ─╮")
        assert "…" not in text
