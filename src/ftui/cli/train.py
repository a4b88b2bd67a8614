"""`ftui train`"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ftui import queue
from ftui.cli.common import add_follow_options, dollars, open_store, print_json
from ftui.cli.watch import follow_job
from ftui.errors import InputError
from ftui.store.jobs import Job
from ftui.train.plan import Plan, plan
from ftui.units import plural


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--provider", default="engine", help="who trains (default: engine, this machine)")
    parser.add_argument("--model", default="", help="the base model (default: the provider's first)")
    parser.add_argument("--epochs", metavar="N", type=int, help="passes (default: the provider's choice)")
    parser.add_argument("--batch-size", metavar="N", type=int, help="pairs a step (default: the provider's choice)")
    parser.add_argument("--learning-rate-multiplier", metavar="X", type=float, help="default: the provider's choice")
    parser.add_argument("--seed", metavar="N", type=int)
    parser.add_argument("--name", default="", help="what to call the job and its model")
    parser.add_argument("--max-cost", metavar="DOLLARS", type=dollars, help="needed where training costs money")
    parser.add_argument("--dry-run", action="store_true", help="say what it would cost, send nothing")
    add_follow_options(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    chosen = {
        "n_epochs": options.epochs,
        "batch_size": options.batch_size,
        "learning_rate_multiplier": options.learning_rate_multiplier,
        "seed": options.seed,
    }
    with open_store(options) as store:
        wanted = plan(store, options.provider, options.model, chosen)
        if options.dry_run:
            _show(wanted, options.json)
            return 0
        if wanted.problems:
            raise InputError("This job cannot start", wanted.problems[0])
        wanted.check_budget(options.max_cost)
        if not options.json:
            _show(wanted, False)
        job = queue.train(store, wanted, options.name)
        if options.detach:
            print_json({"job": job.name}) if options.json else print(job.name)
            return 0
        ended = follow_job(store, job.id, as_json=options.json)
        return _report(ended, options.json)


def _report(job: Job, as_json: bool) -> int:
    if job.state == "succeeded":
        if not as_json:
            print(f"{job.name} is ready: {job.fine_tuned_model}; next: ftui compare {job.name}")
        return 0
    if not as_json:
        print(f"{job.name}: {job.state}")
    return 1


def _show(wanted: Plan, as_json: bool) -> None:
    if as_json:
        print_json(asdict(wanted))
        return
    cost = "price not known" if wanted.cost_at_most is None else f"${wanted.cost_at_most:,.2f} at most"
    size = f"{plural(wanted.rows, 'pair')}, {plural(wanted.tokens, 'token')}"
    print(f"{size}, {wanted.base_model} at {wanted.provider}, {cost}")
    for text in (*wanted.notices, *wanted.problems):
        print(f"! {text}")
