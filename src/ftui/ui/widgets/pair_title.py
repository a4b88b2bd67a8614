"""The upper border of the list of pairs, with the numbers that change at every decision.

A border title of the list itself would repaint the whole list each time; this
line repaints the few cells that differ.
"""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ftui.store.pairs import Counts
from ftui.ui import clock
from ftui.ui.text import Row, Span, cut
from ftui.ui.widgets.pair_aim import Aim, Words, about, in_room
from ftui.ui.widgets.rows import Toned
from ftui.units import percent

_LEFT = "╭ "


class PairTitle(Toned):
    """`╭ Pairs ─ 812 of 1,204 decided · 61 % accepted · 37/min ───── tokens ─╮`, in fewer words where it is narrow."""

    DEFAULT_CSS = """
    PairTitle { height: 1; width: 1fr; color: $border-blurred; }
    """
    RIGHT: ClassVar[str] = "tokens"

    _words: tuple[Words, ...] = ()
    _said = ""
    _column = True

    def show(self, words: tuple[Words, ...], *, column: bool = True) -> None:
        """Say these, most important first; what does not fit in its short form is left out from the end.

        Args:
            column: name the last column of the list.
        """
        self._words = words
        if column != self._column:
            self._column = column
            self.refresh()
        text = self._text(self.size.width)
        before, self._said = self._said, text
        if cell_len(before) != cell_len(text) or len(before) != len(text):
            self.refresh()
            return
        differing = [at for at, (old, new) in enumerate(zip(before, text, strict=True)) if old != new]
        if differing:
            start, end = cell_len(text[: differing[0]]), cell_len(text[: differing[-1] + 1])
            self.refresh(Region(len(_LEFT) + start, 0, end - start, 1))

    def on_resize(self) -> None:
        self._said = self._text(self.size.width)
        self.refresh()

    def _text(self, width: int) -> str:
        room = width - len(self.RIGHT) - 9
        return cut(in_room(("Pairs", *self._words), room), room)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        rule = "─" * (width - cell_len(self._said) - len(self.RIGHT) - 7)
        right: Row = (Span(" "), Span(self.RIGHT, "dim"), Span(" ─╮"))
        if not self._column:
            right = (Span("─" * (len(self.RIGHT) + 2) + "─╮"),)
        # In the border's own colour where that is the accent: one change of colour less at every decision.
        focused = isinstance(self.parent, Widget) and self.parent.has_pseudo_class("focus-within")
        row: Row = (Span(_LEFT), Span(self._said, "" if focused else "dim"), Span(f" {rule}"), *right)
        return self.paint(row, width, self.base)


def progress_words(
    counts: Counts, per_minute: float | None, aim: Aim | None = None, cost: str = ""
) -> tuple[Words, ...]:
    """How far the review is: decided of all, share accepted, pace, what is missing and when it will be there, cost."""
    if not counts.total:
        return ()
    aim = aim or Aim()
    words: list[Words] = [(f"{counts.decided:,} of {counts.total:,} decided", f"{counts.decided:,}/{counts.total:,}")]
    if counts.decided:
        share = percent(counts.accepted, counts.decided)
        words.append((f"{share} accepted", f"{share} ✓"))
    if per_minute:
        words.append(f"{per_minute:.0f}/min")
    missing, minutes = aim.missing(counts), aim.minutes(counts, per_minute)
    if aim.wanted and not missing:
        words.append((f"target of {aim.wanted:,} reached", "target reached"))
    elif aim.wanted:
        long, short = f"{missing:,} more for {aim.wanted:,}", f"{missing:,} more"
        if minutes is not None:
            long, short = (
                f"{long} in {about(minutes)}",
                f"{short}, {about(minutes).removeprefix('about ').replace('min', 'm')}",
            )
        words.append((long, short))
    elif minutes is not None:
        done = clock.now() + minutes * 60
        # Far away, the minute is a guess, and one that changes all the time.
        done -= done % (300 if minutes > 30 else 60)
        when = clock.time_ahead(done)
        words.append((f"done about {when}".replace("about in", "in about"), f"done {when}"))
    if cost:
        words.append((f"trains for {cost} {aim.where}", f"trains for {cost}"))
    return tuple(words)
