"""A step over many pairs whose process was killed: the app takes it back in a thread, and says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ftui import settings
from ftui.store.pairs import Decision
from ftui.ui.arrival import MENDED
from ui.pair_data import Review, new_pair, new_store

SCRIPT = """
import sys

from ftui.store import Store
from ftui import settings
from ftui.store.pairs import Decision

with Store('lumora') as store:
    step = store.pairs.next_step('undo')
    if sys.argv[1] == 'undo':
        steps = store.pairs.replaying('undo', step)
    else:
        steps = store.pairs.deciding(store.pairs.ids(), Decision.REJECTED)
    for progress in steps:
        print(progress.done, flush=True)
        input()
"""


def begin(what: str) -> None:
    """Begin a step over all pairs in another process, and kill it after its first transaction."""
    command = [sys.executable, "-c", SCRIPT, what]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()


async def test_the_app_takes_a_step_back_that_another_process_died_in(ui_home: Path) -> None:
    with new_store() as store:
        with store.pairs.replacing() as replacing:
            for start in range(0, 10_000, 2000):
                replacing.put([new_pair(f"Question {number}?", "Yes.") for number in range(start, start + 2000)])
        store.pairs.decide([1], Decision.ACCEPTED)
        begin("reject")
        assert store.pairs.counts().rejected == 2000
        assert store.pairs.cut_off, "half done, and nobody is at work on it"
        settings.save_state(project="lumora", projects={"lumora": {"place": 3}})
        assert store.pairs.cut_off == "decision"
        async with Review((80, 24)) as review:
            await review.until(lambda: "had been cut off: it is taken back" in review.bottom)
            counts = store.pairs.counts()
            assert (counts.accepted, counts.rejected) == (1, 0)
            await review.press("u")
            assert "undone: accepted 00001" in review.bottom
        assert not store.pairs.cut_off


async def test_an_undo_that_another_process_died_in_is_finished(ui_home: Path) -> None:
    with new_store(pairs=False) as store:
        with store.pairs.replacing() as replacing:
            for start in range(0, 6000, 2000):
                replacing.put([new_pair(f"Question {number}?", "Yes.") for number in range(start, start + 2000)])
        list(store.pairs.deciding(store.pairs.ids(), Decision.ACCEPTED))
        begin("undo")
        assert store.pairs.counts().accepted == 4000
        assert store.pairs.cut_off == "undo"
        settings.save_state(project="lumora", projects={"lumora": {"place": 3}})
        async with Review((80, 24)) as review:
            await review.until(lambda: "the undo of a step over many pairs had been cut off" in review.bottom)
            assert review.bottom.endswith("it is finished")
            assert store.pairs.counts().accepted == 0
        assert not store.pairs.cut_off


def test_what_is_said_fits_in_80_columns() -> None:
    assert all(len(said) <= 78 for said in MENDED.values())


async def test_a_step_that_is_cut_off_beside_an_open_ftui_is_mended_with_the_next_key(ui_home: Path) -> None:
    with new_store(pairs=False) as store:
        with store.pairs.replacing() as replacing:
            for start in range(0, 10_000, 2000):
                replacing.put([new_pair(f"Question {number}?", "Yes.") for number in range(start, start + 2000)])
        settings.save_state(project="lumora", projects={"lumora": {"place": 3}})
        async with Review((80, 24)) as review:
            await review.press("a")
            begin("reject")
            assert store.pairs.counts().rejected >= 1999
            await review.press("u")
            await review.until(lambda: MENDED["decision"] in review.bottom)
            assert store.pairs.counts().rejected == 0
            await review.press("u")
            assert store.pairs.counts().accepted == 0
