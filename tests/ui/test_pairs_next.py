"""The next pending pair where it is far away: looked for beside the keys, none of which is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ftui.store import Store, pending
from ftui.store.pairs import Decision
from ui.pair_data import Review, new_pair, new_store
from ui.screen import settle

anywhere = pending.anywhere


@pytest.fixture
def far(ui_home: Path) -> Iterator[Store]:
    """More pairs than a key looks at. Two are pending: 0001 is the shortest and 0002 the longest."""
    with new_store(records=False, pairs=False) as store:
        with store.pairs.replacing() as replacing:
            sizes = [1, 9000, *range(10, 7000)]
            pairs = [replace(new_pair(f"What is {n}?", f"{n}."), tokens=tokens) for n, tokens in enumerate(sizes)]
            replacing.put(pairs)
            replacing.finish()
        store.pairs.decide(range(3, len(sizes) + 1), Decision.ACCEPTED)
        yield store


async def far_apart(review: Review) -> None:
    """Sort so that all decided pairs are between the two pending ones, the longest first."""
    await review.press("S", "S")
    await review.until(lambda: review.place.rows.count == 6992 and review.current.id == 2)


async def test_a_pending_pair_far_away_is_looked_for_beside_the_keys(far: Store) -> None:
    async with Review() as review:
        await far_apart(review)
        await review.pilot.press("x")
        await review.until(lambda: far.pairs.get(2).decision is Decision.REJECTED)  # type: ignore[union-attr]
        assert "rejected 0002 · u undo" in review.bottom
        await review.until(lambda: review.current.id == 1)
        await settle(review.pilot)
        assert review.bottom.startswith("rejected 0002 · u undo")
        assert "looking" not in review.bottom
        await review.press("space")
        assert review.bottom.startswith("this is the last pending pair")
        await review.press("a")
        assert review.bottom.startswith("accepted 0001 · u undo · all are decided")
        await review.press("u", "G", "k", "space")
        assert review.current.id == 1


async def test_keys_pressed_while_it_is_looked_for_do_what_they_say(
    far: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = threading.Event()
    monkeypatch.setattr(pending, "anywhere", lambda *values: slow.wait(20) and anywhere(*values))
    async with Review() as review:
        await far_apart(review)
        await review.pilot.press("x")
        await review.until(lambda: "rejected 0002 · u undo · looking for the next pending pair" in review.bottom)
        await review.pilot.press("a")
        await review.until(lambda: "accepted 0002 · u undo · looking for the next pending pair" in review.bottom)
        await review.pilot.press("u", "u")
        await review.until(lambda: "undone: rejected 0002" in review.bottom)
        slow.set()
        await settle(review.pilot)
        assert review.current.id == 2, "who takes it back stays at it"
        slow.clear()
        await review.pilot.press("space")
        await review.until(lambda: review.bottom.startswith("looking for the next pending pair"))
        await review.pilot.press("j", "j")
        slow.set()
        await settle(review.pilot)
        assert review.place.rows.cursor == 2, "who goes on is not called back"
