"""All of the Pairs place by mouse: rows, the keys at the bottom, the help for those that have no room there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.widgets import Input

from ftui.store import Store
from ftui.ui.places.pairs import PairsPlace
from ftui.ui.screens.edit import EditScreen
from ftui.ui.screens.help import HelpScreen, keys_of
from ftui.ui.widgets.footer import Footer
from ftui.ui.widgets.rows import RowList
from ui.pair_data import Review, new_store
from ui.screen import settle


@pytest.fixture
def store(ui_home: None) -> Iterator[Store]:
    with new_store() as opened:
        yield opened


async def click(review: Review, words: str, times: int = 1) -> None:
    """Click on the last line that holds some words, in the middle of them."""
    lines = review.screen.splitlines()
    y = max(at for at, line in enumerate(lines) if words in line)
    await review.pilot.click(offset=(lines[y].index(words) + len(words) // 2, y), times=times)
    await settle(review.pilot)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=str)
async def test_rows_and_keys_by_mouse(store: Store, size: tuple[int, int]) -> None:
    async with Review(size) as review:
        await click(review, "004 How")
        assert review.current.id == 4
        await click(review, "a accept")
        assert review.decisions() == "···✓····"
        assert review.current.id == 5
        await click(review, "x reject")
        assert review.decisions() == "···✓✗···"
        await click(review, "u undo")
        assert review.decisions() == "···✓····"
        await click(review, "space skip")
        assert review.current.id == 6
        await click(review, "002 My", times=2)
        await review.until(lambda: "· pending 002" in review.screen.splitlines()[2])
        await click(review, "a accept")
        assert review.decisions() == "·✓·✓····"
        await click(review, "s source")
        await click(review, "e edit")
        assert isinstance(review.app.screen, EditScreen)


async def test_the_filter_by_mouse(store: Store) -> None:
    async with Review() as review:
        await click(review, "/ filter")
        assert isinstance(review.app.screen.focused, Input)
        await review.type("K7")
        await click(review, "004 How")
        assert review.current.id == 4
        await click(review, "a accept")
        assert review.decisions() == "···✓····"


async def test_every_key_of_the_place_can_be_clicked(store: Store) -> None:
    async with Review((120, 40)) as review:
        await click(review, "? keys")
        assert isinstance(review.app.screen, HelpScreen)
        listed = {key.press for key in keys_of(review.app.screen_stack[0])}
        assert listed >= {binding.key for binding in PairsPlace.BINDINGS if binding.show}  # type: ignore[union-attr]
        await click(review, "accept all phrasings", times=2)
        assert not isinstance(review.app.screen, HelpScreen)
        assert review.decisions() == "✓✓✓·····"


async def test_a_click_between_the_keys_presses_none(store: Store) -> None:
    async with Review() as review:
        footer = review.app.screen.query_one(Footer)
        await review.pilot.click(footer, offset=(0, 0))
        await settle(review.pilot)
        assert review.decisions() == "·" * 8
        rows = review.place.query_one(RowList)
        await review.pilot.click(rows, offset=(5, 20))
        assert review.current.id == 1
