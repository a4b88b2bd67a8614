"""Containers that are covered by what is in them: Textual need not paint line by line what nobody sees."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.containers import Horizontal, Vertical
from textual.screen import Screen


class CoveredRow(Horizontal):
    """What is in it stands side by side and leaves nothing free."""

    BLANK: ClassVar[bool] = True


class CoveredColumn(Vertical):
    """What is in it stands one above the other and leaves nothing free."""

    BLANK: ClassVar[bool] = True


class CoveredScreen(Screen[Any]):
    """A screen whose every line is somebody's."""

    BLANK: ClassVar[bool] = True
