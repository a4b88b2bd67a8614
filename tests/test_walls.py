"""The walls between the rooms: data flows one way, and heavy packages load late."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ftui

ROOT = Path(ftui.__file__).parent
SMALL = {"errors", "events", "paths", "settings", "credentials", "process", "chatfile", "units"}
"""Small modules that every room may use."""
ROOMS = ["store", "connect", "collect", "prepare", "train", "compare", "chat"]
"""In the order in which data flows: a room imports only from those before it."""
CLIENT = {"address", "bases", "bundle", "disk", "install", "local", "remote", "serving"}
"""What of the engine runs in ftui's own interpreter."""
TOP = {"queue", "runners", "worker", "guide"}
"""What joins the rooms: only these, the command line, the screens and the demo use it."""


def imports(file: Path) -> set[str]:
    """First names below `ftui` that a module imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("ftui.") and name.count(".")}
    return found - {"__version__"}


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_before_it(room: str) -> None:
    # engine/ stands beside the rooms: its client modules find it and install it.
    allowed = SMALL | {room} | set(ROOMS[: ROOMS.index(room)]) | {"engine"}
    for file in files(room):
        assert imports(file) <= allowed, f"{file.relative_to(ROOT)} looks over the wall"


def test_rooms_use_of_the_engine_only_its_client_side() -> None:
    for room in ROOMS:
        for file in files(room):
            used = re.findall(r"from ftui\.engine(?: import |\.)(\w+(?:, \w+)*)", file.read_text("utf-8"))
            assert {name for names in used for name in names.split(", ")} <= CLIENT, file


def test_the_engine_imports_nothing_of_the_rooms() -> None:
    for file in files("engine"):
        assert imports(file) <= {"engine", "chatfile", "errors", "events"}, file


def test_the_demo_and_the_joints_do_not_import_the_screens() -> None:
    for file in [*files("demo"), *files("runners"), *(ROOT / f"{name}.py" for name in TOP - {"runners"})]:
        assert "ui" not in imports(file), file


@pytest.mark.parametrize("file", [*ROOT.rglob("*.py")], ids=lambda file: str(file.relative_to(ROOT)))
def test_only_the_screens_import_textual(file: Path) -> None:
    if file.is_relative_to(ROOT / "ui"):
        return
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {name.split(".")[0] for name in names} & {"textual", "rich"}, file


HEAVY = ["textual", "rich", "openai", "httpx", "httpx2", "torch", "trafilatura", "tiktoken", "jinja2"]


def loaded(code: str) -> set[str]:
    """Heavy packages that an interpreter has loaded after `code`."""
    script = f"{code}\nimport sys; print('\\n', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import ftui.cli",
        "import ftui.store, ftui.worker, ftui.guide",
        "import ftui.connect.providers, ftui.connect.prices, ftui.train.plan",
        "import ftui.queue",
        "from ftui import cli\ntry: cli.main(['--version'])\nexcept SystemExit: pass",
        "from ftui import cli\ntry: cli.main(['train', '--help'])\nexcept SystemExit: pass",
    ],
)
def test_the_command_line_loads_nothing_heavy(code: str) -> None:
    assert loaded(code) == set()


def test_the_screens_load_no_client_before_the_first_picture() -> None:
    assert loaded("import ftui.ui.app") & {"openai", "httpx", "httpx2", "torch", "trafilatura", "tiktoken"} == set()
