"""The parts that need torch, checked in the engine's own environment by `inside.py`."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ftui.engine.layout import BASE_MODEL, Home


@pytest.fixture(scope="module")
def found(engine_home: Path) -> dict[str, Any]:
    place = Home(engine_home)
    place.link_code()
    ran = subprocess.run(
        [str(place.python), str(Path(__file__).with_name("inside.py")), str(place.models / BASE_MODEL)],
        env=place.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    data: dict[str, Any] = json.loads(ran.stdout)
    return data


def test_a_chat_is_rendered_without_additions(found: dict[str, Any]) -> None:
    assert found["text"].startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOne?<|im_end|>\n")
    assert "SmolLM" not in found["text"]


def test_only_answers_with_weight_are_learned(found: dict[str, Any]) -> None:
    assert found["learned"] == "First answer.<|im_end|>\nThird answer.<|im_end|>\n"
    assert found["cut"] == 7


def test_rows_trained_together_do_not_see_each_other(found: dict[str, Any]) -> None:
    assert found["together"] == pytest.approx(found["alone"], rel=1e-4)
    assert found["together"] == pytest.approx(found["plain"], rel=1e-4)
    assert found["right"][0] == found["right"][1]
    assert found["labelled"][0] == found["labelled"][1]


def test_answers_that_grow_together_are_those_that_grow_alone(found: dict[str, Any]) -> None:
    grown = found["decoded"]["grown"]
    assert [len(tokens) for tokens in grown] == [9, 4, 9]
    assert grown == found["decoded"]["generated"]


def test_probabilities_and_draws(found: dict[str, Any]) -> None:
    own, best = found["decoded"]["told"]
    total = 1 + math.exp(1) + math.exp(2) + math.exp(3)
    assert own == pytest.approx(1 - math.log(total), rel=1e-5)
    assert [token for token, _ in best] == [1, 3]
    assert best[0][1] == pytest.approx(3 - math.log(total), rel=1e-5)
    # Of the likely ones alone, where only so much of the probability is wanted.
    assert found["decoded"]["drawn"][1] == [1, 3]
    assert set(found["decoded"]["drawn"][0]) > {1, 3}


def test_a_token_s_bytes(found: dict[str, Any]) -> None:
    assert found["decoded"]["bytes"] == ["größer ☃ 价格 🙂\n  x", ""]


def test_a_piece_is_read_as_its_tokenizer_writes_it(found: dict[str, Any]) -> None:
    text, letters = ([bytes.fromhex(piece) for piece in pieces] for pieces in found["pieces"])
    # Two letters of the table of bytes are text all the same where a piece is text.
    assert text == [b"<unk>", "é".encode(), b" caf", "ÿ".encode(), "Ã©".encode(), b"\xc3", b"\xa9"]
    assert letters == [b"\xc3", b"\xa9", "é".encode(), b" ", b"<0xC3>", "日本".encode()]


def test_only_what_is_cut_is_counted_as_cut(found: dict[str, Any]) -> None:
    for pairs in (False, True):
        assert found["cuts"][f"{pairs}0"] == ""
        most = int(found["cuts"][f"tokens {pairs}"]) - 1
        assert f"1 training example(s) cut to {most} tokens" in found["cuts"][f"{pairs}-1"]


def test_arranged_matrices_change_no_score(found: dict[str, Any]) -> None:
    # Scores are about 10; a wrong matrix would be apart by as much. Other processors may round elsewhere.
    assert max(found["packed"]["apart"]) < 0.1
    # 30 layers of 7 matrices and the head, or none where the processor has no order of its own.
    assert found["packed"]["layers"] in (0, 211)
    assert found["packed"]["again"] == 0
