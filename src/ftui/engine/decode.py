"""Decoding several answers at once: rows join and leave the batch between any two steps.

transformers' own continuous batching has neither a seed nor the most likely
tokens for each request, and takes its memory beforehand; its `generate` lets
nobody join. So the loop is here, made of their models, caches and warpers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache, TopPLogitsWarper

Told = tuple[float, list[tuple[int, float]]]
"""The log-probability of a token, and the most likely tokens with theirs."""
_KINDS = {"full_attention", "sliding_attention", "chunked_attention"}


@dataclass(slots=True)
class Choice:
    """How one row chooses its next token.

    Attributes:
        temperature: 0 for always the most likely one.
        top_p: the share of probability to draw from.
        seed: the same seed draws the same tokens; None for any.
        top: how many of the most likely tokens to tell; None to tell no probabilities.
    """

    temperature: float
    top_p: float
    seed: int | None
    top: int | None
    _generator: Any = field(default=None, init=False)
    _warp: Any = field(default=None, init=False)

    def take(self, scores: torch.Tensor) -> int:
        """The next token, given the score of each."""
        if self.temperature <= 0:
            return int(scores.argmax())
        if self._generator is None:
            self._generator = torch.Generator(device=scores.device)
            if self.seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed(self.seed % 2**63)
            self._warp = TopPLogitsWarper(self.top_p) if self.top_p < 1 else None
        scores = scores.float()[None] / max(self.temperature, 1e-4)
        if self._warp is not None:
            scores = self._warp(None, scores)
        return int(torch.multinomial(scores.softmax(-1), 1, generator=self._generator))

    def told(self, scores: torch.Tensor, token: int) -> Told | None:
        """The log-probability of `token` and of the most likely ones; None where nobody wants them."""
        if self.top is None:
            return None
        known = scores.float().log_softmax(-1)
        best = known.topk(self.top) if self.top else None
        pairs = list(zip(best.indices.tolist(), best.values.tolist(), strict=True)) if best else []
        return float(known[token]), pairs


class Batch:
    """The rows that are decoded together, with their shared cache.

    The cache is padded on the left: all rows end at the same place, whatever
    their length. Rows are known by their position; the caller keeps in step.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache: Any = None
        # (rows, tokens in the cache): 1 where a row has a token, 0 where it is padded.
        self._mask = torch.zeros(0, 0, dtype=torch.long, device=model.device)

    def __len__(self) -> int:
        return len(self._mask)

    @staticmethod
    def joinable(model: Any) -> bool:
        """Whether the model's cache is one that rows can join: keys and values of attention alone."""
        config = model.config.get_text_config()
        return set(getattr(config, "layer_types", None) or _KINDS) <= _KINDS

    def join(self, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Add a row for each prompt; returns the scores of their first tokens, (prompts, vocabulary)."""
        # A cache told of the model's sliding windows would drop what other rows still need.
        cache = DynamicCache() if self.joinable(self._model) else DynamicCache(config=self._model.config)
        longest = max(map(len, prompts))
        gaps = [longest - len(prompt) for prompt in prompts]
        given = torch.tensor([[0] * gap + list(prompt) for gap, prompt in zip(gaps, prompts, strict=True)])
        mask = torch.tensor([[0] * gap + [1] * len(prompt) for gap, prompt in zip(gaps, prompts, strict=True)])
        given, mask = given.to(self._model.device), mask.to(self._model.device)
        padded: dict[str, Any] = {}
        if any(gaps):
            padded = {"attention_mask": mask, "position_ids": (mask.cumsum(1) - 1).clamp(min=0)}
        found = self._model(input_ids=given, past_key_values=cache, use_cache=True, logits_to_keep=1, **padded)
        if not len(self):
            self._cache, self._mask = cache, mask
            return found.logits[:, -1]
        width = max(self._mask.shape[1], longest)
        for mine, other in zip(self._cache.layers, cache.layers, strict=True):
            mine.keys = torch.cat([_widen(mine.keys, width), _widen(other.keys, width)])
            mine.values = torch.cat([_widen(mine.values, width), _widen(other.values, width)])
        self._mask = torch.cat([_widen(self._mask[..., None], width), _widen(mask[..., None], width)])[..., 0]
        return found.logits[:, -1]

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Add one token to each row; returns the scores of the next ones, (rows, vocabulary)."""
        given = torch.tensor(tokens, device=self._model.device)[:, None]
        self._mask = torch.cat([self._mask, torch.ones_like(given)], dim=1)
        places = self._mask.sum(1, keepdim=True) - 1
        # One row has no padding: the mask says nothing, and attention is quicker without it.
        mask = self._mask if len(self) > 1 else None
        found = self._model(
            input_ids=given,
            attention_mask=mask,
            position_ids=places,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return found.logits[:, -1]

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these, and the padding that only the others needed."""
        if len(rows) == len(self):
            return
        if not rows:
            self._cache, self._mask = None, self._mask[:0, :0]
            return
        kept = torch.tensor(rows, device=self._mask.device)
        self._mask = self._mask[kept]
        start = int(self._mask.any(0).long().argmax())
        self._mask = self._mask[:, start:]
        for layer in self._cache.layers:
            layer.keys = layer.keys[kept, :, start:]
            layer.values = layer.values[kept, :, start:]


def _widen(part: torch.Tensor, width: int) -> torch.Tensor:
    """Pad the second to last dimension on its left with zeros."""
    return torch.nn.functional.pad(part, (0, 0, width - part.shape[-2], 0))
