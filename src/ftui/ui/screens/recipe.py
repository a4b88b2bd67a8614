"""The recipe as a text to edit, beside what it makes of records of the project."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import TextArea

from ftui.errors import FtuiError, InputError, describe
from ftui.store import Store
from ftui.ui.flow import wrap
from ftui.ui.keys import focus_now
from ftui.ui.reading import Reader
from ftui.ui.screens.ask import AskScreen
from ftui.ui.screens.choose import Choice, ChooseScreen
from ftui.ui.text import Row, Span, plain
from ftui.ui.widgets.recipe_preview import Tried, tried_rows
from ftui.ui.widgets.rows import Lines

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

RECORDS = 12
"""Records that the preview is made from."""
_LOOK_AFTER = 0.4
"""Seconds without a key after which the preview is made anew."""
_FILE_EVERY = 0.5
"""Seconds between two looks whether another program has changed the file."""
_FIRST_AFTER = 0.1
"""Seconds before the first preview: the screen is painted before a thread takes its share of the time."""


class RecipeScreen(ModalScreen[bool]):
    """Gives True when pairs are to be made by the recipe as it was saved.

    Args:
        read_only: why nothing may be written, "" where it may.
    """

    # Not the field, which comes first: keys that are pressed early are no text.
    AUTO_FOCUS = "#recipe-preview"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "edit"),
        Binding("n", "new", "new from a template"),
        Binding("space", "other", "other records"),
        Binding("u", "undo", "undo"),
        Binding("ctrl+r", "redo", "redo"),
        Binding("p", "run", "make pairs"),
        Binding("ctrl+s", "save", "save", priority=True),
        Binding("escape", "back", "back"),
    ]
    DEFAULT_CSS = """
    RecipeScreen {
        background: $background;
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

    if TYPE_CHECKING:
        app = getters.app(FtuiApp)

    def __init__(self, store: Store, read_only: str = "") -> None:
        super().__init__()
        from ftui.prepare import project

        self._store = store
        self._read_only = read_only
        self._saved = ""
        self._stamp = (0, 0)
        self._error: FtuiError | None = None
        self._said = ""
        self._own_change = ""
        self._unread = False
        self._replaced = False
        self._elsewhere = False
        self._previewed = False
        self._turn = 0
        self._asked = 0
        self._timer: Timer | None = None
        self._reader = Reader(self, "preview")
        self._trial = project.Trial(RECORDS)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as dialog:
            dialog.border_title = "Recipe"
            with Horizontal(id="recipe-panes"):
                field = TextArea("", show_line_numbers=True, id="recipe-text", read_only=bool(self._read_only))
                field.border_title = "recipe.toml"
                yield field
                with VerticalScroll(id="recipe-preview", can_focus=True) as pane:
                    pane.border_title = "What it makes of some records"
                    yield Lines()
            yield Lines(id="recipe-says")

    def on_mount(self) -> None:
        self._take(first=True)
        wrong = None if self._unread else self._wrong()
        if wrong is not None:
            self._go_to(wrong)
        shown = "looking at some records" if wrong is None else "e mends the recipe; what it makes is then shown here"
        self.query_one("#recipe-preview Lines", Lines).show([(Span(shown, "dim"),)])
        self._say(wrong or self._error)
        self.set_interval(_FILE_EVERY, self._look_at_file)

    def on_descendant_focus(self) -> None:
        self._say(self._error)

    def on_unmount(self) -> None:
        self._quiet()

    def on_resize(self) -> None:
        self.call_after_refresh(self._look)

    # The file

    def _take(self, *, first: bool = False) -> None:
        """Show the file as it is now."""
        from ftui.prepare import project

        self._stamp, self._unread = self._store.recipe_stamp(), False
        try:
            self._saved = project.read(self._store)
        except (FtuiError, OSError) as error:
            self._saved, self._unread = "", True
            self._say(describe(error))
        if self._stamp == (0, 0):
            self._stamp = self._store.recipe_stamp()
        field = self.query_one(TextArea)
        with field.prevent(TextArea.Changed):
            if first:
                field.load_text(self._saved)
            else:
                self._replace(self._saved)

    def _replace(self, text: str) -> None:
        """Another text as one step that can be undone; what is said about it stays while it is as it is."""
        self._own_change = text
        field = self.query_one(TextArea)
        field.replace(text, (0, 0), field.document.end, maintain_selection_offset=False)
        field.move_cursor((0, 0))

    def _go_to(self, error: InputError) -> None:
        """Put the cursor on the line that cannot be followed."""
        from ftui.prepare import recipe as recipes

        field = self.query_one(TextArea)
        field.move_cursor((max(recipes.line_of(error) - 1, 0), 0))
        field.scroll_cursor_visible(center=True)

    def _look_at_file(self) -> None:
        now = self._store.recipe_stamp()
        if now == self._stamp or not self.is_current:
            return
        if self.changed:
            self._stamp = now
            self._elsewhere = True
            self._say(self._error, "")
        elif now == (0, 0):
            self._stamp = now
            self._say(self._error, "the file is gone · ctrl+s writes it again")
        else:
            self._take()
            if not self._unread:
                self._said = "another program changed the file · this is how it is now"
                self._look()

    @property
    def text(self) -> str:
        """The recipe as it is in the field."""
        return self.query_one(TextArea).text

    @property
    def changed(self) -> bool:
        return self.text != self._saved

    # The preview

    def on_text_area_changed(self) -> None:
        # What is being made is of no use any more.
        self._quiet()
        self._timer = self.set_timer(_LOOK_AFTER, self._look)
        self._say(self._wrong(), self._said if self.text == self._own_change else "")

    def _quiet(self) -> None:
        """No preview until the text changes; a template that is still at work is ended."""
        from ftui.prepare import rendering

        self._asked += 1
        rendering.give_up()
        if self._timer is not None:
            self._timer.stop()

    def _wrong(self) -> InputError | None:
        """What is wrong with the text as far as that can be seen without a record."""
        from ftui.prepare import project
        from ftui.prepare import recipe as recipes

        if len(self.text) > project.LONGEST:
            return InputError("The recipe is too long", f"it has {len(self.text):,} characters", "Shorten it")
        try:
            recipes.parse(self.text)
        except InputError as error:
            return error
        return None

    def _look(self) -> None:
        """Follow the recipe over the records, in a thread; the last good preview stays until there is another."""
        if self._unread and not self.text:
            return
        if (wrong := self._wrong()) is not None:
            self._say(wrong)
            return
        self._quiet()
        asked, text, turn, trial = self._asked, self.text, self._turn, self._trial
        width = max(self.query_one("#recipe-preview").size.width - 4, 30)

        def read(store: Store) -> tuple[list[Row], FtuiError | None]:
            from ftui.prepare import recipe as recipes

            try:
                shown = tuple(trial.run(store, recipes.parse(text), turn, lambda: self._asked == asked))
                tried = Tried(shown, store.records.count(), trial.sources, trial.learnt)
                return tried_rows(tried, width), None
            except Exception as error:
                return [], describe(error)

        def then(found: tuple[list[Row], FtuiError | None]) -> None:
            if self._asked == asked and self.is_mounted:
                self._show(*found)

        rest = 0.0 if self._previewed else _FIRST_AFTER
        self._reader.read(read, then, rest, lambda error: then(([], describe(error))))

    def _show(self, rows: list[Row], error: FtuiError | None) -> None:
        self._previewed = True
        if error is None:
            self.query_one("#recipe-preview Lines", Lines).show(rows)
        self._say(error)

    def _say(self, error: FtuiError | None, said: str | None = None) -> None:
        """Show what is wrong, otherwise the last sentence; None leaves that as it is."""
        self._error = error
        if said is not None:
            self._said = said
        state = self._read_only or ("changed, not saved" if self.changed else "as it is saved")
        if self._elsewhere:
            state += " · another program changed the file as well: ctrl+s keeps a copy of that"
        room = self.size.width - 10
        rows: list[Row] = [(Span(line, "dim"),) for line in wrap(self._said or state, room)]
        if error is not None:
            why = f"{error.what}: {error.why}" if error.why else error.what
            lines = wrap(why, room)
            rows = [(Span("  " if index else "✗ ", "bad"), Span(line, "bold")) for index, line in enumerate(lines)]
            if self._unread:
                rows.append((Span("→ ", "accent"), Span(plain(error.do, room))))
        self.query_one("#recipe-says", Lines).show([*rows, self._keys()])
        # With more lines here there are fewer for the text: the line that is written in stays in sight.
        self.call_after_refresh(self.query_one(TextArea).scroll_cursor_visible)

    def _keys(self) -> Row:
        keys = [("space ", "other records"), ("esc ", "back")]
        if self.query_one(TextArea).has_focus:
            return _keys([("esc ", "leave the text")] + ([] if self._read_only else [("ctrl+s ", "save")]))
        if not self._read_only:
            keys = [("e ", "edit"), ("n ", "new"), ("space ", "other records"), ("ctrl+s ", "save")]
            keys += [("p ", "make pairs"), ("esc ", "back")]
        return _keys(keys)

    # Keys

    def action_edit(self) -> None:
        focus_now(self.query_one(TextArea))

    def action_other(self) -> None:
        """The next records of each source."""
        self._turn += 1
        self._said = "these are other records · space shows more"
        self._look()

    def action_undo(self) -> None:
        self.query_one(TextArea).undo()

    def action_redo(self) -> None:
        self.query_one(TextArea).redo()

    def _may_write(self) -> bool:
        if self._read_only:
            self._say(self._error, self._read_only)
        return not self._read_only

    def action_new(self) -> None:
        """Begin with a template's recipe; asks before that replaces what a person wrote."""
        if not self._may_write():
            return
        from ftui.prepare import starter

        choices = [
            Choice(str(number), name, does, template)
            for number, (template, (name, does)) in enumerate(starter.ABOUT.items(), start=1)
        ]
        self.app.push_screen(ChooseScreen("Begin a recipe", choices), self._begin)

    def _begin(self, template: str | None) -> None:
        from ftui.prepare import starter

        if template is None:
            return
        name = starter.ABOUT[template][0]

        def begin(yes: bool | None = True) -> None:
            if yes:
                self._replaced = True
                self._replace(starter.text(template))
                self._say(None, f"begun: {name} · u brings back what was there · ctrl+s saves")

        if starter.is_untouched(self.text):
            begin()
            return
        question = f"Replace the recipe by a new one: {name}?"
        detail = "u brings back what is there now. The file changes when you save;\n"
        detail += "the old one is then kept beside it."
        self.app.push_screen(AskScreen(question, detail, "replace it", "keep it"), begin)

    def action_save(self) -> None:
        self._save()

    def _save(self) -> bool:
        """Write the text down when it can be followed; otherwise say which line cannot."""
        if not self._may_write():
            return False
        from ftui.prepare import saving

        if (wrong := self._wrong()) is not None:
            self._say(wrong)
            return False
        self._elsewhere |= self._store.recipe_stamp() not in (self._stamp, (0, 0))
        try:
            aside = self._unread or self._replaced or self._elsewhere
            kept = saving.save(self._store, self.text, aside=aside, readable=not self._unread)
        except (FtuiError, OSError) as error:
            # A preview that comes now must not take it away.
            self._quiet()
            self._say(describe(error))
            return False
        self._saved, self._stamp = self.text, self._store.recipe_stamp()
        self._unread = self._replaced = self._elsewhere = False
        old = f", the old one is {kept.name}" if kept else ""
        self._say(None, f"saved{old} · p makes pairs by it · u in Pairs takes it back")
        return True

    def action_run(self) -> None:
        if isinstance(self._error, InputError):
            self._say(self._error)
        elif self._may_write() and ((not self.changed and self._store.recipe_path.exists()) or self._save()):
            self.dismiss(True)

    def action_back(self) -> None:
        if self.query_one(TextArea).has_focus:
            focus_now(self.query_one("#recipe-preview"))
        elif self.changed:
            question = AskScreen("Leave without saving?", "What you changed in the recipe is lost.", "leave", "stay")
            self.app.push_screen(question, self._answered)
        else:
            self.dismiss(False)

    def _answered(self, leave: bool | None) -> None:
        if leave:
            self.dismiss(False)


def _keys(entries: Iterable[tuple[str, str]]) -> Row:
    spans = [span for key, what in entries for span in (Span("  "), Span(key, "key"), Span(what, "dim"))]
    return tuple(spans[1:])
