"""Lines of toned text, painted one by one: `Lines` for a few, `RowList` for any number.

A terminal over SSH pays by the byte. Both widgets know what each line looked
like when it was painted last and repaint only the lines that differ now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from ftui.ui.painting import AtOnce
from ftui.ui.text import Row, Span, cut, plain, width_of
from ftui.ui.tones import tone_style

_GROWTH = 64
_NOTHING = Color(0, 0, 0, 0)


class Toned(AtOnce):
    """A widget that paints rows in the colours of the theme."""

    def tone_style(self, tone: str) -> Style:
        """The style of a tone, to be laid over the background of the line."""
        if not tone:
            return Style()
        return tone_style(tone, self.app.theme_variables, self.visual_style.background or _NOTHING)

    @property
    def base(self) -> Style:
        """The style of a line: as `rich_style`, which Textual works out anew whenever it is asked."""
        return self.visual_style.rich_style

    def paint(self, row: Row, width: int, base: Style, before: Sequence[Segment] = ()) -> Strip:
        """A row as exactly `width` cells; what does not fit is cut with `…`."""
        segments = list(before)
        room = width - sum(cell_len(segment.text) for segment in before)
        for index, span in enumerate(row):
            if room <= 0:
                break
            text = span.text
            rest = width_of(row[index + 1 :]) if cell_len(text) == room else 0
            if cell_len(text) > room or (rest and room > 1):
                text = cut(text + " " * rest, room)
            segments.append(Segment(text, base + self.tone_style(span.tone)))
            room -= cell_len(text)
        if room > 0:
            segments.append(Segment(" " * room, base))
        return Strip(_joined(segments), width)


def _joined(segments: Sequence[Segment]) -> list[Segment]:
    """Neighbours of one style as one, blanks in the style beside them: a change of style costs forty bytes."""
    joined: list[Segment] = []
    for segment in segments:
        last = joined[-1] if joined else None
        if last is None or not (last.style == segment.style or _alike(last, segment)):
            joined.append(segment)
            continue
        style = segment.style if last.text.isspace() else last.style
        joined[-1] = Segment(last.text + segment.text, style)
    return joined


def _alike(first: Segment, second: Segment) -> bool:
    """Whether one is blank and would look the same in the other's style."""
    styles = [segment.style or Style() for segment in (first, second)]
    return (
        (first.text.isspace() or second.text.isspace())
        and styles[0].bgcolor == styles[1].bgcolor
        and not any(style.underline or style.reverse or style.strike for style in styles)
    )


class Lines(Toned):
    """A few lines of rows; as high as it has lines unless the stylesheet says otherwise."""

    DEFAULT_CSS = "Lines { height: auto; width: 1fr; }"

    rows: tuple[Row, ...] = ()

    def show(self, rows: Sequence[Row]) -> None:
        """Replace the lines; only those that differ are painted again, as far as there is something in them."""
        old, self.rows = self.rows, tuple(rows)
        if len(old) != len(self.rows):
            self.refresh(layout=True)
            return
        regions: list[Region] = []
        for y, (before, after) in enumerate(zip(old, self.rows, strict=True)):
            if before == after:
                continue
            width = min(max(width_of(before), width_of(after)), self.size.width)
            if regions and regions[-1].bottom == y:
                # Neighbours are one region: each costs Textual as much as a line.
                last = regions.pop()
                regions.append(Region(0, last.y, max(last.width, width), last.height + 1))
            else:
                regions.append(Region(0, y, width, 1))
        if regions:
            self.refresh(*regions)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.rows)

    def render_line(self, y: int) -> Strip:
        row = self.rows[y] if y < len(self.rows) else ()
        return self.paint(row, self.size.width, self.base)


