"""The smallest Textual app that shows what Pairs shows: a header, a list of any length, a footer."""

from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Footer, Header

COUNT = 1_000_000


class Rows(ScrollView, can_focus=True):
    BINDINGS = [  # noqa: RUF012
        ("j,down", "move(1)", "down"),
        ("pagedown", "move(20)", "page down"),
        ("g", "move(-1000000)", "first"),
        ("G", "move(1000000)", "last"),
    ]
    cursor: reactive[int] = reactive(0, repaint=False)

    def on_mount(self) -> None:
        self.virtual_size = Size(0, COUNT)
        self.focus()

    def action_move(self, step: int) -> None:
        self.cursor = min(max(self.cursor + step, 0), COUNT - 1)

    def watch_cursor(self, old: int, new: int) -> None:
        top, height = self.scroll_offset.y, self.size.height
        for index in (old, new):
            self.refresh(Region(0, index - top, self.size.width, 1))
        if height and not top <= new < top + height:
            self.scroll_to(y=max(new - height // 3, 0), animate=False, immediate=True, force=True)

    def render_line(self, y: int) -> Strip:
        index, width, style = y + self.scroll_offset.y, self.size.width, self.rich_style
        here = index == self.cursor
        if here:
            style += Style(bgcolor="blue", bold=True)
        text = f"{'▌' if here else ' '}· {index + 1:07} What about case {index} of the kettle?  Twenty minutes"
        return Strip([Segment(text.ljust(width)[:width], style)], width)


class Bare(App[None]):
    def compose(self) -> ComposeResult:
        yield Header()
        yield Rows()
        yield Footer()


if __name__ == "__main__":
    Bare().run()
