"""A conversation on the screen: who said what, wrapped, with a tail that grows while it streams.

A line-API view: a new word repaints the last line and nothing else, scrolling
goes by most of a page at once, and the layout is touched once in 64 lines. That
is what keeps a streamed answer cheap over SSH. What is said is data: shown as it
is, with a little emphasis for Markdown that people know (headings, `code`, **bold**).
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from ftui.ui.text import block as harmless
from ftui.ui.text import fit, plain

STEP = 64
"""Lines by which the scrollable height grows: every change of it lays out the whole screen."""
REPAINT_SECONDS = 0.1
LABEL_CELLS = 12
"""The label column is as wide as the longest label, up to this."""

_BOLD = re.compile(r"\*\*[^*\s][^*]*\*\*|^#{1,6} .+$")
_CODE = re.compile(r"`[^`]+`")
_WRAPPING = Console(width=80, color_system=None)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as it is shown.

    Attributes:
        label: who says it, "" for none.
        text: data, line breaks kept.
        tone: "you", "tuned", "base", "note" or "error": a style; what it means is also in the words.
        foot: small print behind the end ("31 tok/s").
    """

    label: str
    text: str
    tone: str = "tuned"
    foot: str = ""


class Transcript(ScrollView, can_focus=True):
    """Messages one below the other.

    `show` replaces all of them, `add` puts one at the end, `grow` changes one that
    streams: as often as one likes, painted at most ten times a second.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "transcript--you",
        "transcript--tuned",
        "transcript--base",
        "transcript--note",
        "transcript--error",
        "transcript--foot",
    }
    DEFAULT_CSS = """
    Transcript {
        height: 1fr; padding: 0 1; overflow-x: hidden; overflow-y: scroll;
        scrollbar-size-vertical: 1; background: $background;
        scrollbar-background: $background; scrollbar-background-hover: $background;
        scrollbar-background-active: $background; scrollbar-color: $surface-lighten-2;
        & > .transcript--you { color: $text-muted; text-style: bold; }
        & > .transcript--tuned { color: $accent; text-style: bold; }
        & > .transcript--base { text-style: bold; }
        & > .transcript--note { color: $text-muted; }
        & > .transcript--error { color: $text-error; }
        & > .transcript--foot { color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]

    def __init__(self, *, empty: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._empty = empty
        self._blocks: list[Turn] = []
        self._starts: list[int] = []
        self._lines: list[Text] = []
        self._dirty: int | None = None
        self._painted = 0.0
        self._waiting = False
        self._labels = 0
        self._rest = 0

    # What is said

    @property
    def blocks(self) -> Sequence[Turn]:
        return self._blocks

    def explain(self, empty: str) -> None:
        """Say this while there is no message."""
        if empty != self._empty:
            self._empty = empty
            self.refresh()

    def show(self, blocks: Sequence[Turn]) -> None:
        """Show these messages instead of those before, scrolled to the end."""
        if list(blocks) == self._blocks:
            return
        self._blocks = list(blocks)
        self._rebuild()
        self.action_scroll_end()

    def add(self, block: Turn) -> int:
        """Put a message at the end and give its index for `grow`."""
        self._blocks.append(block)
        self._dirty = len(self._blocks) - 1 if self._dirty is None else self._dirty
        self._paint()
        self.action_scroll_end()
        return len(self._blocks) - 1

    def grow(self, index: int, text: str, *, foot: str = "", tone: str = "") -> None:
        """Replace the text of a message; the last call always reaches the screen."""
        block = self._blocks[index]
        self._blocks[index] = replace(block, text=text, foot=foot, tone=tone or block.tone)
        self._dirty = index if self._dirty is None else min(index, self._dirty)
        if self._waiting:
            return
        left = REPAINT_SECONDS - (time.monotonic() - self._painted)
        if left <= 0:
            self._paint()
        else:
            self._waiting = True
            self.set_timer(left, self._paint)

    # Lines

    def _paint(self) -> None:
        """Bring what changed since the last paint to the screen."""
        self._waiting = False
        self._painted = time.monotonic()
        if self._dirty is not None and self.is_mounted:
            index, self._dirty = self._dirty, None
            self._rebuild(index)

    def _rebuild(self, index: int = 0) -> None:
        """Lay out from message `index` on, keep the end in view if it was, repaint the lines that differ."""
        width = self.scrollable_content_region.width
        if width <= 0:
            self._starts, self._lines = [], []
            return
        labels = self._label_width()
        if labels != self._labels:
            index, self._labels = 0, labels
        following = self._end_in_view()
        start = self._starts[index] if index < len(self._starts) else len(self._lines)
        old = self._lines[start:]
        del self._lines[start:], self._starts[index:]
        for number in range(index, len(self._blocks)):
            self._starts.append(len(self._lines))
            if number and self._blocks[number].tone == "you":
                self._lines.append(Text())
            self._lines += self._layout(self._blocks[number], labels, width)
        new = self._lines[start:]
        same = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        self._grow_virtual()
        if following:
            self._follow()
        self._refresh_lines(start + same, max(len(old), len(new)) - same)

    def _label_width(self) -> int:
        return min(max((cell_len(block.label) for block in self._blocks), default=0), LABEL_CELLS)

    def _layout(self, block: Turn, labels: int, width: int) -> list[Text]:
        style = self.get_component_rich_style(f"transcript--{block.tone}", partial=True)
        small = self.get_component_rich_style("transcript--foot", partial=True)
        room = max(width - labels - 1, 8) if labels else width
        parts = harmless(block.text).split("\n") if block.text else []
        rows = [row for part in parts for row in _wrapped(part, room)]
        if block.foot:
            foot = plain(block.foot)
            if rows and cell_len(rows[-1].plain) + cell_len(foot) + 2 <= room:
                gap = room - cell_len(rows[-1].plain) - cell_len(foot)
                rows[-1] = Text.assemble(rows[-1], " " * gap, (foot, small))
            else:
                rows += [Text(row.plain.rjust(room) if rows else row.plain, small) for row in _wrapped(foot, room)]
        lead = fit(plain(block.label), labels) + " " if labels else ""
        lines = []
        for number, row in enumerate(rows):
            line = Text.assemble((" " * len(lead) if number else lead, style), row)
            if block.tone in ("note", "error"):
                line.stylize(style, len(lead))
            lines.append(line)
        return lines

    def _refresh_lines(self, first: int, count: int) -> None:
        top, height = self.scroll_offset.y, self.size.height
        begin, end = max(first - top, 0), min(first - top + count, height)
        if begin < end:
            self.refresh(Region(0, begin, self.size.width, end - begin))

    # Scrolling

    @property
    def max_scroll_y(self) -> int:
        """The end of the text, not of the height that was set aside for more of it."""
        return max(len(self._lines) - self.scrollable_content_region.height, self._rest, 0)

    def _end_in_view(self) -> bool:
        return len(self._lines) <= self.scroll_offset.y + self.scrollable_content_region.height

    def _grow_virtual(self) -> None:
        height, lines = self.scrollable_content_region.height, len(self._lines)
        needed = -(-(lines + height) // STEP) * STEP if lines > height else height
        if self.virtual_size.height != needed:
            self.virtual_size = Size(self.scrollable_content_region.width, needed)

    def _follow(self) -> None:
        """Turn the page by two thirds when the end has left the view."""
        height = self.scrollable_content_region.height
        if self._end_in_view() or height <= 0:
            return
        self._rest = max(len(self._lines) - height, min(self.scroll_offset.y + height * 2 // 3, len(self._lines) - 1))
        self.scroll_to(y=self._rest, animate=False, immediate=True)

    def action_scroll_end(self) -> None:
        self._rest = 0
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)

    def action_scroll_home(self) -> None:
        self.scroll_to(y=0, animate=False, immediate=True)

    def on_resize(self) -> None:
        following = self._end_in_view()
        self._rebuild()
        if following:
            self.action_scroll_end()
        self.refresh()

    # Painting

    def render_line(self, y: int) -> Strip:
        own, width = self.rich_style, self.scrollable_content_region.width
        row = self.scroll_offset.y + y
        if not self._blocks:
            return self._empty_line(y)
        if row >= len(self._lines):
            return Strip.blank(width, own)
        line = self._lines[row]
        selection = self.text_selection
        span = selection.get_span(row) if selection is not None else None
        if span is not None:
            line = line.copy()
            end = len(line) if span[1] == -1 else span[1]
            line.stylize(self.screen.get_component_rich_style("screen--selection"), span[0], end)
        strip = Strip(line.render(_WRAPPING, end="")).apply_style(own)
        return strip.adjust_cell_length(width, own).apply_offsets(0, row)

    def _empty_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        rows = _wrapped(self._empty, width) if self._empty and width > 0 else ()
        style = self.get_component_rich_style("transcript--note")
        strip = Strip(rows[y].render(_WRAPPING, end="")).apply_style(style) if y < len(rows) else Strip([])
        return strip.adjust_cell_length(width, self.rich_style)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract("\n".join(line.plain for line in self._lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()


@lru_cache(maxsize=2048)
def _wrapped(paragraph: str, width: int) -> tuple[Text, ...]:
    """One paragraph in lines of at most `width` cells; of a growing text only the last one is new."""
    text = Text(paragraph)
    text.highlight_regex(_BOLD, "bold")
    text.highlight_regex(_CODE, "italic")
    return tuple(text.wrap(_WRAPPING, width, overflow="fold"))
