"""The dataset versions of a project, and what is different between two of them, row by row."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from ftui.errors import FtuiError, InputError, describe
from ftui.store import Store
from ftui.store.versions import Version
from ftui.ui.keys import focus_now
from ftui.ui.reading import Reader
from ftui.ui.text import Row, Span, Tone, count, fit, plain, row
from ftui.ui.widgets.rows import Lines, RowList

if TYPE_CHECKING:
    from ftui.prepare.diff import Change
    from ftui.ui.app import FtuiApp

MOST = 2_000
"""Rows that are shown of a difference; all are counted."""
_TEXT = 300
"""Characters of a text that are kept for its line."""
_REST = 0.1
"""Seconds that the cursor rests on a version before it is compared."""
_TONES: dict[str, Tone] = {"added": "ok", "removed": "bad", "changed": "accent", "moved": "dim"}


@dataclass(frozen=True, slots=True)
class Difference:
    """Two versions, compared.

    Attributes:
        counts: of each kind of change.
        lines: (tone, sign, text), of the first changes.
    """

    counts: dict[str, int]
    lines: tuple[tuple[Tone, str, str], ...]


class VersionsScreen(ModalScreen[None]):
    """The newest first; each is compared with the one before it, or with the one that `space` has marked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "compare with this one"),
        Binding("escape", "leave", "back"),
    ]
    CSS = """
    VersionsScreen {
        background: $background;
        & .dialog { width: 100%; max-width: 100%; height: 100%; max-height: 100%; padding: 0; }
        & #versions { height: auto; max-height: 8; }
        & #changes { height: 1fr; }
        & #head, & #about, & #foot { margin: 0 1; }
        & #about { margin: 1 1 0 1; }
    }
    """

    if TYPE_CHECKING:
        app = getters.app(FtuiApp)

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._versions = store.versions.all()
        self._jobs = Counter(job.version for job in store.jobs.all())
        self._marked: int | None = None
        self._reader = Reader(self, "difference")
        self._shown = Difference({}, ())
        self._asked = 0

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as dialog:
            dialog.border_title = "Dataset versions"
            yield Lines(id="head")
            yield RowList(self._version_row, id="versions")
            yield Lines(id="about")
            yield RowList(self._change_row, id="changes")
            yield Lines(id="foot")

    def on_mount(self) -> None:
        columns = fit("  no.", 7) + fit("digest", 11) + _numbers("train", "valid.", "tokens", "jobs") + "  frozen"
        self.query_one("#head", Lines).show([row((columns, "dim"))])
        keys = row(
            ("space ", "key"), ("compare with this one   ", "dim"), ("tab ", "key"), ("the other list   ", "dim")
        )
        self.query_one("#foot", Lines).show([keys + row(("esc ", "key"), ("back", "dim"))])
        rows = self.query_one("#versions", RowList)
        rows.update(len(self._versions))
        focus_now(rows)
        self._compare()

    def on_unmount(self) -> None:
        self._asked += 1

    # What is shown

    def _version_row(self, index: int, width: int) -> Row:
        version = self._versions[index]
        mark = "▸ " if index == self._marked else "  "
        frozen = time.strftime("%Y-%m-%d %H:%M", time.localtime(version.created))
        numbers = (version.train_rows, version.validation_rows, version.train_tokens, self._jobs[version.id])
        return row(
            (mark, "accent"),
            fit(str(version.id), 5) + fit(version.short, 11) + _numbers(*map(count, numbers)),
            (f"  {frozen}", "dim"),
        )

    def _change_row(self, index: int, width: int) -> Row:
        if index == len(self._shown.lines):
            more = sum(self._shown.counts.values()) - MOST
            return row((f"… and {count(more)} more · ftui versions diff --rows 0 shows all", "dim"))
        tone, sign, text = self._shown.lines[index]
        return (Span(sign, tone), Span(plain(text, max(width - len(sign), 1)), "" if sign.strip() else "dim"))

    @property
    def _other(self) -> int | None:
        """The index of the version that the one under the cursor is compared with."""
        here = self.query_one("#versions", RowList).cursor
        if self._marked is not None:
            return self._marked if self._marked != here else None
        return here + 1 if here + 1 < len(self._versions) else None

    def _compare(self) -> None:
        """Compare the version under the cursor, in a thread."""
        self._asked += 1
        other, new = self._other, self._versions[self.query_one("#versions", RowList).cursor]
        if other is None:
            self._reader.stop()
            self._show(Difference({}, ()), f"{_name(new)} is the first one · space compares the others with it")
            return
        old, asked = self._versions[other], self._asked
        self._show(Difference({}, ()), f"comparing {_name(old)} with {_name(new)} …")

        def then(found: Difference | None) -> None:
            if found is not None and asked == self._asked:
                told = ", ".join(f"{count(number)} {kind}" for kind, number in found.counts.items())
                self._show(found, f"{_name(old)} to {_name(new)}: {told or 'the same rows'}")

        def failed(error: Exception) -> None:
            if asked == self._asked:
                self._show_error(describe(error))

        self._reader.read(
            lambda store: compare(old, new, lambda: asked == self._asked), then, rest=_REST, failed=failed
        )

    def _show(self, found: Difference, said: str) -> None:
        self._shown = found
        self.query_one("#about", Lines).show([row((plain(said, self.size.width - 6), "bold"))])
        rows = self.query_one("#changes", RowList)
        rows.cursor = 0
        rows.update(len(found.lines) + (sum(found.counts.values()) > MOST))

    def _show_error(self, error: FtuiError) -> None:
        self._show(Difference({}, ()), "")
        room = self.size.width - 8
        self.query_one("#about", Lines).show(
            [row(("✗ ", "bad"), (plain(error.what, room), "bold")), row("  " + plain(error.why, room))]
        )

    # Keys

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        if event.rows.id == "versions":
            self._compare()

    def action_mark(self) -> None:
        """Compare all others with the version under the cursor; each with the one before it again."""
        rows = self.query_one("#versions", RowList)
        self._marked = None if self._marked == rows.cursor else rows.cursor
        rows.update(len(self._versions))
        self._compare()

    def action_leave(self) -> None:
        self.dismiss(None)


