"""Rules learnt from rejections, and rules that a recipe follows."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

from ftui.prepare import Dropped, Pair, prepare
from ftui.prepare import recipe as recipes
from ftui.prepare.recipe import Recipe, Rules
from ftui.prepare.rule_words import phrases
from ftui.prepare.rules import learn
from ftui.store.judged import LEAST, SAMPLE, Judged
from ftui.store.pair import Decision, search_text

ENGLISH = re.findall(
    r"\w+",
    """
    kettle lid sensor water press button clean open hold store warm cold filter belt
    motor page help read first turn power light red green blue small large table
""",
)
RUSSIAN = re.findall(
    r"\w+",
    """
    чайник крышка датчик вода кнопка чистить открыть держать магазин тепло холод
    фильтр ремень мотор страница помощь читать первый включить питание свет красный
""",
)
SCRIPTS = pytest.mark.parametrize("words", [ENGLISH, RUSSIAN], ids=["latin", "cyrillic"])


def judged(
    number: int,
    question: str,
    answer: str,
    rejected: bool,
    *,
    flags: tuple[str, ...] = (),
    tokens: int = 30,
    source: int = 1,
    fact: str = "",
    made: tuple[str, ...] = ("question-and-answer", "site"),
) -> Judged:
    messages = ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    decision = Decision.REJECTED if rejected else Decision.ACCEPTED
    name = {1: "pages", 2: "shop", 3: ""}[source]
    return Judged(
        number, messages, search_text(messages), tokens, frozenset(flags), "domain", source, name, fact, made, decision,
        False,
    )  # fmt: skip


def many(
    words: list[str], count: int, one: Callable[[random.Random, int, str, str], Judged], seed: int = 1
) -> list[Judged]:
    """Pairs of random words, each as `one` decides on it."""
    chosen = random.Random(seed)
    return [
        one(chosen, number, " ".join(chosen.choices(words, k=6)) + "?", " ".join(chosen.choices(words, k=20)) + ".")
        for number in range(count)
    ]


def best(pairs: list[Judged]) -> str:
    return next((rule.text for rule in learn(pairs)), "")


@SCRIPTS
def test_a_phrase_that_is_rejected_is_found(words: list[str]) -> None:
    phrase = "Sure here is" if words is ENGLISH else "Конечно вот ответ"

    def one(chosen: random.Random, number: int, question: str, answer: str) -> Judged:
        rejected = chosen.random() < 0.3
        told = rejected and chosen.random() < 0.7
        return judged(number, question, f"{phrase} {answer}" if told else answer, rejected)

    rule = next(learn(many(words, 200, one)))
    assert rule.text == f'"{phrase.lower()}"'
    assert (rule.wrong, rule.latest) == (0, False)
    assert rule.caught > 0.6 * rule.rejected > 20
    assert rule.rejected + rule.accepted == 200


def test_a_piece_of_a_script_without_spaces_is_found() -> None:
    letters = [chr(0x4E00 + number) for number in range(200)]

    def one(chosen: random.Random, number: int, question: str, answer: str) -> Judged:
        rejected = chosen.random() < 0.3
        text = "".join(chosen.choices(letters, k=20))
        return judged(number, "猫?", text[:9] + ("点击此处" if rejected else "") + text[9:], rejected)

    assert best(many(ENGLISH, 150, one)) == "点击此处"


def test_flags_sources_kinds_and_bounds_are_found() -> None:
    def flag(chosen: random.Random, number: int, question: str, answer: str) -> Judged:
        short = chosen.random() < 0.3
        return judged(number, question, answer, short != (chosen.random() < 0.02), flags=("short",) if short else ())

    def source(chosen: random.Random, number: int, question: str, answer: str) -> Judged:
        where = chosen.choice([1, 2])
        return judged(number, question, answer, where == 2, source=where)

    def kind(chosen: random.Random, number: int, question: str, answer: str) -> Judged:
        how = chosen.choice(["site", "noise", "wrapped"])
        return judged(
            number, question, answer, how == "noise", made=("question-and-answer", how), fact=str(number // 3)
        )

    def bound(chosen: random.Random, number: int, question: str, answer: str) -> Judged:
        tokens = chosen.choice([*range(5, 38), *range(43, 90)])
        return judged(number, question, answer, tokens < 40, tokens=tokens)

    assert best(many(ENGLISH, 200, flag)) == "flag:short"
    assert best(many(ENGLISH, 200, source)) == "source:shop"
    assert best(many(ENGLISH, 200, kind)) == "made:noise"
    assert best(many(ENGLISH, 200, bound)) == "tokens:<40"


def test_a_source_that_was_deleted_is_no_rule() -> None:
    def one(chosen: random.Random, number: int, question: str, answer: str) -> Judged:
        where = chosen.choice([1, 3])
        flags = ("short",) if where == 3 and chosen.random() < 0.9 else ()
        return judged(number, question, answer, where == 3, source=where, flags=flags)

    rules = [rule.text for rule in learn(many(ENGLISH, 200, one))]
    assert rules[0] == "flag:short"
    assert not any("source:" in rule for rule in rules)


def test_two_conditions_where_one_alone_catches_what_was_accepted() -> None:
    def one(chosen: random.Random, number: int, question: str, answer: str) -> Judged:
        short, how = chosen.random() < 0.4, chosen.choice(["site", "noise", "wrapped"])
        flags = ("short",) if short else ()
        return judged(number, question, answer, short and how == "noise", flags=flags, made=("q", how))

    assert best(many(ENGLISH, 400, one)) == "flag:short made:noise"

    def manual(chosen: random.Random, number: int, question: str, answer: str) -> Judged:
        short, about = chosen.random() < 0.4, chosen.random() < 0.5
        text = f"{answer} manual" if about else answer
        return judged(number, question, text, short and not about, flags=("short",) if short else ())

    assert best(many(ENGLISH, 400, manual)) == "flag:short -manual"


@SCRIPTS
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_nothing_is_proposed_where_rejections_follow_nothing(words: list[str], share: float) -> None:
    def one(chosen: random.Random, number: int, question: str, answer: str) -> Judged:
        flags = tuple(flag for flag in ("short", "long", "cut") if chosen.random() < 0.2)
        rejected, tokens = chosen.random() < share, chosen.randint(5, 200)
        return judged(number, question, answer, rejected, flags=flags, tokens=tokens, source=chosen.choice([1, 2]))

    for seed in range(6):
        assert best(many(words, 300, one, seed)) == ""
        assert best(many(words, 60, one, seed)) == ""


def test_a_rule_that_also_catches_accepted_ones_is_not_proposed() -> None:
    def one(chosen: random.Random, number: int, question: str, answer: str) -> Judged:
        short = chosen.random() < 0.4
        return judged(number, question, answer, short and chosen.random() < 0.6, flags=("short",) if short else ())

    assert best(many(ENGLISH, 300, one)) == ""


def test_too_few_rejections_or_facts_are_no_reason() -> None:
    def pairs(rejected: int, facts: int) -> list[Judged]:
        bad = [judged(n, "q", "sure", True, flags=("short",), fact=f"f{n % facts}") for n in range(rejected)]
        return [*bad, *(judged(n, "q", "a", False) for n in range(100, 200))]

    assert best(pairs(LEAST, 24)) == "flag:short"
    assert best(pairs(LEAST - 1, 23)) == ""
    assert best(pairs(60, 2)) == "", "all wordings of two facts were rejected"


@pytest.mark.parametrize(("short", "accepted_short"), [(26, 1), (24, 0), (22, 0)])
def test_what_is_plain_to_see_is_proposed_after_two_dozen_rejections(short: int, accepted_short: int) -> None:
    def one(number: int, rejected: bool, flagged: bool) -> Judged:
        # Two phrasings of each fact, as they stand one behind the other in the list.
        flags = ("short",) if flagged else ("personal",) if number % 3 == 0 else ()
        return judged(number, "q", f"a{number}", rejected, flags=flags, fact=str(number // 2))

    bad = [one(number, True, number < short) for number in range(28)]
    good = [one(number, False, number < 100 + accepted_short) for number in range(100, 114)]
    rule = next(learn([*bad, *good]))
    assert (rule.text, rule.caught, rule.rejected) == ("flag:short", short, 28)
    assert (rule.wrong, rule.accepted) == (accepted_short, 14)


def test_what_was_declined_does_not_come_again_and_what_is_used_is_left_aside() -> None:
    def one(chosen: random.Random, number: int, question: str, answer: str) -> Judged:
        short, odd = chosen.random() < 0.2, chosen.random() < 0.2
        flags = ("short",) if short else ()
        return judged(number, question, f"Click here {answer}" if odd else answer, short or odd, flags=flags)

    pairs = many(ENGLISH, 400, one)
    texts = [rule.text for rule in learn(pairs)]
    assert {"flag:short", '"click here"'} <= set(texts)
    again = [rule.text for rule in learn(pairs, declined=["flag:short", "click"])]
    assert not {"flag:short", "click", '"click here"'} & set(again)
    left = next(learn(pairs, used=["flag:short"]))
    assert left.text == '"click here"'
    assert left.caught == left.rejected < sum(each.decision is Decision.REJECTED for each in pairs)


def test_the_latest_decisions_are_said_to_be_the_latest() -> None:
    pairs = [judged(n, "q", "a", n % 4 == 0, flags=("cut",) if n % 4 == 0 else ()) for n in range(SAMPLE)]
    assert next(learn(pairs)).latest


def test_phrases_end_at_marks_and_are_found_in_the_pair() -> None:
    messages = [
        {"role": "system", "content": "never"},
        {"role": "user", "content": "Wie HEISST, die Straße?"},
        {"role": "assistant", "content": 'So "quoted words" — हिन्दी में'},
    ]
    found = phrases(messages)
    assert {"heisst", "die strasse", "wie heisst", "quoted words"} <= found
    assert not {"heisst die", "never", "so quoted"} & found
    from ftui.store.folding import fold

    assert all(fold(phrase) in search_text(messages) for phrase in found)


# In a recipe


def _records(count: int) -> list[dict[str, object]]:
    data = [
        {
            "question": f"What is number {number}?",
            "answer": "It is odd, so much is sure." if number % 2 else "It is even, that is all.",
        }
        for number in range(count)
    ]
    return [{"id": n, "source": 7, "url": f"u{n}", "title": "", "data": each} for n, each in enumerate(data)]


def test_a_pair_that_a_rule_fits_is_dropped_with_the_rule_as_its_reason() -> None:
    recipe = Recipe(rules=Rules(("so much is sure", "flag:nothing")))
    plain = [each for each in prepare(_records(20), Recipe()) if isinstance(each, Pair)]
    assert len({each.fact for each in plain}) == 20
    items = list(prepare(_records(20), recipe))
    dropped = [each for each in items if isinstance(each, Dropped)]
    kept = {each.fact for each in items if isinstance(each, Pair)}
    assert kept == {each.fact for each in plain if "even" in str(each.messages)}
    assert len(kept) == 10
    assert {each.reason for each in dropped} == {"rule: so much is sure"}
    assert dropped[0].detail == "What is number 1?"
    assert [each.scope for each in dropped] == ["record"] * 10


def test_a_rule_knows_sources_tokens_and_kinds() -> None:
    for text in ("source:shop", "source:7", "tokens:>1", "is:domain", "-source:pages", "made:site"):
        items = prepare(_records(3), Recipe(rules=Rules((text,))), sources={7: "Shop", 8: "pages"})
        assert [each.reason for each in items if isinstance(each, Dropped)] == [f"rule: {text}"] * 3, text


def test_rules_and_target_are_read_and_written() -> None:
    recipe = recipes.parse('[rules]\nreject = ["flag:short", \'"sure here" -lid\']\n[review]\ntarget = 300\n')
    assert recipe.rules.reject == ("flag:short", '"sure here" -lid')
    assert recipe.review.target == 300
    assert recipes.parse(recipes.dump(recipe)) == recipe
