"""What stands beside a pair: what the model will see, its source, what was changed in it, what it costs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from ftui import paths
from ftui.connect import providers
from ftui.events import Record
from ftui.prepare.seen import Seen, see
from ftui.store import Store
from ftui.store.pairs import Decision, NewDropped, NewPair, Pair
from ftui.train import target as targets
from ftui.train.target import ENGINE_LENGTH, Target
from ftui.ui.widgets.pair_beside import cost_words
from ftui.ui.widgets.pair_pane import PairReader
from ftui.ui.widgets.pair_rows import WIDE, WIDER, Extra, list_row, token_count
from ftui.ui.widgets.pair_seen import seen_rows
from ftui.ui.widgets.rows import Lines
from ui.pair_data import FACTS, Review, new_pair, new_store
from ui.screen import golden

FOUR_SIZES = [(80, 24), (120, 40), (160, 50), (200, 50)]
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CALL = {"id": "c1", "type": "function", "function": {"name": "price", "arguments": '{"of": "K7"}'}}
EDITED = FACTS[0][1].replace("lid sensor", "cover sensor").replace(" once", "")


@pytest.fixture
def store(ui_home: Path) -> Iterator[Store]:
    with new_store() as opened:
        yield opened


@pytest.fixture
def model(ui_home: Path) -> Path:
    """This machine's model as it is installed, with one token a word or mark."""
    tokenizers = pytest.importorskip("tokenizers")
    folder = paths.engine_home() / "models" / providers.DEFAULT_ENGINE_MODEL
    folder.mkdir(parents=True)
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    return folder


def add(store: Store, *messages: dict[str, Any], **fields: Any) -> int:
    digest = hashlib.sha256(repr(messages).encode()).hexdigest()
    pair = store.pairs.add(NewPair(messages, digest, tokens=100, **fields))
    assert pair is not None
    return pair


def asked(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def said(text: str, **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **fields}


# What the model will see


@pytest.mark.parametrize("size", FOUR_SIZES, ids=str)
async def test_the_model_s_view(store: Store, model: Path, size: tuple[int, int]) -> None:
    long = "Leave the lid open and wait. " * 500
    add(
        store,
        {"role": "system", "content": "Be brief."},
        asked("Why?"),
        said("No.", weight=0),
        asked("How?"),
        said(long),
    )
    async with Review(size) as review:
        await review.press("m")
        await review.until(lambda: "▌ Error E4 means" in review.screen)
        await golden(review.app, f"pairs-model-{size[0]}x{size[1]}")
        assert "│ <|im_start|>assistant⏎" in review.screen
        await review.press("G")
        await review.until(lambda: "cut at 2,04" in review.screen and "Be brief." in review.screen)
        assert "│ No.<|im_end|>⏎" in review.screen
        await review.press("m" if size[0] >= 96 else "escape")
        await review.until(lambda: "<|im_start|>" not in review.screen)


async def test_the_place_of_the_cut_is_read_in_the_whole_text(store: Store, model: Path) -> None:
    add(store, asked("How?"), said("Leave the lid open and wait. " * 500))
    async with Review((80, 24)) as review:
        await review.press("G", "m")
        await review.until(lambda: "enter shows all of it" in review.screen)
        await review.press("enter")
        await review.until(lambda: "▌ Leave the lid open" in review.screen)
        rows = ["".join(span.text for span in row) for row in review.place.query_one("PairReader Lines", Lines).rows]
        total = 3 + 2 + 3000 + 2  # <|im_start|> role, the words, <|im_end|>
        at = rows.index(f"✂ cut here: the last {total - ENGINE_LENGTH} of {total:,} tokens are not trained")
        assert rows[at - 1].startswith("▌ ")
        assert rows[at + 1].startswith("╎ ")
        await review.press("m")
        await review.until(lambda: "▌ Leave" not in review.screen and "How?" in review.screen)
        await review.press("escape")
        assert "╭ Pairs" in review.screen


async def test_decisions_go_on_beside_the_model_s_view(store: Store, model: Path) -> None:
    async with Review() as review:
        await review.press("m", "a")
        await review.until(lambda: "My kettle shows E4, what now?<|im_end|>" in review.screen)
        await review.press("s")
        await review.until(lambda: "Pair and source" in review.screen)
        await review.press("s")
        assert "Pair and source" not in review.screen


async def test_without_the_model_the_messages_are_shown_as_they_are_sent(store: Store) -> None:
    async with Review() as review:
        await review.press("m")
        await review.until(lambda: "role: assistant⏎" in review.screen)
        assert "comes with the engine" in " ".join(review.screen.split())


async def test_a_template_that_refuses_says_so_and_nothing_else_stops(store: Store, model: Path) -> None:
    (model / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ raise_exception('no roles') }}"}))
    async with Review() as review:
        await review.press("m")
        await review.until(lambda: "does not take this" in review.screen)
        assert "no roles" in review.screen
        await review.press("a")
        assert review.decisions()[0] == "✓"


