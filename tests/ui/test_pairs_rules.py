"""The rule that is learnt from rejections: offered, looked at, followed, put into the recipe, declined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import Any

import pytest

from ftui.prepare import recipe as recipes
from ftui.store import Store
from ftui.store.judged import LEAST
from ftui.store.pairs import Decision, Pairs
from ftui.store.seat import Seat
from ftui.ui.screens.ask import AskScreen
from ftui.ui.widgets import pair_rules
from ui.pair_data import Review, new_pair, new_store
from ui.screen import golden

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
SHORT, PENDING = 40, 15


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_rules, "_REST", 0.01)


def project(rejected: int) -> Store:
    """Forty pairs that are flagged as short, of which so many are rejected by hand; sixty others, half accepted."""
    store = new_store(pairs=False)
    with store.pairs.replacing() as replacing:
        short = [new_pair(f"What is part {n}?", f"Part {n}.", f"s{n}") for n in range(SHORT)]
        replacing.put([replace(pair, flags={"short": "2 words"}, tokens=9) for pair in short])
        replacing.put([new_pair(f"How is {n} done?", f"With care and number {n}.", f"l{n}") for n in range(60)])
        replacing.finish()
    for number in range(1, rejected + 1):
        store.pairs.decide([number], Decision.REJECTED)
    for number in range(SHORT + 1, SHORT + 31):
        store.pairs.decide([number], Decision.ACCEPTED)
    return store


@pytest.fixture
def store(ui_home: Path) -> Iterator[Store]:
    with project(SHORT - PENDING) as opened:
        yield opened


async def offered(review: Review) -> None:
    await review.until(lambda: "would have caught 25 of your 25 rejections and 0 of 30 accepted" in joined(review))


def joined(review: Review) -> str:
    """The screen as one line, so that it does not matter where a sentence was cut."""
    return " ".join(review.screen.split())


@SIZES
async def test_what_an_offer_and_its_rows_look_like(store: Store, size: tuple[int, int]) -> None:
    async with Review(size) as review:
        await offered(review)
        await golden(review.app, f"pairs-rule-{size[0]}x{size[1]}")
        await review.press("L")
        assert "would be rejected by `flag:short`: 15" in review.screen
        assert review.current.id == SHORT - PENDING + 1
        await golden(review.app, f"pairs-rule-shown-{size[0]}x{size[1]}")


async def test_one_key_rejects_what_the_rule_fits_and_one_undo_takes_it_back(store: Store) -> None:
    async with Review() as review:
        await offered(review)
        assert "15 pending pairs fit" in joined(review)
        await review.press("L", "ctrl+d")
        assert not isinstance(review.app.screen, AskScreen)
        assert review.bottom.startswith("rejected 15 pending pairs · u undo")
        assert store.pairs.counts().rejected == SHORT
        assert "what `flag:short` fits is decided" in review.screen
        await review.press("u")
        assert store.pairs.counts().rejected == SHORT - PENDING
        assert "ctrl+d rejects them all" in joined(review)
        await review.press("ctrl+r")
        assert "what `flag:short` fits is decided" in joined(review)
        await review.press("escape")
        assert review.place.rows.count == 100
        await review.until(lambda: not review.place._rules._reader.busy)
        assert "flag:short" not in review.screen
        assert store.pairs.rejected_by_hand() == SHORT - PENDING, "what a rule rejected teaches nothing"


async def test_the_rule_goes_into_the_recipe_and_stands_beside_what_was_there(store: Store) -> None:
    store.recipe_path.write_text("# mine\nseed = 3 # as ever\n", "utf-8")
    async with Review() as review:
        await offered(review)
        await review.press("L", "L")
        assert review.bottom.startswith("`flag:short` is in the recipe · u undo · p follows it · R shows it")
        text = store.recipe_path.read_text("utf-8")
        assert text.startswith("# mine\nseed = 3 # as ever\n")
        assert recipes.parse(text).rules.reject == ("flag:short",)
        await review.press("ctrl+d")
        assert store.pairs.counts().rejected == SHORT
        await review.press("escape")
        await review.until(lambda: not review.place._rules._reader.busy)
        assert "flag:short" not in review.screen


async def test_u_takes_the_rule_out_of_the_recipe_again(store: Store) -> None:
    store.recipe_path.write_text("# mine\nseed = 3 # as ever\n", "utf-8")
    async with Review() as review:
        await offered(review)
        await review.press("L", "L", "u")
        assert review.bottom.startswith("undone: `flag:short` is not in the recipe · ctrl+r redo")
        assert store.recipe_path.read_text("utf-8") == "# mine\nseed = 3 # as ever\n"
        assert "L puts the rule into the recipe" in joined(review)
        await review.press("ctrl+r")
        assert review.bottom.startswith("done again: `flag:short` is in the recipe · u undo")
        assert recipes.parse(store.recipe_path.read_text("utf-8")).rules.reject == ("flag:short",)
        await review.press("ctrl+d", "u", "u")
        assert "flag:short" not in store.recipe_path.read_text("utf-8")
        assert store.pairs.counts().rejected == SHORT - PENDING
        await review.press("u")
        assert review.bottom.startswith("undone: accepted 070"), "what was decided before is next"


async def test_it_is_taken_out_after_a_restart_though_the_recipe_was_changed_meanwhile(store: Store) -> None:
    async with Review() as review:
        await offered(review)
        await review.press("L", "L")
    store.recipe_path.write_text("[rules]\nreject = ['words', # mine\n 'flag:short']\n", "utf-8")
    async with Review() as review:
        await review.press("u")
        assert review.bottom.startswith("undone: `flag:short` is not in the recipe · ctrl+r redo")
        assert store.recipe_path.read_text("utf-8") == "[rules]\nreject = ['words', # mine\n ]\n"
        await offered(review)


async def test_a_recipe_that_was_broken_meanwhile_says_why_it_is_not_undone(store: Store) -> None:
    async with Review() as review:
        await offered(review)
        await review.press("L", "L")
        good = store.recipe_path.read_text("utf-8")
        store.recipe_path.write_text("seed = oops\n", "utf-8")
        await review.press("u")
        assert "recipe.toml is not a recipe" in review.screen
        assert store.recipe_path.read_text("utf-8") == "seed = oops\n"
        store.recipe_path.write_text(good, "utf-8")
        await review.press("u")
        assert review.bottom.startswith("undone: `flag:short` is not in the recipe")
        assert recipes.parse(store.recipe_path.read_text("utf-8")).rules.reject == ()


async def test_a_rule_that_was_declined_by_a_slip_comes_back(store: Store) -> None:
    async with Review() as review:
        await offered(review)
        await review.press("L", "escape")
        assert review.bottom.startswith("`flag:short` is not proposed again · u undo")
        await review.until(lambda: review.place._rules.offer is None and not review.place._rules._reader.busy)
        await review.press("u")
        assert review.bottom.startswith("undone: `flag:short` can be proposed again · ctrl+r redo")
        await offered(review)
        await review.press("ctrl+r")
        assert review.bottom.startswith("done again: `flag:short` is not proposed again · u undo")
        await review.until(lambda: "flag:short` would" not in review.screen)


async def test_a_declined_rule_that_is_declined_again_over_its_list_is_not_in_the_recipe(store: Store) -> None:
    async with Review() as review:
        await offered(review)
        await review.press("L", "escape")
        await review.until(lambda: review.place._rules.offer is None and not review.place._rules._reader.busy)
        await review.press("u")
        await offered(review)
        await review.press("L", "ctrl+r")
        assert review.bottom.startswith("done again: `flag:short` is not proposed again · u undo")
        assert "is in the recipe" not in joined(review)
        assert not store.recipe_path.exists() or "flag:short" not in store.recipe_path.read_text("utf-8")


async def test_a_rule_that_was_followed_and_undone_is_proposed_at_the_next_start(store: Store) -> None:
    async with Review() as review:
        await offered(review)
        await review.press("L", "ctrl+d", "u")
        assert "ctrl+d rejects them all" in joined(review)
    async with Review() as review:
        await offered(review)


async def test_a_recipe_that_cannot_be_followed_is_left_as_it_is(store: Store) -> None:
    store.recipe_path.write_text("seed = oops\n", "utf-8")
    async with Review() as review:
        await offered(review)
        await review.press("L", "L")
        assert "recipe.toml is not a recipe" in review.screen
        assert store.recipe_path.read_text("utf-8") == "seed = oops\n"
        assert review.place._rules.state == "shown"


async def test_a_rule_that_was_declined_does_not_come_again(store: Store) -> None:
    async with Review() as review:
        await offered(review)
        await review.press("L", "escape")
        assert review.bottom.startswith("`flag:short` is not proposed again")
        await review.until(lambda: not review.place._rules._reader.busy)
        assert "flag:short` would" not in review.screen
        await review.press("L")
        assert review.bottom.startswith("no rule is clear enough yet · ftui looks again after 10 more rejections")
    async with Review() as review:
        await review.until(lambda: review.place._rules._due > LEAST and not review.place._rules._reader.busy)
        assert review.place._rules.offer is None


async def test_a_list_without_a_row_says_what_esc_does_there(store: Store) -> None:
    async with Review() as review:
        await offered(review)
        with Store("lumora", recover=False) as other:
            other.pairs.decide(range(SHORT - PENDING + 1, SHORT + 1), Decision.ACCEPTED)
        await review.press("L")
        assert review.place.rows.count == 0
        assert "`flag:short` fits no pending pair" in joined(review)
        assert "declines it" not in review.screen
        await review.press("escape")
        assert review.place.rows.count == 100
        assert store.rules.answers() == {}
        await review.until(lambda: not review.place._rules._reader.busy)


async def test_the_rule_can_be_changed_by_hand(store: Store) -> None:
    async with Review() as review:
        await offered(review)
        await review.press("L", "slash")
        await review.type("flag:short -39")
        await review.press("enter")
        assert "pending “flag:short -39”: 14" in review.screen
        assert "would have caught" in review.screen, "the rule itself is still offered"
        await review.press("ctrl+d")
        assert "Reject 14 pending pairs of those shown?" in review.screen
        await review.press("n", "escape", "L")
        assert "would be rejected by `flag:short`: 15" in review.screen


async def test_the_offer_comes_while_one_rejects(ui_home: Path) -> None:
    with project(LEAST - 2) as store:
        async with Review() as review:
            await review.press("L")
            assert review.current.decision is Decision.REJECTED, "rejecting it again is no further rejection"
            assert review.bottom.startswith("2 more rejections by hand, then ftui looks for a rule")
            await review.press("x", "x", "L")
            await review.until(lambda: review.bottom.startswith("1 more rejection by hand"))
            assert "would have caught" not in review.screen
            await review.press("x")
            await review.until(lambda: "of your 24 rejections" in joined(review))
            assert "16 pending pairs fit" in joined(review)
            assert store.pairs.counts().rejected == LEAST


async def test_who_takes_over_from_another_ftui_is_offered_rules_too(ui_home: Path) -> None:
    with project(LEAST - 1) as store:
        other = Seat(store.folder)
        assert other.take()
        async with Review() as review:
            other.leave()
            await review.until(lambda: review.app.refused is None)
            await review.press("G", "x")
            await review.until(lambda: f"of your {LEAST} rejections" in joined(review))


async def test_accepting_one_of_the_rows_leaves_the_rest_to_the_rule(store: Store) -> None:
    async with Review() as review:
        await offered(review)
        await review.press("L", "a", "ctrl+d")
        assert (store.pairs.counts().accepted, store.pairs.counts().rejected) == (31, SHORT - 1)


async def test_a_rule_that_was_left_is_proposed_again_when_its_rejections_are_undone(store: Store) -> None:
    async with Review() as review:
        await offered(review)
        await review.press("L", "ctrl+d", "escape")
        await review.until(lambda: review.place._rules.offer is None and not review.place._rules._reader.busy)
        await review.press("u")
        assert store.pairs.counts().rejected == SHORT - PENDING
        await offered(review)
        await review.press("ctrl+r")
        assert store.pairs.counts().rejected == SHORT
        await review.until(lambda: review.place._rules.offer is None and not review.place._rules._reader.busy)
        assert store.rules.answers() == {"flag:short": "followed"}
    async with Review() as review:
        await review.until(lambda: review.place._rules._due > LEAST and not review.place._rules._reader.busy)
        assert review.place._rules.offer is None
        await review.press("u")
        await offered(review)
    async with Review() as review:
        await offered(review)


@pytest.mark.parametrize("held", ["view_ids", "deciding"])
async def test_esc_while_a_rule_is_being_followed_never_declines_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    """Counting the pairs, or rejecting them, has not begun yet when the list is left."""
    gate, usual = Event(), getattr(Pairs, held)

    def waiting(pairs: Pairs, *values: Any) -> Any:
        if current_thread() is not main_thread():
            gate.wait(30)
        return usual(pairs, *values)

    async with Review() as review:
        await offered(review)
        await review.press("L")
        monkeypatch.setattr(Pairs, held, waiting)
        await review.pilot.press("ctrl+d", "escape")
        await review.until(lambda: review.place.rows.count == 100)
        gate.set()
        await review.until(lambda: store.pairs.counts().rejected == SHORT)
        await review.until(lambda: not review.place._bulk.busy)
        assert store.rules.answers() == {"flag:short": "followed"}
        assert not isinstance(review.app.screen, AskScreen)
        await review.press("u")
        assert store.rules.answers() == {}
        assert store.pairs.counts().rejected == SHORT - PENDING


async def test_a_look_that_is_asked_for_takes_all_that_was_decided_by_now(ui_home: Path) -> None:
    """The accepts that make a rule clear come after the last look by itself."""
    with new_store(pairs=False) as store:
        with store.pairs.replacing() as replacing:
            replacing.put([new_pair(f"Which juicer is {n}?", f"Juicer {n} is.", f"j{n}") for n in range(SHORT)])
            replacing.put([new_pair(f"Which kettle is {n}?", f"Kettle {n} is.", f"k{n}") for n in range(60)])
            replacing.finish()
        for number in range(1, SHORT - PENDING + 1):
            store.pairs.decide([number], Decision.REJECTED)
        async with Review() as review:
            rules = review.place._rules
            await review.until(lambda: rules._due > LEAST and not rules._reader.busy)
            await review.press("L")
            assert review.bottom.startswith("no rule is clear enough yet"), "nothing was decided since"
            await review.press(*"/-juicer", "enter")
            await review.press(*"a" * 30, "L")
            await review.until(lambda: review.bottom.startswith("a rule was found · L shows what it would reject"))
            assert 'juicer is"` would have caught 25 of your 25 rejections and 0 of 30 accepted' in joined(review)
            await review.press("L")
            assert store.pairs.counts().accepted == 30
            assert review.place.rows.count == PENDING


async def test_a_look_that_is_asked_for_and_finds_nothing_says_so(store: Store) -> None:
    async with Review() as review:
        rules = review.place._rules
        await offered(review)
        await review.press("L", "escape")
        await review.until(lambda: rules.offer is None and not rules._reader.busy)
        await review.press("G", "a", "L")
        await review.until(lambda: review.bottom.startswith("no rule is clear enough yet"))
        gate, usual = Event(), pair_rules._propose

        def waiting(own: Store) -> Any:
            gate.wait(30)
            return usual(own)

        await review.press("x")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pair_rules, "_propose", waiting)
            await review.pilot.press("L")
            await review.until(lambda: review.bottom.startswith("looking for a rule in what you decided"))
            gate.set()
            await review.until(lambda: review.bottom.startswith("no rule is clear enough yet"))
