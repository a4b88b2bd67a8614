"""`ftui rules`"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict

from ftui.cli.common import one_line, open_store, print_json
from ftui.errors import InputError
from ftui.prepare import proposals
from ftui.prepare.proposals import Looked, Offer
from ftui.store import Store
from ftui.store.judged import LEAST
from ftui.store.pairs import Decision
from ftui.units import plural


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--apply", action="store_true", help="reject the pending pairs that the rule fits (one undo)")
    parser.add_argument("--to-recipe", action="store_true", help="put the rule into the recipe")
    parser.add_argument("--decline", action="store_true", help="do not propose the rule again")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.decline and (options.apply or options.to_recipe):
        raise InputError(
            "A rule is followed or declined, not both", "--decline came with --apply or --to-recipe", "Leave one out"
        )
    with open_store(options) as store:
        looked = proposals.propose(store)
        offer = looked.offer
        if offer is None:
            if options.json:
                print_json({"rejected": looked.rejected, "rule": None})
            else:
                print(why_none(looked, store.rules.answers()))
            # Who wanted something done with a rule gets nothing done.
            return 1 if options.apply or options.to_recipe or options.decline else 0
        done = _do(store, offer, options)
        if options.json:
            rule = {**asdict(offer.rule), "pending": offer.pending}
            print_json({"rejected": looked.rejected, "rule": rule, "done": done})
            return 0
        print(one_line(offer.sentence))
        for line in done or [
            "next: ftui rules --apply, --to-recipe or --decline; or: ftui, then 3 and L shows the pairs"
        ]:
            print(line)
        return 0


def _do(store: Store, offer: Offer, options: argparse.Namespace) -> list[str]:
    """What was asked for, and a line for each thing that was done."""
    text, done = offer.rule.text, list[str]()
    if options.to_recipe:
        proposals.put_into_recipe(store, text)
        done.append("the recipe leaves out such pairs from now on: ftui prepare; u in 3 Pairs takes it back")
    if options.apply:
        changed = 0
        # As a filter's step it counts as unread, however few pairs it has: nothing is learnt from it.
        for step in store.pairs.deciding(
            store.pairs.view_ids(proposals.fitting(text)), Decision.REJECTED, Decision.PENDING, text
        ):
            changed = step.changed
        done.append(f"rejected {plural(changed, 'pair')}; u in 3 Pairs takes it back")
    if options.decline:
        proposals.decline(store, text)
        done.append("it is not proposed again; u in 3 Pairs takes it back")
    return done


def why_none(looked: Looked, answers: Mapping[str, str]) -> str:
    """Why there is no rule, in one sentence; `answers` is what was said to rules so far."""
    if looked.rejected < LEAST:
        rejected = plural(looked.rejected, "pair was", "pairs were")
        return f"{rejected} rejected by hand; from {LEAST} on ftui looks for a rule"
    fits = f"rule fits what you rejected ({plural(looked.rejected, 'pair')}) and spares what you accepted"
    declined = ", ".join(f"`{one_line(text)}`" for text, answer in answers.items() if answer == "declined")
    return f"you declined {declined}, and no other {fits}" if declined else f"no {fits}"
