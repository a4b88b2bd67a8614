"""The project picker: open one, or make one."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from ftui import paths
from ftui.store import ProjectSummary, create_project, list_projects, summary
from ftui.ui import clock
from ftui.ui.keys import focus_now
from ftui.ui.screens.form import Field, FormScreen, Values
from ftui.ui.text import Row, count, fit, plain, row
from ftui.ui.widgets.rows import Lines, RowList
from ftui.units import duration


class ProjectsScreen(ModalScreen[str | None]):
    """Gives the name of the project to open, None after `esc`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "new"),
        Binding("escape,o", "leave", "back"),
    ]
    DEFAULT_CSS = """
    ProjectsScreen {
        & RowList { height: auto; max-height: 12; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._projects: list[ProjectSummary] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Projects"
            yield Lines(id="head")
            yield RowList(self._row, empty=[row(" no project yet · ", ("n ", "key"), "makes one")])
            yield Lines(id="foot")

    def on_mount(self) -> None:
        self._projects = [summary(name) for name in list_projects()]
        titles = fit("records", 10, "right") + fit("pairs", 10, "right") + fit("accepted", 10, "right")
        titles += fit("models", 8, "right") + fit("changed", 14, "right")
        self.query_one("#head", Lines).show([row((fit("  name", 18) + titles, "dim"))])
        rows = self.query_one(RowList)
        rows.update(len(self._projects))
        focus_now(rows)
        keys = row(("enter ", "key"), ("open   ", "dim"), ("n ", "key"), ("new project   ", "dim"))
        self.query_one("#foot", Lines).show([(), keys + row(("esc ", "key"), ("back", "dim"))])

    def _row(self, index: int, width: int) -> Row:
        project = self._projects[index]
        numbers = "".join(fit(count(n), 10, "right") for n in (project.records, project.pairs, project.accepted))
        seconds = clock.now() - project.changed
        ago = f"{duration(seconds)} ago" if seconds >= 1 else "now"
        rest = numbers + fit(count(project.models), 8, "right") + fit(ago, 14, "right")
        if project.problem:
            rest = fit(f"  ✗ {plain(project.problem)}", len(rest))
        return row(" ", fit(project.name, 16), (rest, "bad" if project.problem else "dim"))

    def on_row_list_selected(self, event: RowList.Selected) -> None:
        self.dismiss(self._projects[event.index].name)

    def action_new(self) -> None:
        form = FormScreen(
            "New project",
            [Field("name", "Name", hint="kettle-support")],
            self._make,
            save_label="make it",
            busy="making it …",
        )
        self.app.push_screen(form, self._made)

    async def _make(self, values: Values) -> None:
        create_project(paths.check_project_name(values["name"]))

    def _made(self, values: Values | None) -> None:
        if values is not None:
            self.dismiss(values["name"])

    def action_leave(self) -> None:
        self.dismiss(None)
