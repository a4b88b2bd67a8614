"""`ftui status`"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ftui import guide, worker
from ftui.cli.common import open_store, print_json
from ftui.store import Store


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        counts = store.pairs.counts()
        full = store.disk_problem()
        if not full and store.leases.live() is None and store.tasks.all(states=("queued", "running"), limit=1):
            # A worker that was killed left tasks open.
            worker.ensure(store)
        lease = store.leases.live()
        tasks = store.tasks.all(states=("queued", "running", "paused"))
        failed = [task for task in store.tasks.all(limit=20) if task.state == "failed"][:3]
        step = guide.next_step(store)
        if options.json:
            print_json(
                {
                    "project": store.name,
                    "records": store.records.count(),
                    "pairs": asdict(counts),
                    "jobs": [asdict(job) for job in store.jobs.all()],
                    "models": [model.name for model in store.models.all()],
                    "tasks": [
                        {"id": t.id, "kind": t.kind, "title": t.title, "state": t.state, **asdict(t.progress)}
                        for t in tasks
                    ],
                    "failed": [
                        {"id": t.id, "kind": t.kind, "title": t.title, "error": t.error.as_dict() if t.error else None}
                        for t in failed
                    ],
                    "problem": str(full) if full else None,
                    "spent": store.money.spent(),
                    "budget": store.money.budget,
                    "worker": lease.pid if lease else None,
                    "scores": _scores(store),
                    "next": {"text": step.text, "command": step.command},
                }
            )
            return 0
        print(f"project  {store.name}")
        print(f"records  {store.records.count():,}")
        print(f"pairs    {counts.total:,}, {counts.accepted:,} accepted, {counts.pending:,} pending")
        print(f"models   {', '.join(model.name for model in store.models.all()) or 'none'}")
        print(f"money    ${store.money.spent():,.2f} of ${store.money.budget:,.2f}")
        print(f"worker   {'running' if lease else 'idle'}, log {worker.log_path(store.name)}")
        for task in tasks:
            print(f"  ▸ {task.title}: {guide.progress(task)}")
        for task in failed:
            print(f"  ✗ {task.title}: {task.error}")
        if full:
            print(f"  ! {full}")
        print(f"next     {step.text}" + (f": {step.command}" if step.command else ""))
    return 0


def _scores(store: Store) -> dict[str, dict[str, int]]:
    """Of the last comparison, by kind of question."""
    latest = store.comparisons.latest()
    if latest is None:
        return {}
    return {kind: asdict(store.comparisons.score(latest.id, kind)) for kind in ("heldout", "general")}
