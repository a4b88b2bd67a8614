"""The whole loop with real parts: a real site, a real crawl, a real LoRA fine-tune, real answers.

It is cut off by SIGKILL twice on its way, once while it collects and once while it
trains, and has to finish all the same, with one job and no decision lost.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ftui.demo import loop, questions
from ftui.store import Store, list_projects
from ftui.store.pairs import Decision

COMMAND = [sys.executable, "-m", "ftui", "demo", "--headless", "--yes"]


@pytest.fixture
def engine(new_home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    home = new_home()
    monkeypatch.setenv("FTUI_ENGINE_HOME", str(home))
    return home


def kill_when(condition: Callable[[Store], bool], seconds: float) -> None:
    """Start the demo; once `condition` holds, SIGKILL it and its worker."""
    demo = subprocess.Popen(COMMAND, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + seconds
        while True:
            assert time.monotonic() < deadline, "it never got there"
            assert demo.poll() is None, "it ended before it got there"
            time.sleep(0.05)
            if loop.PROJECT not in list_projects():
                continue
            with Store(loop.PROJECT) as store:
                if condition(store):
                    lease = store.leases.live()
                    assert lease is not None
                    os.kill(lease.pid, signal.SIGKILL)
                    break
    finally:
        demo.kill()
        demo.wait()


def test_the_demo_survives_sigkill_and_its_model_beats_the_base(engine: Path) -> None:
    kill_when(lambda store: store.records.count() > 5, 120)
    with Store(loop.PROJECT) as store:
        assert store.database.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"

    kill_when(lambda store: bool((jobs := store.jobs.all()) and (jobs[0].step or 0) >= 3), 300)
    with Store(loop.PROJECT) as store:
        accepted = store.pairs.counts().accepted
        assert accepted == store.pairs.counts().total > 300
        # A person changes their mind in between: that has to be there afterwards.
        first = store.pairs.ids()[0]
        store.pairs.decide([first], Decision.REJECTED)

    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=1500, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stderr

    with Store(loop.PROJECT) as store:
        assert store.pairs.counts().rejected == 1
        assert len(store.jobs.all()) == 1, "the job that was cut off is the one that finished"
        job = store.jobs.all()[0]
        assert job.state == "succeeded"
        losses = [m.train_loss for m in store.jobs.metrics(job.id) if m.train_loss is not None]
        assert losses[-1] < losses[0] / 4, "it has learnt"
        comparison = store.comparisons.latest()
        assert comparison is not None
        score = store.comparisons.score(comparison.id, "heldout")
        assert score.of == len(questions.heldout()) == 24
        assert score.tuned > score.base
        trained = store.versions.get(job.version or 0).train.read_text("utf-8")
        for question in questions.heldout():
            assert question.question not in trained, "held out means never trained on"
    for words in ("unseen questions", "by chance alone", "just as confident when it is wrong"):
        assert words in done.stdout
