"""The model that the pairs of a project are meant for: that of its latest job, else this machine's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ftui import paths
from ftui.connect import prices, providers
from ftui.connect.providers import Provider
from ftui.errors import FtuiError
from ftui.store import Store
from ftui.train.plan import MAX_AUTO_EPOCHS

if TYPE_CHECKING:
    from ftui.prepare.limit import Limit

ENGINE_LENGTH = 2048
"""Tokens at which the engine cuts a row."""
OPENAI_LENGTH = 65_536
"""The same at OpenAI, from its documentation as of 2026-11-22."""


@dataclass(frozen=True, slots=True)
class Target:
    """Attributes:
    model: the base model's name, "" where the provider names none.
    folder: where its files are; None where only the provider has them.
    length: tokens at which a row is cut; None where nobody knows.
    epochs: how often each row is paid for, at most.
    """

    provider: Provider
    model: str
    folder: Path | None
    length: int | None
    epochs: int

    def limit(self, most: int) -> Limit:
        """Where its rows are cut: at `most` tokens, 0 for the length that the model reads."""
        from ftui.prepare.limit import Limit

        return Limit(most or self.length or 0, self.folder, self.provider.kind != "openai")

    def cost(self, tokens: int) -> float | None:
        """Dollars for training on so many tokens, at most; None when the price is not known."""
        return prices.training(self.provider, self.model, tokens * self.epochs)


def of(store: Store) -> Target:
    """The provider and model of the latest job, or this machine's while there is none."""
    jobs = store.jobs.all()
    provider, model, epochs = providers.get(providers.ENGINE), "", MAX_AUTO_EPOCHS
    if jobs:
        job = jobs[0]
        try:
            provider, model = providers.get(job.provider), job.base_model
        except FtuiError:  # it was removed since
            return of_provider(provider)
        asked = job.hyperparameters.get("n_epochs")
        epochs = int(asked) if isinstance(asked, int | float) and asked >= 1 else MAX_AUTO_EPOCHS
    return of_provider(provider, model, epochs)


def of_provider(provider: Provider, model: str = "", epochs: int = MAX_AUTO_EPOCHS) -> Target:
    """What training at a provider would be for."""
    model = model or (provider.base_models[0] if provider.base_models else "")
    if provider.kind != "engine":
        return Target(provider, model, None, OPENAI_LENGTH if provider.kind == "openai" else None, epochs)
    folder = paths.engine_home() / "models" / model
    return Target(
        provider, model, folder if (folder / "tokenizer_config.json").is_file() else None, ENGINE_LENGTH, epochs
    )
