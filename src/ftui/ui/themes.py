"""The calm theme, dark and light: one accent, quiet borders."""

from __future__ import annotations

from textual.theme import Theme

_DARK = {
    "text-muted": "#8a939e",
    "border": "#3d4652",
    "border-blurred": "#3d4652",
    "block-cursor-blurred-background": "#26313d",
    "block-cursor-background": "#2f5d73",
    "block-cursor-foreground": "#ffffff",
    "input-selection-background": "#2f5d73",
    "scrollbar": "#3d4652",
    "scrollbar-background": "#171b21",
    "footer-key-foreground": "#7cc4d8",
}
_LIGHT = {
    "text-muted": "#66707a",
    "border": "#c3cad2",
    "border-blurred": "#c3cad2",
    "block-cursor-blurred-background": "#dfeaf0",
    "block-cursor-background": "#1b7489",
    "block-cursor-foreground": "#ffffff",
    "input-selection-background": "#b9dbe4",
    "scrollbar": "#c3cad2",
    "scrollbar-background": "#f4f6f8",
    "footer-key-foreground": "#1b7489",
}

THEMES = (
    Theme(
        name="calm",
        primary="#5fa8bd",
        secondary="#8fb8c8",
        accent="#7cc4d8",
        foreground="#d7dde4",
        background="#14181d",
        surface="#1a1f26",
        panel="#1c222a",
        success="#8fc58c",
        warning="#dcb86a",
        error="#e08585",
        dark=True,
        variables=_DARK,
    ),
    Theme(
        name="calm-light",
        primary="#1b7489",
        secondary="#3b8396",
        accent="#1b7489",
        foreground="#22282e",
        background="#fbfcfd",
        surface="#f4f6f8",
        panel="#eef1f4",
        success="#2f7d3b",
        warning="#8a6410",
        error="#b23b3b",
        dark=False,
        variables=_LIGHT,
    ),
)
