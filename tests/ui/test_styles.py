"""Styles that are kept from one line to the next are those that Textual would work out anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftui.store import Store
from ftui.ui.themes import THEMES
from ftui.ui.widgets.rows import RowList, Toned
from ui.pair_data import Review, new_store


@pytest.fixture
def store(ui_home: Path) -> Iterator[Store]:
    with new_store() as store:
        yield store


def stale(review: Review) -> list[str]:
    found = []
    for widget in review.app.screen_stack[0].query(Toned):
        if widget.base != widget.rich_style:
            found.append(f"{widget!r}: {widget.base} and not {widget.rich_style}")
        if isinstance(widget, RowList):
            kept = widget.get_visual_style("rowlist--cursor").rich_style
            if kept != widget.get_component_rich_style("rowlist--cursor"):
                found.append(f"{widget!r}: its cursor")
    return found


async def test_another_theme_or_focus_changes_what_is_kept(store: Store) -> None:
    async with Review() as review:
        assert stale(review) == []
        for theme in ("textual-light", *(theme.name for theme in THEMES)):
            review.app.theme = theme
            await review.press()
            assert stale(review) == [], theme
        for key in ("slash", "escape", "s", "s", "c", "escape"):
            await review.press(key)
            assert stale(review) == [], key
