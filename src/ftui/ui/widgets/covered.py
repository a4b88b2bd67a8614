"""Containers that are covered by what is in them: Textual need not paint line by line what nobody sees."""

from __future__ import annotations

from typing import ClassVar

from textual.containers import Horizontal, Vertical
from textual.geometry import Region
from textual.strip import Strip

from ftui.ui.painting import PaintingScreen


class Covered:
    """Has no line of its own; where it is not covered after all, the screen behind it shows.

    No widget itself: Textual takes the stylesheet of the first base that is one.
    """

    def render_lines(self, crop: Region) -> list[Strip]:
        return []


class CoveredRow(Covered, Horizontal):
    """What is in it stands side by side and leaves nothing free."""


class CoveredColumn(Covered, Vertical):
    """What is in it stands one above the other and leaves nothing free."""


class CoveredScreen(PaintingScreen):
    """A screen whose every line is somebody's: in one colour where it is nobody's."""

    BLANK: ClassVar[bool] = True
