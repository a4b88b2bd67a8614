"""The cleaning of a recipe: records before pairs are made of them, and the pairs themselves."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from ftui.prepare import flags, language, mojibake, personal, residue
from ftui.prepare.boilerplate import Boilerplate, Learnt, Noted, Said, source_of
from ftui.prepare.pair import Dropped, Message, Pair, last_text
from ftui.prepare.recipe import STYLE, SUMMARY, Recipe

_DEEPEST = 20
# Addresses and the raw page are no texts.
_LEFT_ALONE = frozenset({"links", "html", "meta", "url", "canonical", "etag"})
# A row with one of these is a conversation, where a tag may be what it is about: taken as it is.
_CONVERSATIONS = frozenset({"messages", "conversations", "completion", "response", "output", "assistant"})
# Taken as they are, or with the text in them that the answer is about.
_LONG_QUESTIONS = ("ready-made", SUMMARY, STYLE)


class Cleaner:
    """Cleans the records and pairs of one run by one recipe.

    For boilerplate the records have to be seen twice: `learn` each of them first. Without
    that none is left out.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._settings = recipe.cleaning
        self._boilerplate: Boilerplate | None = None
        self._find = lru_cache(maxsize=8)(partial(personal.find, region=self._settings.region))
        self._last: tuple[str, Mapping[str, str]] = ("", {})
        self._judged: tuple[str, language.Judgement] = ("", language.Judgement(True))

    @property
    def learns(self) -> bool:
        """Whether a first pass over the records is of use."""
        return self._settings.boilerplate > 0

    def learn(self, record: Mapping[str, Any]) -> None:
        """See one record in the first pass."""
        if self.learns:
            self.count([self.said(record)])

    def said(self, record: Mapping[str, Any]) -> Said | None:
        """What `count` wants to know of one record, None for nothing."""
        return None if _is_conversation(record.get("data")) else self._counting().said(record)

    def count(self, said: Iterable[Said | None]) -> None:
        """See some records in the first pass by what `said` tells of them."""
        counting = self._counting()
        for each in said:
            if each is not None:
                counting.count(each)

    def learnt(self) -> Learnt:
        """After the first pass: all that the second one needs to know of it."""
        return self._counting().settle()

    def recall(self, learnt: Learnt) -> None:
        """Know what another one, of this process or of one that has forked from it, has learnt."""
        self._counting().recall(learnt)

    def noted(self, after: int = 0) -> list[Noted]:
        """What `rest` tells beyond the first `after` passages, to be handed to `note` elsewhere."""
        return self._boilerplate.noted(after) if self._boilerplate is not None else []

    def note(self, noted: Iterable[Noted]) -> None:
        """Take over what another one has left out."""
        self._counting().note(noted)

    def _counting(self) -> Boilerplate:
        if self._boilerplate is None:
            self._boilerplate = Boilerplate(self._settings.boilerplate, self._mend)
        return self._boilerplate

    def record(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """A record with clean texts: itself where there is nothing to do. A conversation stays as it is."""
        data = record.get("data")
        if not isinstance(data, Mapping) or _is_conversation(data):
            return record
        if self._boilerplate is not None and (shorter := self._boilerplate.strip(record)):
            data = {**data, **shorter}
        cleaned = self._value(data, 0)
        title = record.get("title")
        mended = self._mend(title) if isinstance(title, str) else title
        if cleaned is record["data"] and mended is title:
            return record
        return {**record, "data": cleaned, "title": mended}

    def begin(self) -> None:
        """The pairs that come next are of another record: what the one before said has no part in what comes of it."""
        self._judged = ("", language.Judgement(True))

    def pair(self, pair: Pair) -> Pair | Dropped:
        """A pair with its flags and, where the recipe says so, personal data masked; or why it is none.

        General pairs are never dropped.
        """
        question, answer = last_text(pair.messages, "user"), last_text(pair.messages, "assistant")
        is_domain = pair.kind == "domain"
        found = dict(pair.flags)
        if is_domain:
            if len(question) > self._settings.question and pair.origin.get("template") not in _LONG_QUESTIONS:
                return pair.lost("question too long", f"{len(question):,} characters: {question[:80]}")
            if self._settings.languages:
                judgement = self._language(pair.fact, question, answer)
                if not judgement.fits:
                    return pair.lost("other language", f"{judgement.doubt}: {question[:80]}")
                if judgement.doubt:
                    found["language"] = judgement.doubt
        found = {**self._of_answer(answer), **dict(flags.of_question(question)), **found}
        if not is_domain:  # "Paris." is what an ordinary question is answered with
            found.pop("short", None)
        messages = pair.messages
        if self._settings.personal != "keep":
            messages, named = self._personal(messages)
            if named:
                if self._settings.personal == "drop" and is_domain:
                    return pair.lost("personal data", f"{named}: {pair.origin.get('heading') or ''}"[:100])
                found["personal"] = f"masked: {named}" if self._settings.personal == "mask" else named
        if found == pair.flags:
            return pair
        return replace(pair, messages=messages, flags=found)

    def rest(self) -> Iterator[Dropped]:
        """After the last record: the passages that were left out as boilerplate, one for each site and passage."""
        if self._boilerplate is not None:
            for site, passage, pages in self._boilerplate.left_out():
                said, source = f"on {pages:,} pages: {passage[:200]}", source_of(site)
                yield Dropped(None, site, "boilerplate", said, source=source)

    def _value(self, value: Any, depth: int) -> Any:
        """`value` with its texts mended; the same object where there is nothing to do."""
        if isinstance(value, str):
            return self._text(value)
        if depth > _DEEPEST:
            return value
        if isinstance(value, Mapping):
            changed = {}
            for key, inner in value.items():
                if inner and key not in _LEFT_ALONE and (new := self._value(inner, depth + 1)) is not inner:
                    changed[key] = new
            return {**value, **changed} if changed else value
        if isinstance(value, list):
            mended = [self._value(inner, depth + 1) for inner in value]
            return mended if any(new is not old for new, old in zip(mended, value, strict=True)) else value
        return value

    def _text(self, text: str) -> str:
        """A cell of a table may hold JSON, which has to be JSON afterwards as well."""
        mended = self._mend(text)
        if mended is text or text[:1] not in ("[", "{"):
            return mended
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return mended
        return json.dumps(self._value(value, 1), ensure_ascii=False) if isinstance(value, list | dict) else mended

    def _mend(self, text: str) -> str:
        if self._settings.html:
            text = residue.strip(text)
        if text.isascii():
            return text
        if self._settings.mojibake:
            text = mojibake.mend(text)
        return unicodedata.normalize("NFKC", text) if self._settings.width else text

    def _of_answer(self, answer: str) -> Mapping[str, str]:
        """The flags of an answer, which the wordings of one fact share."""
        if self._last[0] != answer:
            self._last = (answer, dict(flags.of_answer(answer, self._settings)))
        return self._last[1]

    def _language(self, fact: str, question: str, answer: str) -> language.Judgement:
        """Of a fact, not of a wording: key words without small words are in no language."""
        if self._judged[0] != fact:
            text = answer if len(answer) >= 100 else f"{question} {answer}"
            self._judged = (fact, language.judge(text, self._settings.languages))
        return self._judged[1]

    def _personal(self, messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], str]:
        """The messages, masked where the recipe says so, and what was found in all of them."""
        everything, result = list[personal.Found](), list(messages)
        for place, message in enumerate(messages):
            text = message.get("content")
            if isinstance(text, str) and (found := self._find(text)):
                everything += found
                if self._settings.personal == "mask":
                    result[place] = {**message, "content": personal.mask(text, found)}
        return tuple(result), personal.named(everything)


def _is_conversation(data: Any) -> bool:
    return isinstance(data, Mapping) and not _CONVERSATIONS.isdisjoint(data)
