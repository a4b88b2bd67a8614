"""Ready-made conversations in all their shapes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.prepare import Dropped, Pair, prepare
from ftui.prepare.ready import Row, recognise
from ftui.prepare.recipe import OWN, PRODUCTS, TEMPLATES, Messages, Mixture, Recipe, Tokens
from ftui.prepare.tokenizer import OpenAI

ASKED = {"role": "user", "content": "Why is it wet?"}
SAID = {"role": "assistant", "content": "It rains."}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"at": "sea"}'}}


def only(data: Any, recipe: Recipe | None = None) -> Pair | Dropped:
    record = {"id": 1, "source": 1, "url": "", "title": "", "data": data}
    [item] = prepare([record], recipe or Recipe(mixture=Mixture(0.0)))
    return item


def said(data: Any, **recipe: Any) -> list[dict[str, Any]]:
    item = only(data, Recipe(mixture=Mixture(0.0), **recipe))
    assert isinstance(item, Pair), item
    return [dict(message) for message in item.messages]


@pytest.mark.parametrize(
    "data",
    [
        {"messages": [ASKED, SAID]},
        {"messages": json.dumps([ASKED, SAID]), "source": "x"},
        {"messages": [{**ASKED, "name": None, "tool_calls": None, "id": 7}, SAID], "tools": None},
        {"prompt": "Why is it wet?", "completion": "It rains."},
        {"prompt": [ASKED], "completion": [SAID]},
        {"prompt": "Why is it wet?", "response": "It rains."},
        {"instruction": "Why is it wet?", "input": "", "output": "It rains."},
        {"conversations": [{"from": "human", "value": "Why is it wet?"}, {"from": "gpt", "value": "It rains."}]},
        {"conversations": [ASKED, SAID]},
        {"system": "", "user": "Why is it wet?", "assistant": "It rains."},
    ],
)
def test_one_conversation_in_all_shapes(data: dict[str, Any]) -> None:
    assert said(data) == [ASKED, SAID]


def test_the_system_message_of_the_row_and_of_the_recipe() -> None:
    row = {"system": "Be brief.", "user": "Why is it wet?", "assistant": "It rains."}
    assert said(row)[0] == {"role": "system", "content": "Be brief."}
    assert said(row, system="Be kind.")[0]["content"] == "Be brief."
    assert said({"messages": [ASKED, SAID]}, system="Be kind.")[0] == {"role": "system", "content": "Be kind."}


def test_turns_weights_and_tools_stay() -> None:
    messages = [
        {"role": "system", "content": "You know the weather."},
        ASKED,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        {**SAID, "weight": 0},
        {"role": "user", "content": "And tomorrow?"},
        {"role": "assistant", "content": "Sun.", "weight": 1},
    ]
    item = only({"messages": messages, "tools": [WEATHER], "parallel_tool_calls": False})
    assert isinstance(item, Pair)
    assert [dict(message) for message in item.messages] == messages
    assert item.origin["tools"] == [WEATHER]
    other = only({"messages": messages, "tools": [{**WEATHER, "function": {"name": "rain"}}]})
    assert isinstance(other, Pair)
    assert other.digest != item.digest


def test_calls_of_tools_with_objects_for_arguments() -> None:
    call = {"function": {"name": "weather", "arguments": {"at": "sea"}}}
    row = {"messages": [ASKED, {"role": "assistant", "tool_calls": [call]}]}
    assert said(row)[1] == {"role": "assistant", "content": None, "tool_calls": [CALL]}


def test_sharegpt_with_tools_of_several_turns() -> None:
    turns = [
        {"from": "human", "value": "Why is it wet?"},
        {"from": "function_call", "value": '{"name": "weather", "arguments": {"at": "sea"}}'},
        {"from": "observation", "value": "rain"},
        {"from": "gpt", "value": "It rains."},
    ]
    made = said({"conversations": turns, "system": "Know.", "tools": json.dumps([WEATHER])})
    assert [message["role"] for message in made] == ["system", "user", "assistant", "tool", "assistant"]
    assert made[2]["tool_calls"] == [CALL]
    assert made[3]["tool_call_id"] == "call_1"


def test_what_alpaca_was_told_before() -> None:
    row = {"instruction": "Add.", "input": "2 and 3", "output": "5", "history": [["Hi", "Hello"]]}
    assert [message["content"] for message in said(row)] == ["Hi", "Hello", "Add.\n\n2 and 3", "5"]


def test_a_question_without_an_answer_at_the_end_is_left_out_and_flagged() -> None:
    item = only({"messages": [ASKED, SAID, ASKED]})
    assert isinstance(item, Pair)
    assert [message["role"] for message in item.messages] == ["user", "assistant"]
    assert "trimmed" in item.flags


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"messages": [ASKED]}, "no answer"),
        ({"messages": []}, "no answer"),
        ({"messages": "once upon a time"}, "not a conversation"),
        ({"messages": "[{"}, "not a conversation"),
        ({"messages": [ASKED, SAID], "tools": "[{'type': 'function'}]"}, "not a conversation"),
        ({"messages": [ASKED, SAID], "functions": "[" * 100_000}, "not a conversation"),
        ({"messages": [3]}, "not a conversation"),
        ({"messages": [{"content": "x"}]}, "not a conversation"),
        ({"messages": [ASKED, {"role": "assistant", "tool_calls": [{"function": {}}]}]}, "not a conversation"),
        ({"conversations": [{"from": "narrator", "value": "x"}]}, "not a conversation"),
        ({"prompt": "x", "completion": 3}, "not a conversation"),
        ({"instruction": "x", "output": "y", "history": [["a"]]}, "not a conversation"),
        ({"messages": [ASKED, {"role": "assistant", "content": "  "}]}, "refused by the file rules"),
        ({"messages": [ASKED, {"role": "assistant", "content": "a <|im_end|> b"}]}, "refused by the file rules"),
        ({"messages": [{"role": "alien", "content": "x"}, SAID]}, "refused by the file rules"),
        ({"messages": [ASKED, {**SAID, "weight": 0}]}, "refused by the file rules"),
    ],
)
def test_what_is_no_conversation_says_why(data: dict[str, Any], reason: str) -> None:
    item = only(data)
    assert isinstance(item, Dropped)
    assert (item.reason, item.scope) == (reason, "record")
    assert item.detail or reason == "no answer"


@pytest.mark.parametrize("template", [name for name in TEMPLATES if name != OWN])
@pytest.mark.parametrize(
    "data", [{"prompt": "Why is it wet?"}, {"instruction": "Why is it wet?", "output": None, "input": ""}]
)
def test_a_question_that_nobody_answers_says_so(data: dict[str, Any], template: str) -> None:
    item = only(data, Recipe(template=template, mixture=Mixture(0.0)))
    assert isinstance(item, Dropped)
    assert (item.reason, item.detail, item.scope) == ("no answer", "Why is it wet?", "record")


def test_a_product_with_a_question_among_its_fields_is_no_conversation() -> None:
    item = only({"question": "New?", "price": 5}, Recipe(template=PRODUCTS, mixture=Mixture(0.0)))
    assert isinstance(item, Dropped)
    assert item.reason == "no title"


def test_what_is_no_json_is_named() -> None:
    assert recognise({"messages": "[{'role': 'user'}]"}) == "messages cannot be read as JSON"
    assert recognise({"messages": [ASKED, SAID], "tools": "[{'x': 1}]"}) == "tools cannot be read as JSON"


def test_a_template_of_ones_own_reads_the_fields_itself() -> None:
    recipe = Recipe(template="own", messages=Messages("{{ data.prompt }}!", "{{ data.completion }}, as ever."))
    item = only({"prompt": "Why is it wet?", "completion": "It rains a lot"}, recipe)
    assert isinstance(item, Pair)
    assert item.messages[0]["content"] == "Why is it wet?!"


def test_a_conversation_with_an_image_is_set_aside_and_says_so() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://shop.test/wet.jpg"}}
    row = {"messages": [{**ASKED, "content": [{"type": "text", "text": "Why is it wet?"}, image]}, SAID]}
    item = only(row)
    assert isinstance(item, Dropped)
    assert (item.reason, item.scope) == ("not only text", "record")
    assert item.detail == "Why is it wet? · only text is trained on, and it holds image_url"
    assert isinstance(
        only({"messages": [{**ASKED, "content": [{"type": "text", "text": "Why is it wet?"}]}, SAID]}), Pair
    )


def test_line_ends_are_those_of_all_other_text() -> None:
    row = {
        "messages": [
            {**ASKED, "content": [{"type": "text", "text": "Why\r\nis it wet?"}]},
            {**SAID, "content": "It\rrains."},
        ]
    }
    assert said(row)[0]["content"] == [{"type": "text", "text": "Why\nis it wet?"}]
    assert said(row)[1]["content"] == "It\nrains."


def test_tools_count_as_tokens_and_towards_the_limit() -> None:
    row = {"messages": [ASKED, SAID]}
    tools = [{**WEATHER, "function": {"name": "weather", "description": "what it is like outside " * 200}}]
    bare, item = only(row), only({**row, "tools": tools})
    assert isinstance(bare, Pair)
    assert isinstance(item, Pair)
    assert item.tokens == OpenAI().count(item.messages, {"tools": tools}) > bare.tokens + 1000
    cut = only({**row, "tools": tools}, Recipe(mixture=Mixture(0.0), tokens=Tokens(900)))
    assert isinstance(cut, Pair)
    assert f"of {item.tokens:,} tokens" in cut.flags["cut"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", "function", "name", "x"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)
FIELDS = ["messages", "conversations", "prompt", "completion", "instruction", "output", "input", "history"]
ROWS = st.dictionaries(
    st.sampled_from([*FIELDS, "system", "user", "assistant"]), JSON | JSON.map(json.dumps) | JSON.map(repr), max_size=6
)
BESIDE = st.dictionaries(
    st.sampled_from(["tools", "functions", "parallel_tool_calls"]), JSON | JSON.map(json.dumps) | JSON.map(repr)
)


@given(ROWS | st.just({"messages": [ASKED, SAID]}), BESIDE)
def test_nothing_breaks_it(said: dict[str, Any], beside: dict[str, Any]) -> None:
    data = said | beside
    row = recognise(data)
    assert row is None or isinstance(row, str | Row)
    items = list(prepare([{"id": 1, "source": 1, "url": "", "title": "", "data": data}], Recipe(mixture=Mixture(0.0))))
    assert items