def compare(old: Version, new: Version, wanted: Callable[[], bool]) -> Difference | None:
    """What is different; None once it is not wanted any more. Not for the thread of the screen.

    Raises:
        InputError: a file of a version is gone, or is no longer what was frozen.
    """
    from ftui.prepare import diff

    counts, lines = Counter[str](), list[tuple[Tone, str, str]]()
    try:
        for change in diff.diff(diff.Files(old.train, old.validation), diff.Files(new.train, new.validation)):
            if not wanted():
                return None
            counts[change.kind] += 1
            if counts.total() <= MOST:
                lines += _lines(change)
    except OSError as error:
        name = Path(str(error.filename)).name
        raise InputError("These versions cannot be compared", f"{name}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError("These versions cannot be compared", "a file of theirs was changed since") from error
    return Difference({kind: counts[kind] for kind in diff.SIGNS if counts[kind]}, tuple(lines))


def _lines(change: Change) -> list[tuple[Tone, str, str]]:
    """The lines of one change: where, what is asked, and the answers that are different."""
    from ftui.prepare import diff
    from ftui.prepare.pair import last_text

    messages = ((change.new or change.old) or {}).get("messages", ())
    place = change.after or change.before
    where = f"{place.file} {place.line:,}" if place else ""
    question = last_text(messages, "user")[:_TEXT]
    lines: list[tuple[Tone, str, str]] = [(_TONES[change.kind], f"{diff.SIGNS[change.kind]} ", f"{where}  {question}")]
    if change.kind == "changed" and change.old is not None:
        before = last_text(change.old["messages"], "assistant")[:_TEXT]
        lines += [("bad", "    was ", before), ("ok", "    now ", last_text(messages, "assistant")[:_TEXT])]
    elif change.kind == "moved" and change.before is not None:
        lines.append(("dim", "    ", f"from {change.before.file}"))
    return lines


def _numbers(*cells: str) -> str:
    return "".join(fit(cell, width, "right") for cell, width in zip(cells, (10, 9, 12, 6), strict=True))


def _name(version: Version) -> str:
    return f"{version.id} ({version.short})"
