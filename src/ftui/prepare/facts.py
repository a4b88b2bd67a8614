"""Facts on a page: a heading with what stands under it, and the FAQ a page declares.

Under a heading, a line such as "Also asked as:" begins a list of further wordings
of the question. They are not part of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from ftui.prepare.clean import plain
from ftui.prepare.fields import exchange, linked_data

_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*$")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d+[.)])\s+(.*)")
_SEPARATOR = re.compile(r"\s+[/|]\s+|(?<=[?？؟])\s+")
QUESTION_MARKS = ("?", "？", "؟")


@dataclass(slots=True)
class Fact:
    """Something that a page states.

    Attributes:
        heading: what it stands under; a question, or only a subject.
        answer: the text under it, without Markdown.
        also: further wordings of the question.
        passage: the text as the page has it.
        topic: what the page is about.
        origin: how it came about, where the page itself does not state it.
        flags: what a person should look at, with the reason of each.
    """

    heading: str
    answer: str
    also: list[str] = field(default_factory=list)
    passage: str = ""
    topic: str = ""
    origin: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """What to ask: the heading, and for one that is no question also what it belongs to."""
        if self.is_question or not self.topic or self.topic.casefold() in self.heading.casefold():
            return self.heading
        return f"{self.topic}: {self.heading}"

    @property
    def is_question(self) -> bool:
        return self.heading.endswith(QUESTION_MARKS)


def find(data: Mapping[str, Any], also_markers: Sequence[str]) -> list[Fact]:
    """The facts of a record, in the order of the page; one stated twice comes once."""
    found: dict[str, Fact] = {}
    about = topic(data)
    for fact in [*_given(data), *_sections(str(data.get("markdown") or ""), also_markers), *_declared(data)]:
        fact.topic = about
        known = found.setdefault(fact.heading.casefold(), fact)
        if known is not fact:
            known.answer = known.answer or fact.answer
            known.also += [other for other in fact.also if other not in known.also]
    return list(found.values())


def topic(data: Mapping[str, Any]) -> str:
    """What a page is about: its first heading, or its title without the name of the site."""
    for line in str(data.get("markdown") or "").split("\n"):
        match = _HEADING.match(line)
        if match and len(match.group(1)) == 1:
            return plain(match.group(2))
    return re.split(r"\s+[|–—-]\s+", plain(str(data.get("title") or "")))[0]


def _given(data: Mapping[str, Any]) -> Iterator[Fact]:
    """A row that is a question with its answer already."""
    question, answer = exchange(data)
    if question:
        yield Fact(question, answer, passage=answer)


def _sections(markdown: str, also_markers: Sequence[str]) -> Iterator[Fact]:
    heading, lines, fenced = "", list[str](), False
    for line in [*markdown.split("\n"), "# "]:
        if line.lstrip().startswith("```"):
            fenced = not fenced
        match = None if fenced else _HEADING.match(line.strip() + " " if line.strip() == "#" else line.strip())
        if match is None:
            lines.append(line)
            continue
        if heading:
            yield _section(heading, lines, also_markers)
        heading, lines = plain(match.group(2)), []


def _section(heading: str, lines: list[str], also_markers: Sequence[str]) -> Fact:
    body, also, in_also = list[str](), list[str](), False
    for line in lines:
        text = plain(line)
        marker = next((m for m in also_markers if m and text.casefold().startswith(m.casefold())), None)
        item = _ITEM.match(line)
        if marker is not None:
            in_also = True
            also += [part.strip() for part in _SEPARATOR.split(text[len(marker) :].lstrip(" :：")) if part.strip()]
        elif in_also and item and plain(item.group(1)):
            also.append(plain(item.group(1)))
        elif text or not in_also:
            in_also = False
            body.append(line)
    passage = "\n".join(body).strip()
    return Fact(heading, plain(passage), also, passage)


def _declared(data: Mapping[str, Any]) -> Iterator[Fact]:
    """The questions of a schema.org FAQPage."""
    for page in linked_data(data, "FAQPage"):
        entries = page.get("mainEntity")
        for entry in entries if isinstance(entries, list) else [entries]:
            if not isinstance(entry, Mapping):
                continue
            answer, others = entry.get("acceptedAnswer"), entry.get("alternateName") or []
            text = answer.get("text") if isinstance(answer, Mapping) else None
            if isinstance(entry.get("name"), str) and isinstance(text, str) and plain(entry["name"]):
                others = others if isinstance(others, list) else [others]
                also = [plain(other) for other in others if isinstance(other, str) and plain(other)]
                yield Fact(plain(entry["name"]), plain(_without_tags(text)), also, text)


class _Text(HTMLParser):
    """Collects the text of the little HTML that is allowed in a declared answer."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("p", "br", "div", "li", "ul", "ol", "tr", "h2", "h3", "h4"):
            self.parts.append("\n- " if tag == "li" else "\n")


def _without_tags(html: str) -> str:
    parser = _Text()
    parser.feed(html)
    parser.close()
    return "".join(parser.parts)
