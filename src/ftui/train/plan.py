"""What a job would train on and what it would cost at most, before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ftui import chatfile, paths
from ftui.connect import prices, providers
from ftui.errors import FtuiError, MoneyError
from ftui.store import Store
from ftui.units import plural

MAX_AUTO_EPOCHS = 10
"""`auto` lets the provider choose; this is the most it is assumed to choose when a price is named."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A job as it would be sent.

    Attributes:
        hyperparameters: OpenAI's names; what is missing is left to the provider.
        rows, tokens: of the accepted pairs, validation included, once through.
        epochs: the most passes that will be paid for.
        cost_at_most: dollars, None when the price is not known.
        notices: what a person should know first.
        problems: why it cannot start; empty when it can.
    """

    provider: str
    base_model: str
    hyperparameters: Mapping[str, Any]
    rows: int
    tokens: int
    epochs: int
    cost_at_most: float | None
    notices: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())

    def check_budget(self, max_cost: float | None) -> None:
        """Refuse a job that could cost more than `max_cost` dollars.

        Raises:
            MoneyError: the limit would be passed, is missing, or the price is not known.
        """
        if self.cost_at_most == 0:
            return
        if max_cost is None:
            price = "an unknown price" if self.cost_at_most is None else f"${self.cost_at_most:,.2f} at most"
            raise MoneyError("This job costs money", f"{price}, and no limit was given", "Add: --max-cost DOLLARS")
        if self.cost_at_most is None:
            raise MoneyError(
                "The price of this job is not known",
                f"no price is listed for {self.base_model}",
                f'Add it to config.toml: [prices."{self.base_model}"] train = DOLLARS_PER_MILLION',
            )
        if self.cost_at_most > max_cost:
            raise MoneyError(
                f"This job could cost ${self.cost_at_most:,.2f}",
                f"the limit is ${max_cost:,.2f}",
                "Raise the limit, train fewer pairs or fewer epochs",
            )


def plan(
    store: Store, provider_name: str, base_model: str = "", hyperparameters: Mapping[str, Any] | None = None
) -> Plan:
    """What training on the pairs accepted now would be. Quick, sends nothing."""
    provider = providers.get(provider_name)
    model = base_model or (provider.base_models[0] if provider.base_models else "")
    chosen = {name: value for name, value in (hyperparameters or {}).items() if value not in (None, "", "auto")}
    rows, tokens = store.pairs.accepted_size()
    problems = [
        f"{name} is {value}; it takes a number above 0"
        for name, value in chosen.items()
        if name not in ("seed", "lora_dropout") and not 0 < value < math.inf
    ]
    epochs = max(int(chosen.get("n_epochs", MAX_AUTO_EPOCHS)), 1)
    cost = prices.training(provider, model, tokens * epochs)

    if rows < chatfile.MIN_ROWS:
        accepted = plural(rows, "pair is", "pairs are")
        problems.append(f"{accepted} accepted; a training file needs {chatfile.MIN_ROWS} (3, then a accepts)")
    if not model:
        problems.append(f"Which base model? {provider.title} names none of its own")
    if provider.kind == "engine":
        from ftui.engine import install

        if not install.installed(paths.engine_home()):
            problems.append("The engine is not installed yet (1, then e; or: ftui engine install)")
    elif not provider.is_engine:
        try:
            if providers.credential(provider) is None:
                problems.append(f"No key for {provider.title} yet (1; or: ftui connect key {provider.name})")
        except FtuiError as error:
            problems.append(str(error))
    return Plan(provider.name, model, chosen, rows, tokens, epochs, cost, provider.notices, tuple(problems))
