"""TRL's trainers with what ftui needs of them: exact sums, its own order of rows, less work on scores."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from trl import DPOTrainer, SFTTrainer

from ftui.engine import team
from ftui.engine.order import Batches, Order
from ftui.engine.rows import IGNORED

Inputs = dict[str, Any]


class Sums:
    """What a step learned: its loss summed up, and how many tokens it was right about.

    Attributes:
        count: what `loss` is the sum over: tokens, or pairs of answers.
        hits, tokens: learned tokens guessed right, and all of them.
        preferred: pairs whose better answer the model prefers by now.
        margin: by how much, summed up over the pairs.
    """

    NAMES = ("loss", "count", "hits", "tokens", "preferred", "margin")

    def __init__(self, *values: float) -> None:
        self.loss, self.count, self.hits, self.tokens, self.preferred, self.margin = values or (0.0,) * 6

    def values(self) -> list[float]:
        return [getattr(self, name) for name in self.NAMES]

    def add(self, other: Sums) -> None:
        for name in self.NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def figures(self, prefix: str) -> dict[str, float]:
        """The metrics by the names that providers use."""
        found = {
            f"{prefix}_loss": self.loss / max(1, self.count),
            f"{prefix}_mean_token_accuracy": self.hits / max(1, self.tokens),
        }
        if self.tokens != self.count:
            found |= {
                f"{prefix}_reward_accuracy": self.preferred / max(1, self.count),
                f"{prefix}_reward_margin": self.margin / max(1, self.count),
            }
        return {name: round(value, 5) for name, value in found.items()}


def answer_loss(model: Any, inputs: Inputs) -> tuple[torch.Tensor, int, int]:
    """Mean loss over the labelled tokens of one batch, tokens guessed right, tokens labelled.

    The batch is one long row without padding, or rows with an attention mask.
    The vocabulary is large beside the model: in a long row scores are computed
    only where there is a label, which is a third of the positions or less.
    """
    labels = inputs["labels"]
    # The token at a position is predicted from the one before it.
    learned = labels[:, 1:] != IGNORED
    targets = labels[:, 1:][learned]
    if "attention_mask" in inputs:
        padded = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"]}
        scores = model(**padded, use_cache=False).logits[:, :-1][learned]
    else:
        scores = model(
            input_ids=inputs["input_ids"],
            position_ids=inputs["position_ids"],
            logits_to_keep=learned[0].nonzero().flatten(),
            use_cache=False,
        ).logits[0]
    if not len(targets):
        return scores.sum() * 0.0, 0, 0
    loss = torch.nn.functional.cross_entropy(scores.float(), targets)
    right = int((scores.argmax(-1) == targets).sum())
    return loss, right, len(targets)


def own(model: Any) -> dict[str, Any] | None:
    """What each process has whole of a sharded model: its adapters. None where all of the model is whole."""
    if not getattr(model, "is_distributed_loading_by_transformers", False):
        return None
    return {name: tensor for name, tensor in model.state_dict().items() if not isinstance(tensor, DTensor)}


class _Shared:
    """What both trainers do: rows in our order, and a step's loss as the mean over all of its parts.

    A step may be taken in pieces and by several processes. The library's mean
    of means depends on how it was cut; a sum divided by the count of the whole
    step does not.
    """

    # Told to the library: the loss needs no division by the number of pieces.
    loss_is_scaled_for_ga = True
    model: Any
    rows: Any
    blank: Any
    order: Order
    sums: Sums

    def take(self, rows: Any, blank: Any, order: Order) -> None:
        self.rows, self.blank, self.order, self.sums = rows, blank, order, Sums()

    def get_train_dataloader(self) -> Batches:
        return Batches(self.rows, self.blank, self.order, self.data_collator)  # type: ignore[attr-defined]

    def get_batch_samples(self, iterator: Any, number: int, device: Any) -> tuple[list[Inputs], float]:
        """The pieces of one step, and what its loss is to be divided by."""
        batches = list(islice(iterator, number))
        (whole,) = team.total([float(sum(self.weight(batch) for batch in batches))])
        return batches, whole / team.size()

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        # The library would put all of a sharded base together to save the adapter.
        super()._save(output_dir, state_dict or own(self.model))  # type: ignore[misc]

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Nothing: a checkpoint is not a publication."""

    def weight(self, batch: Inputs) -> int:
        raise NotImplementedError


class AnswerTrainer(_Shared, SFTTrainer):  # type: ignore[misc]
    """Learns answers. The row without anything to learn is one token without a label."""

    def weight(self, batch: Inputs) -> int:
        return int((batch["labels"][:, 1:] != IGNORED).sum())

    def measure(self, model: Any, inputs: Inputs) -> tuple[torch.Tensor, Sums]:
        """The mean loss of one batch, and its sums."""
        loss, right, count = answer_loss(model, inputs)
        return loss, Sums(loss.item() * count, count, right, count, 0, 0)

    def compute_loss(
        self, model: Any, inputs: Inputs, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        loss, sums = self.measure(model, inputs)
        self.sums.add(sums)
        return loss * (sums.count / (num_items_in_batch or max(1, sums.count)))


class PairTrainer(_Shared, DPOTrainer):  # type: ignore[misc]
    """Learns which of two answers is better. The row without anything to learn has two empty answers."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        # The rows are token ids already, made by the same rendering as everywhere.
        return dataset

    def weight(self, batch: Inputs) -> int:
        chosen, _ = batch["completion_mask"].chunk(2)
        return int((chosen.sum(-1) > 0).sum())

    def measure(self, model: Any, inputs: Inputs) -> tuple[torch.Tensor, Sums]:
        """The loss of one batch summed up over its pairs, and its sums."""
        mean = super().compute_loss(model, inputs)
        slots = inputs["input_ids"].shape[0] // 2
        pairs = self.weight(inputs)
        # Two empty answers are equally likely, whatever the model: a constant.
        loss = mean * slots - (slots - pairs) * math.log(2)
        told = {name: values[-1] for name, values in self._metrics["train" if model.training else "eval"].items()}
        for kept in self._metrics.values():
            kept.clear()
        chosen, _ = inputs["completion_mask"][:, 1:].chunk(2)
        tokens = int(chosen.sum())
        return loss, Sums(
            loss.item(),
            pairs,
            told["mean_token_accuracy"] * tokens,
            tokens,
            told["rewards/accuracies"] * slots,
            told["rewards/margins"] * slots,
        )

    def compute_loss(
        self, model: Any, inputs: Inputs, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        loss, sums = self.measure(model, inputs)
        self.sums.add(sums)
        return loss / (num_items_in_batch or max(1, sums.count))
