"""The dataset versions in Train, and what is different between two of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftui.store import Store
from ftui.ui.screens import versions
from ftui.ui.screens.versions import VersionsScreen
from ui.drive import Driver
from ui.loop_data import freeze_time, new_store, worker_is_here
from ui.screen import golden


@pytest.fixture
def store(ui_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    freeze_time(monkeypatch)
    with new_store() as opened:
        worker_is_here(opened)
        yield opened


def freeze(store: Store, digest: str, train: dict[str, str], validation: dict[str, str]) -> None:
    """A version of questions with their answers."""
    files = [
        "".join(
            json.dumps({"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}) + "\n"
            for q, a in rows.items()
        ).encode()
        for rows in (train, validation)
    ]
    rows = {"train_rows": len(train), "validation_rows": len(validation)}
    store.versions.add(digest * 16, *files, **rows, train_tokens=40 * len(train), system="", recipe="")
    with store.database.write() as connection:
        connection.execute("UPDATE versions SET created = 1795348800")


def three(store: Store) -> None:
    first = {"What is E4?": "A wet sensor.", "Which belt?": "LB-118.", "How long?": "Twenty minutes."}
    freeze(store, "a1b2", first, {"Warranty?": "41 months."})
    second = {
        "What is E4?": "The \x1b[31mlid\x1b[0m sensor is wet.",
        "Warranty?": "41 months.",
        "Which belt?": "LB-118.",
    }
    freeze(store, "c3d4", second, {})
    freeze(store, "e5f6", second | {"كم من الوقت؟": "عشرون دقيقة"}, {})


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "narrow"])
async def test_goldens(store: Store, size: tuple[int, int]) -> None:
    three(store)
    async with Driver("lumora", size, keys="4") as train:
        await train.press("v", "j")
        await train.until_shown("1 removed, 1 changed, 1 moved")
        await golden(train.app, f"versions-{size[0]}x{size[1]}")


async def test_each_is_compared_with_the_one_before_or_with_the_one_that_is_marked(store: Store) -> None:
    three(store)
    async with Driver("lumora", keys="4") as train:
        await train.press("v")
        await train.until_shown("2 (c3d4c3d4) to 3 (e5f6e5f6): 1 added")
        assert "+ train 4" in train.screen
        await train.press("G")
        await train.until_shown("1 (a1b2a1b2) is the first one")
        await train.press("space", "k")
        await train.until_shown("1 (a1b2a1b2) to 2 (c3d4c3d4): 1 removed, 1 changed, 1 moved")
        assert "was A wet sensor." in train.screen
        assert "now The ␛[31mlid␛[0m sensor is wet." in train.screen
        await train.press("k")
        await train.until_shown("1 (a1b2a1b2) to 3 (e5f6e5f6): 1 added, 1 removed, 1 changed, 1 moved")
        await train.press("G", "space", "k")
        await train.until_shown("1 (a1b2a1b2) to 2 (c3d4c3d4)")
        await train.press("escape")
        assert not isinstance(train.app.screen, VersionsScreen)


async def test_a_long_difference_is_counted_and_scrolls(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "MOST", 50)
    freeze(store, "a1b2", {f"q{n}": "a" for n in range(300)}, {})
    freeze(store, "c3d4", {f"q{n}": "b" for n in range(280)}, {})
    async with Driver("lumora", keys="4") as train:
        await train.press("v")
        await train.until_shown("20 removed, 280 changed")
        await train.press("tab", "G")
        await train.until_shown("… and 250 more · ftui versions diff --rows 0 shows all")


async def test_a_version_whose_file_is_gone_says_so(store: Store) -> None:
    three(store)
    store.versions.all()[1].train.unlink()
    async with Driver("lumora", keys="4") as train:
        await train.press("v")
        await train.until_shown("✗ These versions cannot be compared")
        assert "train.jsonl: No such file" in train.screen
        store.versions.all()[1].train.write_text("{}\n", "utf-8")
        await train.press("j")
        await train.until_shown("a file of theirs was changed since")


async def test_without_one_the_key_says_so(store: Store) -> None:
    async with Driver("lumora", keys="4") as train:
        await train.press("v")
        assert "there is no dataset version yet · a job freezes one" in train.bottom
