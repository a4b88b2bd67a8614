"""`ftui compare`"""

from __future__ import annotations

import argparse

from ftui import queue
from ftui.cli.common import add_follow_options, follow, one_line, open_store, print_json
from ftui.compare import metrics
from ftui.errors import InputError
from ftui.store import Store


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", help="its name or alias (default: the newest)")
    add_follow_options(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        models = store.models.all()
        if not models:
            raise InputError("There is no model", "nothing was tuned in this project", "Start a job: ftui train")
        model = store.models.find(options.model) if options.model else models[0]
        task_id = queue.compare(store, model.id)
        if options.detach:
            print_json({"task": task_id}) if options.json else print(task_id)
            return 0
        task = follow(store, task_id, as_json=options.json)
        if task.result is None:
            return 1
        print_comparison(store, int(task.result["comparison"]), as_json=options.json)
    return 0


def print_comparison(store: Store, comparison: int, *, as_json: bool = False) -> None:
    """Every question with both answers, then the scores and what they mean."""
    answers = store.comparisons.answers(comparison)
    scores = {kind: store.comparisons.score(comparison, kind) for kind in ("heldout", "general")}
    if as_json:
        for answer in answers:
            print_json(
                {
                    "event": "answer",
                    "kind": answer.kind,
                    "question": answer.question,
                    "expected": answer.expected,
                    "base": answer.base_answer,
                    "base_found": answer.base_found,
                    "tuned": answer.tuned_answer,
                    "tuned_found": answer.tuned_found,
                }
            )
        for kind, score in scores.items():
            print_json({"event": "score", "kind": kind, "base": score.base, "tuned": score.tuned, "of": score.of})
        return
    for answer in answers:
        if answer.kind != "heldout":
            continue
        print(f"\n  {one_line(answer.question)}")
        print(f"    {'✓' if answer.base_found else '✗'} base   {one_line(answer.base_answer)[:200]}")
        print(f"    {'✓' if answer.tuned_found else '✗'} tuned  {one_line(answer.tuned_answer)[:200]}")
    score, general = scores["heldout"], scores["general"]
    print(f"\n  unseen questions   base {score.base} of {score.of}   tuned {score.tuned} of {score.of}")
    if general.of:
        print(f"  general questions  base {general.base} of {general.of}   tuned {general.tuned} of {general.of}")
    print(f"\n  {metrics.meaning(score)}")