class RowList(ScrollView, Toned, inherit_bindings=False):
    """A list over a count and a function that gives the row of an index.

    It holds no rows: a million of them cost as much as ten. The column left of
    each row shows the cursor, so `row` fills `width - 1` cells of a line. The
    class `-lit` shows the cursor as if the list had the focus.

    Args:
        row: gives the row of an index for a width in cells; called for what is visible only.
        empty: what is shown while there is nothing, line by line.
        moved: called at once when the cursor is on another row, instead of a `Highlighted`,
            which takes its time on its way up.
    """

    DEFAULT_CSS = """
    RowList {
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        overflow-y: auto;
        & > .rowlist--cursor { text-style: bold; }
        &:focus > .rowlist--cursor, &.-lit > .rowlist--cursor { background: $block-cursor-blurred-background; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"rowlist--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "down", show=False, id="list.down"),
        Binding("up,k", "move(-1)", "up", show=False, id="list.up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="list.page_down"),
        Binding("pageup", "page(-1)", "page up", show=False, id="list.page_up"),
        Binding("home,g", "jump(0)", "first", show=False, id="list.first"),
        Binding("end,G", "jump(-1)", "last", show=False, id="list.last"),
        Binding("enter", "select", "open", show=False, id="list.open"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False, init=False)

    class Highlighted(Message):
        """The cursor is on another row, by key, mouse or program."""

        def __init__(self, rows: RowList, index: int) -> None:
            super().__init__()
            self.rows = rows
            self.index = index

        @property
        def control(self) -> RowList:
            return self.rows

    class Selected(Highlighted):
        """A row was opened: enter, or a click on the row that has the cursor."""

    def __init__(
        self,
        row: Callable[[int, int], Row],
        *,
        empty: Sequence[Row] = (),
        moved: Callable[[], None] | None = None,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._row = row
        self._empty = tuple(empty)
        self._moved = moved
        self._count = 0
        self._painted: dict[int, tuple[object, ...]] = {}
        self._inside_of: tuple[Size, bool] | None = None
        self._inside_is = Size()

    @property
    def count(self) -> int:
        return self._count

    @property
    def row_width(self) -> int:
        """Cells that a row may fill."""
        return max(self._inside.width - 1, 0)

    @property
    def _inside(self) -> Size:
        """What there is for rows, in cells; kept, as Textual asks the whole screen for it."""
        of = (self.outer_size, self.show_vertical_scrollbar)
        if of != self._inside_of:
            self._inside_of = of
            self._inside_is = self.scrollable_content_region.size
        return self._inside_is

    def update(self, count: int, *, empty: Sequence[Row] | None = None, only: Iterable[int] | None = None) -> None:
        """There are `count` rows now, some may read differently; repaints those that do.

        Args:
            only: the indexes of all rows that may read differently, where they are known.
        """
        if empty is not None:
            self._empty = tuple(empty)
        if count != self._count:
            only = None
            if self.styles.auto_dimensions:
                self.refresh(layout=True)
        self._count = count
        self._resize()
        if self.cursor >= count:
            self.cursor = max(count - 1, 0)
        inside, top = self._inside, self.scroll_offset.y
        shown = range(top, top + inside.height)
        for index in shown if only is None else (index for index in only if index in shown):
            if self._painted.get(index - top) != self._look(index, inside.width):
                self.refresh_line(index)

    def _resize(self) -> None:
        # virtual_size lays the whole screen out again when it changes, so it grows in steps.
        height = self._count
        if height > _GROWTH:
            height = -(-height // _GROWTH) * _GROWTH
        size = Size(0, height if self._count > self._inside.height else 0)
        if size != self.virtual_size:
            self.virtual_size = size

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._count or len(self._empty)

    def on_resize(self) -> None:
        self._painted.clear()
        self._resize()
        self._show_cursor()

    def _look(self, index: int, width: int) -> tuple[object, ...]:
        """All that decides how the line of an index looks."""
        if not self._count:
            return (self._empty[index] if index < len(self._empty) else (), width, False)
        if index >= self._count:
            return ((), width, False)
        return (self._row(index, width - 1), width, index == self.cursor, self.has_focus)

    def render_line(self, y: int) -> Strip:
        look = self._look(y + self.scroll_offset.y, self._inside.width)
        self._painted[y] = look
        row, width, here = look[:3]
        assert isinstance(row, tuple)
        assert isinstance(width, int)
        base = self.base
        mark = Segment(" ", base)
        if here:
            base += self.get_visual_style("rowlist--cursor").rich_style
            mark = Segment("▌" if self.has_focus or self.has_class("-lit") else "▏", base + self.tone_style("accent"))
            # It is the row that is read: nothing in it is dim, which saves two changes of style at every step.
            row = tuple(Span(span.text) if span.tone == "dim" else span for span in row)
        return self.paint(row, width, base, [mark])

    def refresh_line(self, y: int) -> None:
        # Not the scroll bar's cell, which is as it was.
        self.refresh(Region(0, y - self.scroll_offset.y, self._inside.width, 1))

    # Moving

    def validate_cursor(self, index: int) -> int:
        return min(max(index, 0), max(self._count - 1, 0))

    def watch_cursor(self, old: int, new: int) -> None:
        self.refresh_line(old)
        self.refresh_line(new)
        self._show_cursor()
        if self._count and self._moved is not None:
            self._moved()
        elif self._count:
            self.post_message(self.Highlighted(self, new))

    def _show_cursor(self) -> None:
        """Bring the cursor into view: flip by two thirds of a page instead of line by line."""
        height = self._inside.height
        if not height or not self._count:
            return
        top = self.scroll_offset.y
        if top <= self.cursor < top + height:
            return
        margin = height // 3 if self.cursor < top + 2 * height and self.cursor > top - height else height // 2
        target = self.cursor - margin if self.cursor >= top + height else self.cursor - (height - 1 - margin)
        target = min(max(target, 0), max(self._count - height, 0))
        self.scroll_to(y=target, animate=False, immediate=True, force=True)

    def action_move(self, step: int) -> None:
        self.cursor += step

    def action_page(self, direction: int) -> None:
        self.cursor += direction * max(self._inside.height - 1, 1)

    def action_jump(self, index: int) -> None:
        self.cursor = self._count - 1 if index < 0 else index

    def action_select(self) -> None:
        if self._count:
            self.post_message(self.Selected(self, self.cursor))

    def on_focus(self) -> None:
        self.refresh_line(self.cursor)

    def on_blur(self) -> None:
        self.refresh_line(self.cursor)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        index = offset.y + self.scroll_offset.y
        if index >= self._count:
            return
        if index == self.cursor and event.chain == 2:
            self.action_select()
        self.cursor = index


def entitle(widget: Widget, title: str) -> None:
    """Put text of any origin into a widget's border; paints nothing when it is there already.

    Textual reads a plain string there as markup.
    """
    content = Content(plain(title))
    if widget.border_title != content.markup:
        widget.border_title = content
