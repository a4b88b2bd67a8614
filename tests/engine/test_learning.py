"""Methods, model families, packing, tuning further and early stop: tiny models, trained by `inside_learning.py`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ftui.engine.layout import Home

FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "falcon", "falcon-alibi"]


@pytest.fixture(scope="module")
def found(engine_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = Home(engine_home)
    place.link_code()
    folder = tmp_path_factory.mktemp("learning") / "home"
    ran = subprocess.run(
        [str(place.python), str(Path(__file__).with_name("inside_learning.py")), str(folder)],
        env=place.environment(),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    data: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return data


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_trains_saves_and_chats(found: dict[str, Any], family: str) -> None:
    got = found["families"][family]
    assert got["state"] == "succeeded", got["error"]
    assert got["losses"][-1] < got["losses"][0] - 1
    assert "validation loss" in got["said"]
    assert got["answered"] >= 1
    # What a chat asks with is what training showed in front of an answer.
    assert got["asked as trained"]
    # With generation markers or without, the answers are learned with the end of their turn, and nothing else.
    assert [text.strip() for text in got["learned"].strip().removesuffix("<|im_end|>").split("<|im_end|>")] == [
        "First answer.",
        "Second answer.",
    ]
    together, alone = got["together"]
    assert together == pytest.approx(alone, rel=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_system_message_is_never_lost(found: dict[str, Any], family: str) -> None:
    got = found["families"][family]
    assert "Be brief." in got["text"]
    folded = family in ("mistral", "gemma", "gemma2", "gemma3")
    assert ("Be brief.\n\nOne?" in got["text"]) == folded
    assert ("no place for a system message" in got["said"]) == folded


def test_a_template_refuses_a_chat_with_its_reason(found: dict[str, Any]) -> None:
    assert "must alternate user/assistant" in found["refused"]


def test_packed_rows_get_the_scores_they_get_alone(found: dict[str, Any]) -> None:
    packing = found["packing"]
    assert (packing["windows"], packing["rows"]) == (1, 3)
    assert packing["difference"] < 1e-4
    # An attention mask or a cache beside it would mix the rows without a word.
    assert packing["with a mask"] > 1
    assert packing["with a cache"] > 1


def test_packing_trains_every_token_in_fewer_steps(found: dict[str, Any]) -> None:
    packing = found["packing"]
    assert packing["state"] == "succeeded"
    assert "40 examples packed into" in packing["said"]
    assert len(packing["losses"]) < 40
    assert packing["losses"][-1] < packing["losses"][0] - 1
    assert packing["tokens"] == packing["tokens of the rows"]


def test_packing_is_refused_where_rows_would_see_each_other(found: dict[str, Any]) -> None:
    assert not found["families"]["falcon"]["packs"]
    assert found["packing"]["refused"]["code"] == "unsupported_packing"


@pytest.mark.parametrize("family", ["llama", "gemma2", "qwen3", "falcon"])
def test_preferences_are_learned(found: dict[str, Any], family: str) -> None:
    got = found["pairs"][family]
    assert got["state"]["state"] == "succeeded", got["state"]["error"]
    first, last = got["metrics"][0], got["metrics"][-1]
    # Before the first step the model is its own reference: a draw.
    assert first["train_loss"] == pytest.approx(0.6931, abs=1e-3)
    assert last["train_loss"] < 0.3
    assert last["train_reward_accuracy"] == 1
    assert last["full_valid_reward_margin"] > 1
    assert 0 <= last["full_valid_mean_token_accuracy"] <= 1


def test_a_preference_is_asked_once_and_answered_twice(found: dict[str, Any]) -> None:
    prompt, chosen, rejected = found["pairs"]["text"]
    assert prompt.endswith("<|head|>assistant<|/head|>\n\n")
    assert chosen == "It costs 40 crowns.<|im_end|>"
    assert rejected == "I really do not know that, sorry.<|im_end|>"
    # Both answers are counted, each with its question, in every epoch.
    assert found["pairs"]["llama"]["state"]["trained_tokens"] == found["pairs"]["tokens"]


def test_a_tuned_model_is_tuned_further(found: dict[str, Any]) -> None:
    further = found["further"]
    assert further["after"][0] < further["before"][0] - 1
    assert (further["rank"], further["dropout"]) == (4, 0.1)
    assert further["likes"] == "succeeded"
    assert further["first"] == pytest.approx(0.6931, abs=1e-3)
    # The adapter that it was compared with stays behind.
    assert set(further["files"]) <= {"README.md", "adapter_config.json", "adapter_model.safetensors", "model.json"}


def test_an_early_stop_keeps_the_best(found: dict[str, Any]) -> None:
    early = found["early"]
    assert early["state"] == "succeeded"
    measured = {int(step): loss for step, loss in early["measured"].items()}
    best = min(measured, key=lambda step: measured[step])
    assert max(measured) == best + 4 < 80
    assert f"stopped early at step {best + 4}" in early["said"]
    assert early["published"] == [f"step-{best}"]


def test_memory_that_is_not_there_is_named(found: dict[str, Any]) -> None:
    assert found["no memory"] == "out_of_memory"
    assert all("needs about 0." in got["said"] for got in found["families"].values())