def rows_of(seen: Seen, target: Target, width: int = 60) -> list[str]:
    return ["".join(span.text for span in row) for row in seen_rows(seen, target, width)]


def test_a_provider_s_own_template_and_length(ui_home: Path) -> None:
    target = targets.of_provider(providers.get("openai"), epochs=3)
    assert target.length == 65_536
    messages = [asked("Why?"), said("So it is. " * 70_000)]
    rows = rows_of(see(messages, None, target.folder, target.length), target)
    assert "as it is sent: how the model reads it, its template, is the" in rows
    [cut] = [row for row in rows if row.startswith("✂")]
    assert cut.startswith("✂ cut here: about the last 214,478 of 280,014 tokens")
    below = rows[rows.index(cut) + 1 :]
    assert below[0].startswith("╎ ")
    assert not any(row.startswith("▌") for row in below)


def test_a_row_of_which_nothing_is_trained_says_so(ui_home: Path) -> None:
    target = targets.of_provider(providers.get("engine"))
    seen = see([asked("Why?"), said("So.", weight=0)], None, None, target.length)
    assert "! nothing of this row is trained" in rows_of(seen, target)


# Cost


def test_what_a_pair_costs(ui_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cost_words(targets.of_provider(providers.get("engine")), 1000) == "$0.00"
    openai = targets.of_provider(providers.get("openai"), epochs=3)
    assert cost_words(openai, 1000) == "$0.0090 for 3 epochs at most"
    other = targets.of_provider(providers.add("mine", "https://mine.example/v1", base_models=("m",)))
    assert (cost_words(other, 1000), other.length) == ("", None)


async def test_the_cost_is_that_of_the_latest_job(store: Store) -> None:
    async with Review((200, 50)) as review:
        await review.until(lambda: "149 tokens, $0.00" in review.screen)
        store.jobs.add(
            "first",
            provider="openai",
            base_url="https://x.example",
            base_model="gpt-4o-mini-2024-07-18",
            version=None,
            hyperparameters={"n_epochs": 2},
            cost_at_most=1.0,
        )
        await review.until(lambda: "149 tokens, $0.0009 for 2 epochs at most" in review.screen)


# What was changed


async def test_an_edit_is_shown_as_a_diff_and_taken_back(store: Store) -> None:
    store.pairs.edit(1, [asked("What does E4 mean on the K7?"), said(EDITED)], 140)
    async with Review((120, 40)) as review:
        await review.until(lambda: "[-lid-]{+cover+}" in review.screen)
        await golden(review.app, "pairs-edited-120x40")
        await review.press("U")
        assert review.bottom.startswith("001 is again as it was made · u undo")
        assert "[-lid-]" not in review.screen
        assert store.pairs.original(1) is None
        await review.press("U")
        assert review.bottom.startswith("001 is as it was made · e edits it")
        await review.press("u")
        assert "[-lid-]{+cover+}" in review.screen
        assert review.bottom.startswith("undone: reverted 001 · ctrl+r redo")


async def test_messages_that_came_or_went_are_marked(store: Store) -> None:
    pair = add(store, {"role": "system", "content": "Be brief."}, asked("Why?"), said("So."))
    store.pairs.edit(pair, [asked("Why?"), said("So."), asked("Really?"), said("Yes.")])
    async with Review() as review:
        await review.press("G", "enter")
        await review.until(lambda: "{+Really?+}" in review.screen)
        assert "[-Be brief.-]" in review.screen
        assert "system · removed" in review.screen


# The source


async def test_a_passage_that_was_cleaned_is_found_nearly(store: Store) -> None:
    data = {"markdown": "# Lamps\n\n**The Q1** costs [41 crowns](/q1) &amp; has *two* bulbs.\n\nOther text."}
    source = store.sources.add("lamps", "files", {})
    store.records.put(source.id, [Record("q", "https://q.example", "Lamps", data)])
    [record] = [found["id"] for found in store.records.iterate() if found["source"] == source.id]
    origin = {"passage": "The Q1 costs 41 crowns and has two bulbs."}
    add(store, asked("Price?"), said("41 crowns."), record=record, source=source.id, origin=origin)
    lost = {"passage": "Nothing of the kind stands in there."}
    add(store, asked("Lost?"), said("41 crowns."), record=record, source=source.id, origin=lost)
    add(store, asked("What?"), said("bulbs!"), record=record, source=source.id, origin={"passage": "bulbs!"})
    async with Review((160, 50)) as review:
        await review.press("G")
        await review.until(lambda: "≈ closest passage of the record: it holds all words" in review.screen)
        await review.press("k", "k")
        await review.until(lambda: "≈ The Q1** costs [41 crowns]" in review.screen)
        assert "≈ closest passage of the record: it holds 89 % of the words" in review.screen
        await review.press("j")
        await review.until(lambda: "▌ Nothing of the kind" in review.screen)
        assert "does not hold the passage in these words" in review.screen


async def test_rows_of_local_files_say_their_file_and_row(store: Store) -> None:
    answer = "Unplug it.\nWait twenty minutes."
    chat = {"messages": [asked("My lamp is broken"), said(answer)]}
    source = store.sources.add("lamp chats", "files", {})
    linked = {"url": "https://lamps.example/1", "text": "A lamp."}
    store.records.put(
        source.id,
        [Record("chats.jsonl:3", "", "", chat), Record("chats.jsonl:4", "https://lamps.example/1", "", linked)],
    )
    own, other = (found["id"] for found in store.records.iterate() if found["source"] == source.id)
    origin = {"template": "ready-made", "phrasing": "site", "heading": "My lamp is broken", "passage": answer}
    add(store, *chat["messages"], record=own, source=source.id, origin=origin)
    add(store, asked("A?"), said("B."), record=other, url="https://lamps.example/1", origin={"phrasing": "site"})
    store.pairs.replace_dropped(
        [
            (own, "", "short", "Lamp"),
            (None, f"source {source.id}", "boilerplate", "on 3 pages: Buy lamps"),
            (None, "source 99", "boilerplate", "on 4 pages: Buy more"),
        ]
    )
    async with Review((160, 50)) as review:
        await review.press("G", "k")
        await review.until(lambda: "lamp chats · ready-made · My lamp is broken" in review.screen)
        assert "chats.jsonl:3" in review.screen
        assert "in these words any more" not in review.screen
        assert '▌ messages: [{"role"' not in review.screen
        assert "▌ Unplug it.\\nWait twenty minutes." in review.screen
        await review.press("enter")
        await review.until(lambda: review.screen.count("lamp chats · ready-made") == 2)
        await review.press("escape", "j")
        await review.until(lambda: "lamp chats · chats.jsonl:4 · site" in review.screen)
        await review.press("slash")
        await review.type("dropped")
        await review.press("enter", "g")
        seen = list[str]()
        for _ in range(3):
            await review.until(lambda: review.screen not in seen)
            seen.append(review.screen)
            await review.press("j")
            await review.pilot.pause(0.2)
    assert sum("lamp chats" in screen for screen in seen) == 2
    assert sum("chats.jsonl:3" in screen for screen in seen) == 1
    assert sum("source 99" in screen for screen in seen) == 1
    assert not any(f"source {source.id}" in screen for screen in seen)


@pytest.mark.parametrize(("size", "key"), [((80, 24), "s"), ((80, 24), "enter"), ((120, 40), ""), ((120, 40), "enter")])
async def test_what_was_dropped_shows_the_record_that_it_would_have_come_from(
    store: Store, size: tuple[int, int], key: str
) -> None:
    source = store.sources.add("lamp pages", "files", {})
    url = "https://lamps.example/1"
    store.records.put(source.id, [Record(url, url, "The desk lamp", {"markdown": "Short.\n\nBut it is bright."})])
    record = next(found["id"] for found in store.records.iterate() if found["source"] == source.id)
    store.pairs.replace_dropped([(record, url, "too short", "The desk lamp: 1 word"), (99_999, "u", "no heading", "")])
    async with Review(size) as review:
        await review.press("slash")
        await review.type("dropped:short")
        await review.press("enter", *[key] * bool(key))
        await review.until(lambda: "But it is bright." in review.screen)
        for words in ("too short", "The desk lamp: 1 word", url, "The desk lamp", "Short."):
            assert words in review.screen
        await review.press("escape", "slash", *["backspace"] * 20)
        await review.type("dropped:heading")
        await review.press("enter", *[key] * bool(key))
        await review.until(lambda: "Its record is not here any more." in review.screen)


async def test_the_record_of_another_source_is_not_shown_for_what_was_dropped(store: Store) -> None:
    old = store.sources.add("old pages", "files", {}).id
    store.records.put(old, [Record("x", "", "Lamp", {"markdown": "The lamp glows."})])
    record = max(found["id"] for found in store.records.iterate())
    store.pairs.replace_dropped([NewDropped(record, "", "too short", "3 words", source=old)])
    store.sources.delete(old)
    new = store.sources.add("shop", "files", {}).id
    store.records.put(new, [Record("x", "", "Juicer", {"markdown": "The juicer turns."})])
    assert max(found["id"] for found in store.records.iterate()) == record
    async with Review((160, 50)) as review:
        await review.press("slash")
        await review.type("dropped")
        await review.press("enter")
        await review.until(lambda: "Its record is not here any more." in review.screen)
        assert "uicer" not in review.screen


async def test_a_pair_that_the_recipe_no_longer_makes_says_so_and_what_is_no_pair_names_it(store: Store) -> None:
    store.pairs.decide([7, 8], Decision.ACCEPTED)
    [record] = [pair.record for pair in store.pairs.page([8]).values()]
    with store.pairs.replacing() as replacing:
        replacing.drop([NewDropped(record, "https://lumora.example/w", "too short", "3 words")])
        replacing.finish()
    async with Review((160, 50)) as review:
        await review.press("slash")
        await review.type("is:kept")
        await review.press("enter")
        await review.until(lambda: "“is:kept”: 2" in review.screen)
        assert "kept from before: the recipe no longer makes it" in review.screen
        assert "(too" not in review.screen
        await review.press("G")
        await review.until(lambda: "kept from before: the recipe no longer makes it (too" in review.screen)
        await review.press("enter")
        assert "kept from before: the recipe no longer makes it (too short)" in review.screen
        await review.press("escape", "slash")
        await review.type("dropped")
        await review.press("enter")
        await review.until(lambda: "kept from before: pair 8" in review.screen)


# The whole text


async def test_a_long_pair_takes_the_lines_that_its_source_leaves_free(store: Store) -> None:
    answer = "\n".join(f"line {number}" for number in range(24))
    store.pairs.add(replace(new_pair("How is it done?", answer), origin={}))
    store.pairs.add(replace(new_pair("And how not?", f"{answer}\n{answer}"), origin={}))
    async with Review((160, 50)) as review:
        await review.press("G", "k")
        await review.until(lambda: "line 23" in review.screen)
        assert "shows all of it" not in review.screen
        assert "from" in review.screen
        await review.press("j")
        await review.until(lambda: "shows all of it" in review.screen)
        pane = [line[97:-1].strip() for line in review.screen.splitlines() if "││" in line]
        assert len([line for line in pane if line.startswith("line ")]) > 30
        assert "from" in pane


async def test_the_whole_text_scrolls_at_once(store: Store) -> None:
    add(store, asked("How?"), said("\n".join(f"line {number}" for number in range(400))))
    async with Review((80, 24)) as review:
        review.app.animation_level = "full"
        await review.press("G", "enter")
        await review.until(lambda: "line 1" in review.screen)
        reader = review.place.query_one(PairReader)
        await review.until(lambda: reader.max_scroll_y > 300)
        page = reader.scrollable_content_region.height
        for key, wanted in (
            ("pagedown", page),
            ("pagedown", 2 * page),
            ("j", 2 * page + 1),
            ("pageup", page + 1),
            ("G", reader.max_scroll_y),
            ("k", reader.max_scroll_y - 1),
            ("g", 0),
            ("end", reader.max_scroll_y),
            ("home", 0),
        ):
            await review.pilot.press(key)
            assert (reader.scroll_y, reader.scroll_target_y) == (wanted, wanted), key


@pytest.mark.parametrize("keys", [("enter",), ("s", "enter")])
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_all_of_a_text_without_blanks_is_in_the_lines(
    store: Store, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    text = "".join(f"{number:010d}" for number in range(400))
    add(store, asked("How?"), said(text))
    async with Review(size) as review:
        await review.press("G", *keys)
        await review.until(lambda: "0000000001" in review.screen)
        lines = review.place.query_one("PairReader Lines", Lines)
        await review.until(lambda: lines.size.height == len(lines.rows) > size[1])
        shown = ["".join(segment.text for segment in lines.render_line(y)).strip() for y in range(len(lines.rows))]
        assert "".join(line for line in shown if len(line) > 20 and line.isdigit()).startswith(text)


# Tool calls


async def test_tool_calls_are_drawn(store: Store) -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    add(store, asked("Price?"), call, {"role": "tool", "tool_call_id": "c1", "content": "40"}, call)
    async with Review() as review:
        await review.press("G")
        await review.until(lambda: "tool · c1" in review.screen)
        line = next(line for line in review.screen.splitlines() if " 009 Price?" in line)
        assert '→ price {"of": "K7"}' in line
        assert review.screen.count('→ price {"of": "K7"}') == 3
        assert "(empty" not in review.screen


# Width


@pytest.mark.parametrize("size", [(160, 50), (200, 50)], ids=str)
async def test_wide_lists_say_more(store: Store, size: tuple[int, int]) -> None:
    second = store.sources.add("product pages", "crawl", {})
    flags = {"short": "12 characters", "personal": "an e-mail address"}
    add(store, asked("Who?"), said("me@x.example"), source=second.id, flags=flags)
    async with Review(size) as review:
        await golden(review.app, f"pairs-{size[0]}x{size[1]}")
        await review.press("s")
        line = next(line for line in review.screen.splitlines() if "009" in line)
        assert "  product pages     personal, short    100 │" in line


@pytest.mark.parametrize(
    ("tokens", "shown"),
    [
        (0, "     0"),
        (98_304, "98,304"),
        (99_999, "99,999"),
        (100_000, "  100k"),
        (220_016, "  220k"),
        (1_234_567, "1,234k"),
        (10_000_000, "   10M"),
    ],
)
def test_a_token_count_fits_its_column(store: Store, tokens: int, shown: str) -> None:
    assert token_count(tokens) == shown
    pair = store.pairs.get(1)
    assert pair is not None
    row = list_row(replace(pair, tokens=tokens), 60, 3)
    text = "".join(span.text for span in row)
    assert cell_len(text) == 60
    assert text.endswith(f"{shown} ")


@pytest.mark.parametrize("width", [40, 60, WIDE, WIDER, 196])
def test_a_row_of_the_list_fits_exactly(store: Store, width: int) -> None:
    extra = Extra({1: "a name that is longer than its column", 2: "猫" * 20}, flags=True)
    pairs: Sequence[Pair] = list(store.pairs.page(list(store.pairs.ids())).values())
    for pair in pairs:
        assert sum(cell_len(span.text) for span in list_row(pair, width, 3, extra)) == width


async def test_a_record_of_another_source_is_not_shown_beside_a_pair(store: Store) -> None:
    add(store, asked("How?"), said("So."), source=1, record=1, url="https://old.example/gone")
    store.sources.delete(1)
    source = store.sources.add("shop", "files", {})
    store.records.put(source.id, [Record("x", "https://shop.example/x", "Juicer", {"markdown": "The juicer turns."})])
    async with Review((160, 50)) as review:
        assert "The juicer turns" in review.screen, "the first pair does not say of which source it is"
        await review.press("G")
        assert "https://old.example/gone" in review.screen
        assert "juicer" not in review.screen.lower()
