"""Facts in what was said: a question, and what another answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ftui.prepare.clean import clean
from ftui.prepare.facts import QUESTION_MARKS, Fact

_SPEAKER = re.compile(r"\s*(?:\[[\d:.]+\]\s*|\(?[\d:.]{4,}\)?\s+)?([^\W\d_][^:：\n]{0,40})[:：]\s+(\S.*)")
_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？।؟]+[」』”）]*|$)", re.DOTALL)
_LEAST_WORDS = 3
_LEAST_LETTERS = 5
"""What is shorter is "Right?" and "OK?". Letters count where words are written without spaces."""


@dataclass(slots=True)
class Turn:
    """What one said until the next spoke; `speaker` is "" where nobody knows."""

    speaker: str
    text: str


def find(data: Mapping[str, Any]) -> list[Fact]:
    """The questions of a transcript with their answers, in order; a question asked twice comes once."""
    spoken = turns(data)
    found: dict[str, Fact] = {}
    for question, answer in _by_speakers(spoken) if len({turn.speaker for turn in spoken}) > 1 else _by_text(spoken):
        if answer:
            found.setdefault(question.casefold(), Fact(question, answer, passage=answer))
    return list(found.values())


def turns(data: Mapping[str, Any]) -> list[Turn]:
    """Who said what, from cues with or without speakers, or from lines such as "Name: text"."""
    cues = data.get("cues")
    if isinstance(cues, list):
        said = [(str(cue.get("speaker") or ""), str(cue.get("text") or "")) for cue in cues if isinstance(cue, Mapping)]
        if not any(speaker for speaker, _ in said):
            said = list(_lines("\n".join(text for _, text in said)))
    else:
        said = list(_lines(str(data.get("markdown") or data.get("text") or data.get("transcript") or "")))
    result: list[Turn] = []
    for speaker, text in said:
        text = " ".join(clean(text).split())
        if not text:
            continue
        if result and result[-1].speaker == speaker:
            # Live captions roll: a cue repeats what the one before ended with.
            if not result[-1].text.endswith(text):
                result[-1].text += f" {text}"
        else:
            result.append(Turn(speaker, text))
    return result


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Lines with the name before them; a name that comes once only is no speaker."""
    lines = [line.strip().replace("**", "") for line in text.split("\n") if line.strip()]
    matches = [_SPEAKER.fullmatch(line) for line in lines]
    names = [match.group(1).strip() if match else "" for match in matches]
    count = Counter(names)
    speaker = ""
    for line, match, name in zip(lines, matches, names, strict=True):
        if match and count[name] > 1:
            speaker = name
            yield speaker, match.group(2)
        else:
            yield speaker, line


def _by_speakers(spoken: list[Turn]) -> Iterator[tuple[str, str]]:
    for turn, following in pairwise(spoken):
        question = _sentences(turn.text)[-1]
        if _is_question(question):
            yield question, following.text


def _by_text(spoken: list[Turn]) -> Iterator[tuple[str, str]]:
    """Of one voice: what stands between a question and the next."""
    question, answer = "", list[str]()
    for sentence in [each for turn in spoken for each in _sentences(turn.text)]:
        if not sentence.endswith(QUESTION_MARKS):
            answer.append(sentence)
        elif _is_question(sentence):
            if question:
                yield question, " ".join(answer)
            question, answer = sentence, []
    if question:
        yield question, " ".join(answer)


def _sentences(text: str) -> list[str]:
    return [match.group().strip() for match in _SENTENCE.finditer(text) if match.group().strip()] or [text]


def _is_question(sentence: str) -> bool:
    if not sentence.endswith(QUESTION_MARKS):
        return False
    spaced = not re.search(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]", sentence)
    return len(sentence.split()) >= _LEAST_WORDS if spaced else len(sentence) >= _LEAST_LETTERS
