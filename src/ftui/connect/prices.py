"""What training and chat cost: a dated table that a person can change in config.toml.

[prices."gpt-4o-mini-2024-07-18"]
train = 3.00          # US dollars per million trained tokens
input = 0.30          # per million tokens that are sent to the model in a chat
output = 1.20         # per million tokens that it answers
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ftui import settings
from ftui.connect.providers import Provider
from ftui.errors import SettingsError

# OpenAI's last published pricing tables, as of 2026-11-22. Chat has the higher price of a
# tuned model, so that what is said to be the most is the most.
TRAIN_PER_MILLION = {
    "gpt-4.1-2025-04-14": 25.00,
    "gpt-4.1-mini-2025-04-14": 5.00,
    "gpt-4o-2024-08-06": 25.00,
    "gpt-4o-mini-2024-07-18": 3.00,
}
CHAT_PER_MILLION = {
    "gpt-4.1-2025-04-14": (3.00, 12.00),
    "gpt-4.1-mini-2025-04-14": (0.80, 3.20),
    "gpt-4o-2024-08-06": (3.75, 15.00),
    "gpt-4o-mini-2024-07-18": (0.30, 1.20),
}


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens that go to a model, and that come from it."""

    input: float
    output: float

    def of(self, sent: int, answered: int) -> float:
        return (self.input * sent + self.output * answered) / 1e6


FREE = Price(0.0, 0.0)


def chat(provider: Provider, model: str) -> Price | None:
    """What a chat with a model costs; None when the price is not known."""
    if provider.is_engine:
        return FREE
    own = _own(model, "input"), _own(model, "output")
    if own[0] is not None and own[1] is not None:
        return Price(own[0], own[1])
    known = CHAT_PER_MILLION.get(_base(model)) if provider.kind == "openai" else None
    return Price(*known) if known else None


def training(provider: Provider, base_model: str, tokens: int) -> float | None:
    """Dollars for training on `tokens` (already times the epochs); None when the price is not known."""
    if provider.is_engine:
        return 0.0
    rate = _own(base_model, "train")
    if rate is None and provider.kind == "openai":
        rate = TRAIN_PER_MILLION.get(_base(base_model))
    return None if rate is None else rate * tokens / 1e6


def _base(model: str) -> str:
    """The base of a tuned model, whose prices it has."""
    return model.split(":")[1] if model.startswith("ft:") else model


def _own(model: str, kind: str) -> float | None:
    """The price that the person set in config.toml, None where they did not."""
    prices = settings.section(settings.config(), "prices")
    rate = settings.section(prices, model).get(kind)
    if rate is None:
        return None
    if not isinstance(rate, int | float) or not 0 <= rate < math.inf:
        raise SettingsError(
            f'The price of "{model}" in config.toml cannot be used',
            f"{rate!r} is no number of dollars",
            f"Set {kind} = DOLLARS_PER_MILLION",
        )
    return float(rate)
