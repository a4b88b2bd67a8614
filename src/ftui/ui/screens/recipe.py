"""The recipe as a text to edit, beside the first pairs that it would make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import TextArea
from textual.worker import get_current_worker

from ftui import paths
from ftui.errors import FtuiError, describe
from ftui.store import Store
from ftui.ui.flow import wrap
from ftui.ui.screens.ask import AskScreen
from ftui.ui.text import Row, Span, plain, plural
from ftui.ui.widgets.rows import Lines

RECORDS = 25
"""Records that the preview is made from."""
_SHOWN = 12
_LOOK_AFTER = 0.4
"""Seconds without a key after which the preview is made anew."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a recipe makes of the first records.

    Attributes:
        examples: (question, answer) of the first pair of each fact.
        pairs: pairs made in all.
        dropped: (reason, how many).
    """

    records: int
    pairs: int
    examples: tuple[tuple[str, str], ...]
    dropped: tuple[tuple[str, int], ...]


def preview(store: Store, text: str) -> Preview:
    """Follow a recipe over the first records, without writing anything.

    Raises:
        InputError: the recipe cannot be followed, with the line.
    """
    from ftui import prepare
    from ftui.prepare import recipe as recipes

    recipe = recipes.parse(text)
    records = list(islice(store.records.iterate(RECORDS), RECORDS))
    examples: dict[str, tuple[str, str]] = {}
    pairs, dropped = 0, dict[str, int]()
    for item in prepare.prepare(records, recipe):
        if isinstance(item, prepare.Dropped):
            dropped[item.reason] = dropped.get(item.reason, 0) + 1
            continue
        pairs += 1
        if item.fact not in examples and len(examples) < _SHOWN:
            examples[item.fact] = (item.messages[-2]["content"], item.messages[-1]["content"])
    reasons = sorted(dropped.items(), key=lambda entry: -entry[1])
    return Preview(len(records), pairs, tuple(examples.values()), tuple(reasons))


class RecipeScreen(ModalScreen[bool]):
    """Gives True when pairs are to be made by the recipe as it was saved."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "edit"),
        Binding("p", "run", "make pairs"),
        Binding("ctrl+s", "save", "save", priority=True),
        Binding("escape", "back", "back"),
    ]
    DEFAULT_CSS = """
    RecipeScreen {
        & .dialog { width: 100%; max-width: 100%; height: 100%; max-height: 100%; padding: 0; }
        & Horizontal, & #recipe-panes { height: 1fr; }
        & TextArea { width: 1fr; height: 1fr; border-title-color: $text-muted; padding: 0 1; }
        & #recipe-preview {
            width: 1fr; height: 1fr; padding: 0 1; scrollbar-size-vertical: 1;
            border: round $border-blurred; border-title-color: $text-muted;
        }
        & #recipe-preview:focus { border: round $accent; }
        & #recipe-says { padding: 0 2; }
        &.-narrow #recipe-panes { layout: vertical; }
    }
    """

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._saved = ""
        self._error: FtuiError | None = None
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as dialog:
            dialog.border_title = "Recipe"
            with Horizontal(id="recipe-panes"):
                field = TextArea("", show_line_numbers=True, id="recipe-text")
                field.border_title = "recipe.toml"
                yield field
                with VerticalScroll(id="recipe-preview", can_focus=True) as pane:
                    pane.border_title = "First pairs"
                    yield Lines()
            yield Lines(id="recipe-says")

    def on_mount(self) -> None:
        try:
            self._saved = self._read()
        except (OSError, UnicodeDecodeError, FtuiError) as error:
            self._say(describe(error))
        field = self.query_one(TextArea)
        with field.prevent(TextArea.Changed):
            field.load_text(self._saved)
        self.query_one("#recipe-preview").focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self._look)

    def _read(self) -> str:
        """The recipe's own text with all its comments; written down first where there is none."""
        from ftui.prepare import project

        if not self._store.recipe_path.exists():
            project.load(self._store)
        return self._store.recipe_path.read_text("utf-8")

    @property
    def text(self) -> str:
        """The recipe as it is in the field."""
        return self.query_one(TextArea).text

    @property
    def changed(self) -> bool:
        return self.text != self._saved

    def on_text_area_changed(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_LOOK_AFTER, self._look)

    def _look(self) -> None:
        self._make_preview(self._store.name, self.text, max(self.query_one("#recipe-preview").size.width, 30))

    @work(thread=True, exclusive=True, exit_on_error=False, group="preview")
    def _make_preview(self, project: str, text: str, width: int) -> None:
        worker = get_current_worker()
        try:
            with Store(project) as store:
                rows, error = preview_rows(preview(store, text), width), None
        except Exception as raised:
            rows, error = None, describe(raised)
        if not worker.is_cancelled:
            self.app.call_from_thread(self._show, rows, error)

    def _show(self, rows: list[Row] | None, error: FtuiError | None) -> None:
        if not self.is_mounted:
            return
        # The last good preview stays while a line is being typed.
        if rows is not None:
            self.query_one("#recipe-preview Lines", Lines).show(rows)
        self._say(error)

    def _say(self, error: FtuiError | None, said: str = "") -> None:
        self._error = error
        rows: list[Row] = [(Span(plain(said) or ("changed, not saved" if self.changed else "as it is saved"), "dim"),)]
        if error is not None:
            lines = wrap(f"{error.what}: {error.why}", self.size.width - 10)
            rows = [(Span("  " if index else "✗ ", "bad"), Span(line, "bold")) for index, line in enumerate(lines)]
        keys = (("e ", "edit"), ("ctrl+s ", "save"), ("p ", "make pairs"), ("esc ", "back"))
        self.query_one("#recipe-says", Lines).show([*rows, _keys(keys)])

    # Keys

    def action_edit(self) -> None:
        self.query_one(TextArea).focus()

    def action_save(self) -> None:
        self._save()

    def _save(self) -> bool:
        """Write the text down when it can be followed; otherwise say which line cannot."""
        from ftui.prepare import recipe as recipes

        text = self.text
        try:
            recipes.parse(text)
            paths.write_atomic(self._store.recipe_path, text)
        except (FtuiError, OSError) as error:
            self._say(describe(error))
            return False
        self._saved = text
        self._say(None, "saved · p makes pairs by it")
        return True

    def action_run(self) -> None:
        if (not self.changed and self._error is None) or self._save():
            self.dismiss(True)

    def action_back(self) -> None:
        if self.query_one(TextArea).has_focus:
            self.query_one("#recipe-preview").focus()
        elif self.changed:
            question = AskScreen("Leave without saving?", "What you changed in the recipe is lost.", "leave", "stay")
            self.app.push_screen(question, self._answered)
        else:
            self.dismiss(False)

    def _answered(self, leave: bool | None) -> None:
        if leave:
            self.dismiss(False)


def preview_rows(made: Preview, width: int) -> list[Row]:
    """A preview in lines of at most `width` cells."""
    if not made.records:
        return [(Span(line, "dim"),) for line in wrap("There are no records yet; 2 collects some.", width)]
    text = f"{plural(made.pairs, 'pair')} of the first {plural(made.records, 'record')}"
    if made.dropped:
        text += ", left out: " + ", ".join(f"{number:,} {reason}" for reason, number in made.dropped)
    rows: list[Row] = [(Span(line, "dim"),) for line in wrap(text, width)]
    for question, answer in made.examples:
        rows.append(())
        rows += [(Span(line, "accent"),) for line in wrap(question, width)]
        rows += [(Span(line),) for line in wrap(answer, width)]
    return rows


def _keys(entries: Iterable[tuple[str, str]]) -> Row:
    return tuple(span for key, what in entries for span in (Span(key, "key"), Span(f"{what}    ", "dim")))
