"""RowList: a million rows cost what is visible, and a key repaints two lines."""

from __future__ import annotations

from textual.app import App, ComposeResult

from ftui.ui.text import Row, row
from ftui.ui.widgets.rows import Lines, RowList
from ui.screen import text_of


class Listing(App[None]):
    """One list over numbers; remembers which rows were asked for and what was painted."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.asked: set[int] = set()
        self.events: list[tuple[str, int]] = []
        self.suffix = ""

    def compose(self) -> ComposeResult:
        yield RowList(self.line, empty=[row("nothing yet")])

    def on_mount(self) -> None:
        self.rows.focus()
        self.rows.update(self.count)

    def line(self, index: int, width: int) -> Row:
        self.asked.add(index)
        return row(f"row {index}{self.suffix if index == 2 else ''}")

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        self.events.append(("highlighted", event.index))

    def on_row_list_selected(self, event: RowList.Selected) -> None:
        self.events.append(("selected", event.index))

    @property
    def rows(self) -> RowList:
        return self.query_one(RowList)


async def test_only_visible_rows_are_asked_for() -> None:
    app = Listing(1_000_000)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        assert app.asked == set(range(10))
        await pilot.press("G")
        await pilot.pause()
        assert app.rows.cursor == 999_999
        assert len(app.asked) < 40
        assert text_of(app).splitlines()[-1].startswith("▌row 999999")


async def test_keys_move_and_stay_inside() -> None:
    app = Listing(30)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("j", "down", "k")
        assert app.rows.cursor == 1
        await pilot.press("pagedown")
        assert app.rows.cursor == 10
        await pilot.press("G", "j", "j")
        assert app.rows.cursor == 29
        await pilot.press("g", "k", "up")
        assert app.rows.cursor == 0


async def test_leaving_the_viewport_flips_most_of_a_page() -> None:
    app = Listing(100)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press(*["j"] * 9)
        assert app.rows.scroll_offset.y == 0
        await pilot.press("j")
        await pilot.pause()
        top = app.rows.scroll_offset.y
        assert top == 7
        await pilot.press("j", "j", "j", "j")
        assert app.rows.scroll_offset.y == top
        assert "▌row 14" in text_of(app)


async def test_a_key_repaints_only_the_two_lines_it_changes() -> None:
    app = Listing(30)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        app.asked.clear()
        await pilot.press("j")
        await pilot.pause()
        assert app.asked == {0, 1}


async def test_update_paints_the_rows_that_read_differently() -> None:
    app = Listing(30)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        app.suffix = " changed"
        app.rows.update(30)
        await pilot.pause()
        assert "row 2 changed" in text_of(app)


async def test_enter_and_click_open() -> None:
    app = Listing(30)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("j", "enter")
        await pilot.click(RowList, offset=(5, 4))
        await pilot.pause()
        assert app.events == [("highlighted", 1), ("selected", 1), ("highlighted", 4)]
        await pilot.click(RowList, offset=(5, 4), times=2)
        await pilot.pause()
        assert app.events[-1] == ("selected", 4)


async def test_an_empty_list_says_so_and_opens_nothing() -> None:
    app = Listing(0)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("enter", "j", "G")
        assert "nothing yet" in text_of(app)
        assert app.events == []


async def test_a_shorter_list_keeps_the_cursor_inside() -> None:
    app = Listing(30)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("G")
        app.rows.update(3)
        await pilot.pause()
        assert app.rows.cursor == 2
        assert "▌row 2" in text_of(app)


async def test_lines_cut_what_does_not_fit() -> None:
    class Few(App[None]):
        def compose(self) -> ComposeResult:
            yield Lines()

    app = Few()
    async with app.run_test(size=(12, 4)) as pilot:
        app.query_one(Lines).show([row("twelve cells"), row("a ", "line that is too long"), row("exactly ", "12345")])
        await pilot.pause()
        assert text_of(app).splitlines()[:3] == ["twelve cells", "a line that…", "exactly 123…"]
