"""Tones as styles of the theme.

Component classes of the stylesheet would do the same, but Textual works each of
them out for each widget before the first picture: a quarter of the start-up time.
"""

from __future__ import annotations

from functools import lru_cache

from rich.style import Style
from textual.color import Color, ColorParseError

_VARIABLES = {
    "dim": "text-muted",
    "accent": "accent",
    "key": "accent",
    "ok": "success",
    "bad": "error",
    "warn": "warning",
}
_BOLD = frozenset({"bold", "key"})


def tone_style(tone: str, variables: dict[str, str], background: Color) -> Style:
    """The style of a tone, to be laid over the background of its line.

    Args:
        variables: of the theme, `App.theme_variables`.
        background: what the text stands on; some themes say "a contrast to it".
    """
    return _style(variables.get(_VARIABLES.get(tone, ""), ""), tone in _BOLD or None, background)


@lru_cache(maxsize=256)
def _style(value: str, bold: bool | None, background: Color) -> Style:
    name, _, percent = value.partition(" ")
    alpha = float(percent.rstrip("%")) / 100 if percent.endswith("%") else 1.0
    if name == "auto":
        contrast = background.get_contrast_text(alpha)
        return Style(color=background.blend(contrast, alpha, 1.0).rich_color, bold=bold)
    try:
        color = Color.parse(name)
    except ColorParseError:
        return Style(bold=bold)
    if color.ansi is not None:
        # The sixteen colours of a terminal cannot be mixed; it has a dim of its own.
        return Style(color=color.rich_color, bold=bold, dim=alpha < 1.0 or None)
    return Style(color=background.blend(color, alpha, 1.0).rich_color, bold=bold)
