"""Earlier snapshots of a dataset, as Bright Data lists them: what was paid for can be taken again."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from ftui.errors import FtuiError, describe
from ftui.ui.keys import focus_now
from ftui.ui.text import Row, Tone, count, fit, plain, row, size
from ftui.ui.text import wrapped as wrap
from ftui.ui.widgets.rows import Lines, RowList, entitle

if TYPE_CHECKING:
    from ftui.collect.brightdata_api import Snapshot
    from ftui.ui.app import FtuiApp

_SYMBOLS: dict[str, tuple[str, Tone]] = {"ready": ("✓", "ok"), "failed": ("✗", "bad"), "cancelled": ("!", "warn")}

_ID, _SIZE = 22, 10
_WIDE = 76
"""From so many cells on, the size of a snapshot is shown too."""


class SnapshotsScreen(ModalScreen[str | None]):
    """Gives the id of the chosen snapshot, None after `esc`.

    Args:
        dataset_id: `gd_…`.
        name: the dataset as a person calls it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "look", "look again"),
        Binding("escape", "leave", "back"),
    ]
    CSS = """
    SnapshotsScreen {
        & .dialog { width: 92; }
        & RowList { height: 1fr; scrollbar-gutter: stable; }
        & #trouble { margin: 0 1; }
    }
    """

    if TYPE_CHECKING:
        app = getters.app(FtuiApp)

    def __init__(self, dataset_id: str, name: str) -> None:
        super().__init__()
        self._dataset, self._name = dataset_id, name
        self._found: Sequence[Snapshot] = ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog high") as dialog:
            entitle(dialog, f"Earlier snapshots of {self._name}")
            yield Lines(id="head")
            yield RowList(self._row)
            yield Lines(id="trouble")
            yield Lines(id="foot")

    def on_mount(self) -> None:
        keys = row(("enter ", "key"), ("take it, costs nothing   ", "dim"), ("r ", "key"), ("look again   ", "dim"))
        self.query_one("#foot", Lines).show([keys + row(("esc ", "key"), ("back", "dim"))])
        focus_now(self.query_one(RowList))
        # What is said then is wrapped to the width that the first layout gives.
        self.call_after_refresh(self.action_look)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_head)

    def _show_head(self) -> None:
        size = fit("size", _SIZE, "right") if self.query_one(RowList).row_width >= _WIDE else ""
        columns = fit("  snapshot", _ID + 3) + fit("status", 11) + fit("asked for", 17) + fit("records", 10, "right")
        self.query_one("#head", Lines).show([row((" " + columns + size, "dim"))])

    def action_look(self) -> None:
        self._show((), f"asking Bright Data for the snapshots of {self._name} …")
        self.run_worker(self._look(), exclusive=True, exit_on_error=False)

    async def _look(self) -> None:
        try:
            found = await snapshots_of(self._dataset)
        except Exception as error:
            self._show((), "", describe(error))
            return
        self._show(found, "Bright Data keeps none of it any more.")

    def _show(self, found: Sequence[Snapshot], empty: str, error: FtuiError | None = None) -> None:
        self._found = found
        trouble: list[Row] = []
        if error is not None:
            width = max(self.query_one(RowList).row_width - 4, 20)
            trouble = [row(("✗ ", "bad"), (plain(error.what, width), "bold"))]
            trouble += [row("  " + line) for line in wrap(error.why, width)]
            trouble += [row(("→ " if not n else "  ", "accent"), line) for n, line in enumerate(wrap(error.do, width))]
        self.query_one("#trouble", Lines).show(trouble)
        self.query_one(RowList).update(len(found), empty=[row(f" {plain(empty)}")])

    def _row(self, index: int, width: int) -> Row:
        item = self._found[index]
        symbol, tone = _SYMBOLS.get(item.status, ("▸", "accent"))
        records = count(item.records) if item.records is not None else ""
        held = size(item.bytes) if item.bytes is not None else ""
        return row(
            (f"{symbol} ", tone),
            fit(plain(item.id), _ID) + " ",
            fit(plain(item.status), 10) + " ",
            (fit(plain(item.created[:16].replace("T", " ")), 17), "dim"),
            fit(records, 10, "right") + (fit(held, _SIZE, "right") if width >= _WIDE else ""),
        )

    def on_row_list_selected(self, event: RowList.Selected) -> None:
        item = self._found[event.index]
        if item.status == "failed":
            self._show(self._found, "", FtuiError(f"{item.id} failed", "it holds no records", "Choose another"))
        else:
            self.dismiss(item.id)

    def action_leave(self) -> None:
        self.dismiss(None)


async def snapshots_of(dataset_id: str) -> Sequence[Snapshot]:
    """The snapshots of a dataset, the newest first. The call costs nothing.

    Raises:
        FtuiError: no key, or the service does not answer.
    """
    from ftui import credentials
    from ftui.connect import checks

    address = checks.brightdata_url()
    found = credentials.find("brightdata", address, address)
    if found is None:
        raise checks.no_brightdata_token()
    brightdata = await asyncio.to_thread(importlib.import_module, "ftui.collect.brightdata")
    listed: Sequence[Snapshot] = await brightdata.list_snapshots(dataset_id, found.key, base_url=address)
    return listed
