"""The app killed while pairs are reviewed: what the screen had shown is in the file, and the history still works."""

from __future__ import annotations

import os
from pathlib import Path

import pairs_killed
import pairs_made
from ftui.store import Store


def test_what_had_been_shown_is_there_after_a_kill(tmp_path: Path) -> None:
    environment = {**os.environ, "FTUI_HOME": str(tmp_path / "killed")}
    outcome = pairs_killed.review_killed(tmp_path / "killed", environment, kills=4, seed=1, pairs=1000)
    assert outcome.kills == 4
    assert outcome.shown > 4
    assert outcome.notes == []
    assert (outcome.lost, outcome.broken, outcome.stuck) == (0, 0, 0)


def test_a_project_that_is_made_for_this_has_the_pairs_asked_for(tmp_path: Path) -> None:
    file = pairs_made.make(tmp_path / "made", 30)
    assert file.is_relative_to(tmp_path)
    with pairs_made.at_home(tmp_path / "made"), Store(pairs_made.PROJECT) as store:
        assert store.pairs.counts().pending == 30
        assert len(store.pairs.ids(words=pairs_made.LAST)) == 1
