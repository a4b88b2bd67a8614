"""`ftui demo`: the loop on the sample site, in the app or without a person."""

from __future__ import annotations

import argparse
import sys
import time

from ftui import guide, paths, queue
from ftui.cli.common import confirm, follow
from ftui.cli.compare import print_comparison
from ftui.cli.prepare import accept_all
from ftui.cli.watch import follow_job
from ftui.demo import loop
from ftui.engine import install
from ftui.errors import FtuiError
from ftui.store import Store
from ftui.train.plan import plan
from ftui.units import duration


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--headless", action="store_true", help="run the whole loop here, without a person")
    parser.add_argument("--yes", action="store_true", help="do not ask before the engine is installed")
    parser.add_argument("--seed", type=int, default=loop.SEED, help="seed of the training")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.headless:
        return headless(yes=options.yes, seed=options.seed)
    from ftui.cli.screen import run_app

    loop.create()
    return run_app(loop.PROJECT, demo=True, mouse=not getattr(options, "no_mouse", False))


def headless(*, yes: bool, seed: int) -> int:
    """Run every step that is not done yet, say each as it happens; 0 only if tuning helped."""
    started = time.monotonic()
    if not install.installed(paths.engine_home()):
        for what, megabytes in install.sizes():
            _say(f"  {what:<40} {megabytes:>6,} MB")
        confirm(f"Install {sum(size for _, size in install.sizes()):,} MB for the engine?", yes=yes)
    loop.create()
    with Store(loop.PROJECT) as store:
        for task_id in loop.start(store):
            task = follow(store, task_id)
            _done(started, f"{task.title}: {guide.progress(task)}")
        pages = store.records.count()

        if not store.pairs.counts().total:
            follow(store, queue.prepare(store))
        for reason, count in store.pairs.dropped():
            _say(f"         · {reason}: {count:,}")
        accept_all(store)
        counts = store.pairs.counts()
        _done(started, f"{pages:,} records became {counts.total:,} pairs, {counts.accepted:,} accepted")

        model = _train(store, seed, started)
        _done(started, f"{model} is ready; asking both models what neither has seen")

        comparison = _compare(store, model)
        job = store.jobs.find(model)
        losses = [m.train_loss for m in store.jobs.metrics(job.id) if m.train_loss is not None]
        score = store.comparisons.score(comparison, "heldout")
        _done(started, "compared")
        _say(
            f"\n  {pages:,} records, {counts.accepted:,} pairs, loss {losses[0]:.2f} at first, {losses[-1]:.2f} at last"
        )
        print_comparison(store, comparison)
        _say(f"\n  Talk to it: ftui --project {loop.PROJECT}, then c")
    return 0 if score.tuned > score.base else 1


def _train(store: Store, seed: int, started: float) -> str:
    """The name of the model: of a job that is there already, or of a new one."""
    jobs = [job for job in store.jobs.all() if job.state not in ("failed", "cancelled")]
    if jobs and jobs[0].ended:
        return jobs[0].name
    if jobs:
        # Cut off while it trained: the job went on without us, or goes on now.
        queue.watch(store, jobs[0].id)
        job = jobs[0]
    else:
        wanted = plan(store, "engine", hyperparameters={"seed": seed, **loop.HYPERPARAMETERS})
        job = queue.train(store, wanted)
    _done(started, f"{job.name} trains on this machine")
    ended = follow_job(store, job.id)
    if ended.state != "succeeded":
        raise ended.error or FtuiError(f"{job.name} was {ended.state}", "there is no model to compare")
    return job.name


def _compare(store: Store, name: str) -> int:
    """The finished comparison of a model: one that is there already, or a new one."""
    model = store.models.find(name)
    latest = store.tasks.latest("compare")
    if latest is None or latest.args.get("model") != model.id:
        task = queue.compare(store, model.id)
    else:
        task = latest.id if latest.open or latest.state == "done" else queue.resume(store, latest.id)
    result = follow(store, task).result or {}
    return int(result["comparison"])


def _say(text: str) -> None:
    print(text, flush=True)


def _done(started: float, text: str) -> None:
    _say(f"{duration(time.monotonic() - started):>8}  {text}")
    sys.stdout.flush()
