"""What training costs: a dated table that a person can change in config.toml.

[prices."gpt-4o-mini-2024-07-18"]
train = 3.00          # US dollars per million trained tokens
"""

from __future__ import annotations

from ftui import settings
from ftui.connect.providers import Provider

AS_OF = "2026-11-22"
# OpenAI's last published pricing table for fine-tuning.
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
    own = settings.config().get("prices", {}).get(base_model, {}).get("train")
    rate = float(own) if own is not None else None
    if rate is None and provider.kind == "openai":
        # A tuned model is trained further at the price of its base.
        name = base_model.split(":")[1] if base_model.startswith("ft:") else base_model
        rate = TRAIN_PER_MILLION.get(name)
    return None if rate is None else rate * tokens / 1e6
