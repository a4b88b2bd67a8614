"""Write every screen to screenshots/ as SVG and PNG, from the invented data of fixed_data.py.

    python scripts/screenshots.py [NAME ...]

Needs the extra `dev`: resvg-py draws the SVG, fontpkg-fira-code brings the font.
No service is called, no worker starts, and the home of the person is not touched.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "scripts")]

import fixed_data  # noqa: E402

FOLDER = ROOT / "screenshots"
WIDE, NARROW = (120, 40), (80, 24)


@dataclass(frozen=True)
class Picture:
    """One screen: the keys that lead to it in the filled project, or an empty home.

    Attributes:
        collecting: a crawl is under way.
    """

    name: str
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = WIDE
    empty: bool = False
    collecting: bool = False


PICTURES = (
    Picture("first", empty=True),
    Picture("connect", ("1", "down")),
    Picture("collect", ("2",), collecting=True),
    Picture("collect-80x24", ("2", "j", "j", "j"), NARROW, collecting=True),
    Picture("new-source", ("2", "n", "c")),
    Picture("datasets", ("2", "n", "b", *"amazon")),
    Picture("dataset", ("2", "n", "b", *"amazon", "enter", "2")),
    Picture("records", ("2", "enter")),
    Picture("records-fields", ("2", "j", "enter", "f", "j", "j", "j", "j")),
    Picture("records-failed", ("2", "enter", "tab", "tab")),
    Picture("pairs", ("3", "space")),
    Picture("pairs-80x24", ("3", "space"), NARROW),
    Picture("pairs-model", ("3", "space", "m")),
    Picture("pairs-filter", ("3", "slash", *"source:")),
    Picture("recipe", ("3", "R")),
    Picture("train", ("4",)),
    Picture("compare", ("5",)),
    Picture("models", ("6",)),
    Picture("chat", ("5", "c")),
    Picture("projects", ("3", "o")),
    Picture("keys", ("3", "question_mark")),
)


@contextmanager
def home(picture: Picture) -> Iterator[None]:
    """A home of its own, the clock at noon, no key in the environment."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "BRIGHTDATA_API_TOKEN", "BRIGHTDATA_API_KEY", "NO_COLOR"):
        os.environ.pop(name, None)
    os.environ["TZ"] = "UTC"
    time.tzset()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FTUI_HOME"] = folder
        if not picture.empty:
            fixed_data.make(collecting=picture.collecting)
            fixed_data.save_keys()
            fixed_data.install_engine()
        yield


async def take(picture: Picture) -> str:
    """The SVG of one screen."""
    from textual.widgets import Input, TextArea

    from ftui.ui.app import FtuiApp

    app = FtuiApp()
    async with app.run_test(size=picture.size) as pilot:
        await pilot.pause()
        for key in picture.keys:
            await pilot.press(key)
            await pilot.pause()
        for field in app.screen.query("Input, TextArea"):
            if isinstance(field, Input | TextArea):
                field.cursor_blink = False
        await pilot.pause(0.3)
        return app.export_screenshot(title="ftui")


def png(svg: str) -> bytes:
    """The picture of an SVG, in Fira Code, twice as large as a terminal cell."""
    import fontpkg
    import resvg_py

    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg, width=1600, font_files=[str(fontpkg.path("Fira Code"))], monospace_family="Fira Code"
        )
    )


def freeze() -> None:
    """Hold the clocks of the screens and of the sentences about progress."""
    from ftui import guide
    from ftui.ui import clock

    still: Any = SimpleNamespace(time=lambda: fixed_data.NOW)
    vars(guide)["time"] = still
    clock.now = lambda: fixed_data.NOW


def main(names: list[str]) -> int:
    freeze()
    FOLDER.mkdir(exist_ok=True)
    for picture in PICTURES:
        if names and picture.name not in names:
            continue
        with home(picture):
            svg = asyncio.run(take(picture))
        # Textual gives each export other class names; without that two runs give the same file.
        svg = re.sub(r"terminal-\d+-", f"ftui-{picture.name}-", svg)
        (FOLDER / f"{picture.name}.svg").write_text(svg, "utf-8")
        (FOLDER / f"{picture.name}.png").write_bytes(png(svg))
        print(f"screenshots/{picture.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
