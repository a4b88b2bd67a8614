"""What training costs: a dated table that a person can change in config.toml.

[prices."gpt-4o-mini-2024-07-18"]
train = 3.00          # US dollars per million trained tokens
"""

from __future__ import annotations

import math

from ftui import settings
from ftui.connect.providers import Provider
from ftui.errors import SettingsError

# OpenAI's last published pricing table for fine-tuning, as of 2026-11-22.
TRAIN_PER_MILLION = {
    "gpt-4.1-2025-04-14": 25.00,
    "gpt-4.1-mini-2025-04-14": 5.00,
    "gpt-4o-2024-08-06": 25.00,
    "gpt-4o-mini-2024-07-18": 3.00,
}


def training(provider: Provider, base_model: str, tokens: int) -> float | None:
    """Dollars for training on `tokens` (already times the epochs); None when the price is not known."""
    if provider.kind == "engine":
        return 0.0
    rate = _own(base_model)
    if rate is None and provider.kind == "openai":
        # A tuned model is trained further at the price of its base.
        name = base_model.split(":")[1] if base_model.startswith("ft:") else base_model
        rate = TRAIN_PER_MILLION.get(name)
    return None if rate is None else rate * tokens / 1e6


def _own(base_model: str) -> float | None:
    """The price that the person set in config.toml, None where they did not."""
    prices = settings.section(settings.config(), "prices")
    rate = settings.section(prices, base_model).get("train")
    if rate is None:
        return None
    if not isinstance(rate, int | float) or not 0 <= rate < math.inf:
        raise SettingsError(
            f'The price of "{base_model}" in config.toml cannot be used',
            f"{rate!r} is no number of dollars",
            "Set train = DOLLARS_PER_MILLION",
        )
    return float(rate)
