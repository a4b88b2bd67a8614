"""The rules of a training file."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui import chatfile
from ftui.errors import InputError


def row(*messages: dict[str, Any], **extra: Any) -> bytes:
    return json.dumps({"messages": list(messages), **extra}, ensure_ascii=False).encode() + b"\n"


USER = {"role": "user", "content": "What does it cost?"}
ANSWER = {"role": "assistant", "content": "Four euros."}
GOOD = row(USER, ANSWER)


def check_one(line: bytes) -> list[str]:
    """The messages about one row among nine good ones."""
    return [problem.message for problem in chatfile.check([GOOD] * 9 + [line]).problems]


def test_ten_good_rows_pass() -> None:
    report = chatfile.check([GOOD] * 10)
    assert report.ok
    assert (report.rows, report.bytes) == (10, 10 * len(GOOD))
    report.raise_for_problems("train.jsonl")


def test_too_few_rows_are_named() -> None:
    report = chatfile.check([GOOD] * 3 + [b"\n"])
    assert [(p.row, p.code) for p in report.problems] == [(0, "invalid_n_examples")]
    assert "3 example(s)" in report.problems[0].message


@pytest.mark.parametrize(
    "line",
    [
        row({"role": "system", "content": "Be brief."}, USER, ANSWER),
        row({"role": "developer", "content": "Be brief."}, USER, ANSWER),
        row(USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 1}),
        row(USER, {"role": "assistant", "tool_calls": [{"id": "1"}]}, {"role": "tool", "content": "4"}, ANSWER),
        row(USER, ANSWER, tools=[], parallel_tool_calls=True),
        row({"role": "user", "content": [{"type": "text", "text": "What is it?"}]}, ANSWER),
        row({"role": "user", "content": "价格?"}, {"role": "assistant", "content": "四欧元 <3 | a|>b"}),
    ],
)
def test_good_rows(line: bytes) -> None:
    assert check_one(line) == []


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (b"not json\n", "cannot be parsed as JSON"),
        (b'{"messages": NaN}\n', "cannot be parsed as JSON"),
        (b"[" * 100_000, "cannot be parsed as JSON"),
        (b'{"messages": "\xff"}\n', "is not UTF-8"),
        (b"[1]\n", "is not a JSON object"),
        (b"{}\n", 'no list of "messages"'),
        (row(), "has no messages"),
        (row(USER, ANSWER, weight=1), 'contains an extra "weight"'),
        (row(USER), "does not end with a message of the assistant"),
        (row({"content": "x"}, ANSWER), 'message 1 has no "role"'),
        (row({"role": "robot", "content": "x"}, ANSWER), 'the unknown role "robot"'),
        (row({**USER, "weight": 1}, ANSWER), 'message 1 contains an extra "weight"'),
        (row(USER, {**ANSWER, "weight": True}), "neither 0 nor 1"),
        (row(USER, {**ANSWER, "weight": 0}), "nothing to learn"),
        (row(USER, {"role": "assistant", "content": " "}), 'an empty "content"'),
        (row(USER, {"role": "assistant"}), 'has no "content"'),
        (row(USER, {"role": "assistant", "content": 4}), "neither text nor a list"),
        (row({"role": "user", "content": [{"type": "video"}]}, ANSWER), "a part of"),
        (row({"role": "user", "content": "<|im_start|>system"}, ANSWER), "invalid token: <|im_start|>"),
        (
            b'{"messages":[{"role":"user","content":"\\ud800"},{"role":"assistant","content":"x"}]}',
            "surrogate",
        ),
        (row("hello", ANSWER), "message 1 is not a JSON object"),  # type: ignore[arg-type]
        (b'"' + b"x" * chatfile.MAX_ROW_BYTES + b'"', "more than the 8,388,608 bytes that it may have"),
    ],
)
def test_bad_rows(line: bytes, part: str) -> None:
    problems = check_one(line)
    assert problems
    assert problems[0].startswith("Example 10")
    assert any(part in problem for problem in problems)


def test_many_problems_are_counted_not_kept() -> None:
    report = chatfile.check([b"x\n"] * 1000)
    assert len(report.problems) == chatfile.MAX_PROBLEMS
    assert report.more == 1000 - chatfile.MAX_PROBLEMS
    with pytest.raises(InputError) as caught:
        report.raise_for_problems("mine.jsonl")
    assert caught.value.what == "mine.jsonl line 1 cannot be trained on"
    assert "and 999 more" in caught.value.why


def test_a_file_that_is_too_large_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chatfile, "MAX_FILE_BYTES", 100)
    assert [p.code for p in chatfile.check([GOOD] * 10).problems] == ["file_too_large"]


@given(st.lists(st.binary(max_size=60), max_size=12))
def test_any_bytes_give_a_report(lines: list[bytes]) -> None:
    report = chatfile.check(lines)
    assert report.rows == sum(1 for line in lines if line.strip())
    assert not report.ok or report.rows >= chatfile.MIN_ROWS


def preference(asked: object = None, good: object = None, bad: object = None, **extra: Any) -> bytes:
    fields = {
        "input": {"messages": [USER]} if asked is None else asked,
        "preferred_output": [ANSWER] if good is None else good,
        "non_preferred_output": [{**ANSWER, "content": "No idea."}] if bad is None else bad,
    }
    return json.dumps(fields | extra).encode()


def test_good_preferences_pass() -> None:
    asked = {"messages": [{"role": "system", "content": "Be brief."}, USER, ANSWER, USER]}
    rows = [preference(), preference(asked | {"tools": [], "parallel_tool_calls": True})] * 5
    assert chatfile.check(rows, "preference").ok
    assert not chatfile.check(rows).ok
    assert not chatfile.check([GOOD] * 10, "preference").ok


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (preference(score=1), 'contains an extra "score"'),
        (preference(5), 'has no object "input"'),
        (preference({}), '"input" has no list of "messages"'),
        (preference({"messages": [USER], "x": 1}), '"input" contains an extra "x"'),
        (preference({"messages": [USER], "tools": "all"}), '"tools" that are not a list of objects'),
        (preference({"messages": [USER, ANSWER]}), '"input" ends with a message of the assistant'),
        (preference({"messages": [{"role": []}]}), 'message 1 has no "role"'),
        (preference(good=[]), 'no list "preferred_output" with one message'),
        (preference(bad=[ANSWER, ANSWER]), 'no list "non_preferred_output" with one message'),
        (preference(bad=[{"role": []}]), '"non_preferred_output" message 1 has no "role"'),
        (preference(good=[USER]), '"preferred_output" is not a message of the assistant'),
        (preference(good=[{"role": "assistant", "content": "<|im_end|>"}]), '"preferred_output" message 1 contains'),
        (preference(good=[None]), '"preferred_output" message 1 is not a JSON object'),
    ],
)
def test_bad_preferences(line: bytes, part: str) -> None:
    report = chatfile.check([preference()] * 9 + [line], "preference")
    assert any(part in problem.message for problem in report.problems)
    assert all(problem.message.startswith("Example 10") for problem in report.problems)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=9) | st.sampled_from(["assistant", "user"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["input", "messages", "role", "content", "tools", "preferred_output", "type", "name"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_row_gives_a_report(row: Any) -> None:
    line = json.dumps(row).encode()
    for kind in ("chat", "preference"):
        assert chatfile.check([line], kind).rows == 1


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["role", "content", "name", "weight"]),
            st.sampled_from(
                ["system", "user", "assistant", "tool", "", " \n", "<|im_end|>", "half \ud800", "ä", None, 1]
            )
            | st.text(max_size=9),
            max_size=3,
        ),
        max_size=3,
    )
)
def test_a_row_is_told_at_once_as_it_is_told_in_a_file(messages: list[dict[str, Any]]) -> None:
    told = chatfile.row_problem({"messages": messages})
    found = list(chatfile._object_problems({"messages": messages}))
    assert told == (found[0].removeprefix(",").strip() if found else "")


def test_a_line_without_end_is_not_read_into_memory() -> None:
    most = chatfile.MAX_ROW_BYTES
    file = io.BytesIO(b"{}\n" + b"x" * (3 * most + 5) + b"\n[]\n" + b"y" * (most + 9))
    lines = list(chatfile.lines_of(file))
    assert [len(line) for line in lines] == [3, most + 1, 3, most + 1]
    report = chatfile.check(lines)
    assert report.rows == 4
    assert [problem.row for problem in report.problems if "more than the" in problem.message] == [2, 4]
