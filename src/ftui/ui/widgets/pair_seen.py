"""What a model will see of a pair, as rows: a bar marks what is trained, scissors the cut."""

from __future__ import annotations

from collections.abc import Iterator

from ftui.prepare.seen import Seen, pieces
from ftui.train.target import Target
from ftui.ui.flow import Piece, flow, wrap
from ftui.ui.text import Row, Span, Tone, cut, plain, plural

TRAINED, READ, LOST = "▌ ", "│ ", "╎ "
"""Left of a line that is trained on, that is only read, that is cut off."""
_END = "⏎"
# That of the text behind it, most of the time: a change of tone in every line costs as much as the line.
_TONES: dict[str, Tone] = {TRAINED: "", READ: "dim", LOST: "dim"}


def seen_rows(seen: Seen, target: Target, width: int, most: int | None = None) -> list[Row]:
    """The whole text with its gutter, below what the signs mean.

    Args:
        most: rows that are wanted; None for all.
    """
    room = max(width - 2, 8)
    rows = _head(seen, target, width)
    here = ""
    for gutter, run in _runs(seen):
        if gutter == LOST and here != LOST:
            rows.append((Span(cut(cut_words(seen), width), "warn"),))
        here = gutter
        left = None if most is None else most - len(rows)
        rows += [(Span(gutter, _TONES[gutter]), *row) for row in flow(run, room, left)]
        if most is not None and len(rows) >= most:
            return rows[:most]
    return rows


def cut_words(seen: Seen) -> str:
    """`✂ cut here: the last 212 of 1,236 tokens are not trained`."""
    about = "" if seen.exact else "about "
    return f"✂ cut here: {about}the last {seen.lost:,} of {plural(seen.tokens, 'token')} are not trained"


def _head(seen: Seen, target: Target, width: int) -> list[Row]:
    tokens = plural(seen.tokens, "token")
    words = [tokens if seen.exact else f"about {tokens}"]
    if seen.learned is not None:
        words.append(f"{seen.learned:,} trained")
    if target.length:
        words.append(f"cut at {target.length:,}")
    words.append(target.model or target.provider.title)
    rows: list[Row] = [
        (Span(cut(" · ".join(words), width), "dim"),),
        (Span(TRAINED), Span("trained   ", "dim"), Span(READ, "dim"), Span("only read", "dim")),
    ]
    if not any(low < seen.end for low, _ in seen.trained):
        rows.append((Span("! ", "warn"), Span(cut("nothing of this row is trained", width - 2))))
    if seen.note:
        rows += [(Span(line, "dim"),) for line in wrap(note_of(seen, target), width)]
    return [*rows, ()]


def note_of(seen: Seen, target: Target) -> str:
    if target.provider.kind == "engine" and target.folder is None:
        return "as it is sent: the template of this machine's model comes with the engine · 1 then e installs it"
    return plain(seen.note)


def _runs(seen: Seen) -> Iterator[tuple[str, list[Piece]]]:
    """Stretches with one gutter. An end of line is shown, since a line of the screen may end without one."""
    run: list[Piece] = []
    here = ""
    for text, trained, special, read in pieces(seen):
        gutter = LOST if not read else TRAINED if trained else READ
        if gutter != here and run:
            yield here, run
            run = []
        here = gutter
        tone: Tone = "key" if special else "" if gutter == TRAINED else "dim"
        run.append((text.replace("\n", f"{_END}\n"), tone))
    if run:
        yield here, run
