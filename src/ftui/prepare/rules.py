"""Rules that are learnt from what a person rejects.

A rule is a filter (`ftui.store.filters`): a person can read it, see what it finds,
and change it. Candidates are the flags, sources and kinds of the rejected pairs,
bounds of their tokens, words and phrases that many of them hold, and two of those
together. One is proposed only where it would have caught a good part of what was
rejected and hardly anything of what was accepted, and where that cannot well be
chance: the more candidates there were, the clearer it has to be.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ftui.prepare.rule_words import phrases
from ftui.store.filters import Term, parse, write
from ftui.store.folding import fold
from ftui.store.judged import LEAST, SAMPLE, Judged
from ftui.store.matching import Matcher
from ftui.store.pair import Decision

_RECALL = 1 / 3
"""Of what was rejected, what a rule has to catch."""
_PRECISION = 0.8
"""Of what a rule catches, what has to have been rejected, at the least (see `_surely`)."""
_CHANCE = 0.001
"""How likely a rule of a kind may be found where there is none."""
_PLAIN_CHANCE = 0.01
"""The same for one flag, source or kind that spares what was accepted: there are few of them, named beforehand."""
_SPARED = 0.1
"""Of what was accepted, what such a rule catches at the most."""
_FACTS = 5
"""Facts that what is caught has to be from: all wordings of a few are no reason for a rule."""
_SAME = 0.9
"""Share that two rules catch in common when they are the same one, in other words."""
_WORDS = 300
_FIRST, _SECOND = 60, 60
_BREATH = 16
"""Pairs after which the thread of the screen gets its turn, which `sleep(0)` gives it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A proposal.

    Attributes:
        text: in the language of filters.
        caught, rejected: of so many rejected pairs it would have caught so many.
        wrong, accepted: of so many accepted pairs it would have rejected so many.
        latest: whether these are the latest decisions only, not all.
    """

    text: str
    caught: int
    rejected: int
    wrong: int
    accepted: int
    latest: bool = False


@dataclass(slots=True)
class _Candidate:
    """Terms, and what they fit as sets of bits.

    Attributes:
        of: how many candidates of its kind were looked at.
        plain: how easy it is to understand, to choose between equals.
    """

    terms: tuple[Term, ...]
    bad: int
    good: int
    of: int
    plain: float
    score: float = field(default=0.0)


def learn(judged: Sequence[Judged], used: Iterable[str] = (), declined: Iterable[str] = ()) -> Iterator[Rule]:
    """Rules that would have decided as a person did, the best first; nothing where none is good enough.

    Args:
        judged: what was decided by hand; see `Pairs.judged`.
        used: rules that are followed already: what they fit is left aside.
        declined: rules that are not to be proposed again, nor any that catches nearly the same.
    """
    followed = [Matcher(parse(text)) for text in used]
    left = [each for each in judged if not any(matcher.fits(each) for matcher in followed)]
    bad = [each for each in left if each.decision is Decision.REJECTED]
    good = [each for each in left if each.decision is Decision.ACCEPTED]
    if len(bad) < LEAST or not good:
        return
    search = _Search(bad, good)
    unwanted = [search.mask(Matcher(parse(text)), bad) for text in declined]
    for candidate in search.best():
        if not any(_alike(candidate.bad, mask) for mask in unwanted):
            unwanted.append(candidate.bad)
            yield Rule(
                write(candidate.terms),
                candidate.bad.bit_count(),
                len(bad),
                candidate.good.bit_count(),
                len(good),
                len(judged) >= SAMPLE,
            )


class _Search:
    def __init__(self, bad: Sequence[Judged], good: Sequence[Judged]) -> None:
        self._bad, self._good = bad, good
        self._all_good = (1 << len(good)) - 1
        self._all_bad = (1 << len(bad)) - 1
        self._of_bad, self._of_good = self._facts(self._all_bad, bad), self._facts(self._all_good, good)
        self._least = max(math.ceil(_RECALL * len(bad)), 6)

    def best(self) -> list[_Candidate]:
        """Candidates that are good enough, the best first."""
        singles = [*self._flags(), *self._made(), *self._sources(), *self._tokens(), *self._words()]
        return sorted(
            (each for each in (*singles, *self._pairs(singles)) if self._good_enough(each)),
            key=lambda each: (-each.score, write(each.terms)),
        )

    def mask(self, matcher: Matcher, subjects: Sequence[Judged]) -> int:
        """A bit for each pair that a filter fits."""
        return _bits(matcher.fits(each) for each in subjects)

    # Candidates

    def _of(self, terms: Iterable[Term], plain: float) -> list[_Candidate]:
        listed = list(terms)
        found = []
        for term in listed:
            time.sleep(0)
            matcher = Matcher((term,))
            bad = self.mask(matcher, self._bad)
            if bad.bit_count() >= self._least:
                found.append(_Candidate((term,), bad, self.mask(matcher, self._good), len(listed), plain))
        return found

    def _flags(self) -> list[_Candidate]:
        names = sorted({flag for each in self._bad for flag in each.flags})
        return self._of((Term("flag", name) for name in names), 1.0)

    def _made(self) -> list[_Candidate]:
        names = sorted({name for each in self._bad for name in each.made})
        return self._of((Term("made", name) for name in names), 0.99)

    def _sources(self) -> list[_Candidate]:
        # A number means one source; a name is a part of the names of others, perhaps.
        # One that was deleted has no name any more, and nothing can be filtered by it.
        names = {each.source: each.source_name for each in (*self._bad, *self._good) if each.source_name}
        terms = []
        for number, name in sorted(names.items()):
            alone = '"' not in name and sum(fold(name) in fold(other) for other in names.values()) == 1
            terms.append(Term("source", name if alone else str(number)))
        return self._of(terms, 0.98)

    def _tokens(self) -> list[_Candidate]:
        """The best bound from below, and the best from above, of the round numbers."""
        counts = {each.tokens for each in (*self._bad, *self._good)}
        bounds = sorted({bound for tokens in counts for bound in _rounded(tokens)})
        found = []
        for sign in "<>":
            of_sign = self._of((Term("tokens", f"{sign}{bound}") for bound in bounds), 0.97)
            for each in of_sign:
                # Between two groups any bound will do: a rounder one is easier to keep in mind.
                each.plain += _roundness(each.terms[0].number()[1]) * 1e-6
                each.score = self._score(each)
            found += sorted(of_sign, key=lambda each: -each.score)[:3]
        return found

    def _words(self) -> list[_Candidate]:
        counted = [Counter[str](), Counter[str]()]
        for counter, subjects in zip(counted, (self._bad, self._good), strict=True):
            for number, each in enumerate(subjects):
                if number % _BREATH == 0:
                    time.sleep(0)
                counter.update(phrases(each.messages))
        often, rare = counted
        likely = [phrase for phrase, count in often.items() if count >= self._least]
        share = len(self._bad) / len(self._good)
        likely.sort(key=lambda phrase: (-(often[phrase] - 2 * share * rare[phrase]), -len(phrase), phrase))
        found = self._of((Term("", phrase) for phrase in likely[:_WORDS]), 0.96)
        for candidate in found:
            candidate.of = len(likely)
        return _without_parts(found)

    def _pairs(self, singles: Sequence[_Candidate]) -> Iterator[_Candidate]:
        """Two at a time: both fit, or one fits and the other does not."""

        def gap(each: _Candidate) -> float:
            return each.bad.bit_count() / len(self._bad) - each.good.bit_count() / len(self._good)

        ordered = sorted(singles, key=gap, reverse=True)
        first = ordered[:_FIRST]
        kinds = Counter(each.terms[0].key for each in singles)
        # Each one turned round: it may be what keeps the accepted ones out.
        turned = [
            _Candidate(
                (Term(each.terms[0].key, each.terms[0].value, wanted=False),),
                self._all_bad & ~each.bad,
                self._all_good & ~each.good,
                each.of,
                0.98 * each.plain,
            )
            for each in self._excluding()[:_SECOND]
        ]
        for number, one in enumerate(first):
            if number % 8 == 0:
                time.sleep(0)
            for other in (*first[number + 1 :], *turned):
                bad = one.bad & other.bad
                if bad.bit_count() < self._least:
                    continue
                good = one.good & other.good
                # A second condition has to be worth its words.
                if good.bit_count() >= min(one.good.bit_count(), other.good.bit_count()):
                    continue
                of = max(one.of, 1) * max(other.of, 1) * max(len(kinds), 1)
                yield _Candidate(
                    tuple(sorted((*one.terms, *other.terms), key=_order)),
                    bad,
                    good,
                    of,
                    0.94 * min(one.plain, other.plain),
                )

    def _excluding(self) -> list[_Candidate]:
        """What many of the accepted pairs have and few of the rejected ones."""
        names = sorted({flag for each in self._good for flag in each.flags})
        made = sorted({name for each in self._good for name in each.made})
        words = Counter[str]()
        for number, each in enumerate(self._good):
            if number % _BREATH == 0:
                time.sleep(0)
            words.update(phrases(each.messages, longest=1))
        frequent = [word for word, _ in words.most_common(_SECOND)]
        groups = (
            ([Term("flag", name) for name in names], 1.0),
            ([Term("made", name) for name in made], 0.99),
            ([Term("", word) for word in frequent], 0.96),
        )
        found = []
        for terms, plain in groups:
            for term in terms:
                matcher = Matcher((term,))
                found.append(
                    _Candidate(
                        (term,),
                        self.mask(matcher, self._bad),
                        self.mask(matcher, self._good),
                        len(words) if not term.key else len(terms),
                        plain,
                    )
                )
        return [each for each in found if each.good.bit_count() * 10 >= len(self._good)]

    # Judging them

    def _score(self, each: _Candidate) -> float:
        """How well a candidate does, 0 to 1: what it catches counts less than what it catches rightly."""
        caught, wrong = each.bad.bit_count(), each.good.bit_count()
        precision, recall = _surely(caught, caught + wrong), caught / len(self._bad)
        total = 0.25 * precision + recall
        return each.plain * 1.25 * precision * recall / total if total else 0.0

    def _good_enough(self, each: _Candidate) -> bool:
        caught, wrong = each.bad.bit_count(), each.good.bit_count()
        if caught < self._least or _surely(caught, caught + wrong) < _PRECISION:
            return False
        each.score = self._score(each)
        facts = self._facts(each.bad, self._bad), self._facts(each.good, self._good)
        if facts[0] < _FACTS:
            return False
        chance = _by_chance(facts[0], self._of_bad, facts[1], self._of_good)
        named = len(each.terms) == 1 and each.terms[0].key in ("flag", "made", "source")
        allowed = _PLAIN_CHANCE if named and wrong <= _SPARED * len(self._good) else _CHANCE
        return chance + math.log(each.of) < math.log(allowed)

    @staticmethod
    def _facts(mask: int, subjects: Sequence[Judged]) -> int:
        """Different facts of some pairs: the wordings of one were decided on together, as like as not."""
        return len({each.fact or each.id for number, each in enumerate(subjects) if mask >> number & 1})


def _order(term: Term) -> tuple[bool, int]:
    """What is wanted first, and of that what says the most in the fewest words."""
    return not term.wanted, ("flag", "made", "source", "tokens", "").index(term.key)


def _bits(values: Iterable[bool]) -> int:
    """The first value in the lowest bit."""
    return int("".join("1" if value else "0" for value in values)[::-1] or "0", 2)


def _alike(one: int, other: int) -> bool:
    union = (one | other).bit_count()
    return bool(union) and (one & other).bit_count() >= _SAME * union


def _surely(hits: int, of: int, z: float = 1.645) -> float:
    """The share of hits that is behind `hits` of `of` at the least, in 95 of 100 cases (Wilson's lower bound)."""
    if not of:
        return 0.0
    share = hits / of
    middle = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - spread) / (1 + z * z / of)


def _by_chance(caught: int, rejected: int, wrong: int, accepted: int) -> float:
    """The logarithm of how likely it is that so many, or more, of those that fit were rejected if it meant nothing.

    Fisher's exact test, one-sided.
    """
    fits = caught + wrong
    total = _choose(rejected + accepted, fits)
    terms = [
        _choose(rejected, hits) + _choose(accepted, fits - hits) - total
        for hits in range(caught, min(fits, rejected) + 1)
    ]
    largest = max(terms)
    return largest + math.log(sum(math.exp(term - largest) for term in terms))


def _choose(of: int, some: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(some + 1) - math.lgamma(of - some + 1)


def _rounded(tokens: int) -> Iterator[int]:
    """Round numbers at and around a number: 170, 180, 150, 200, 100 for 173."""
    unit = int(10 ** max(len(str(tokens)) - 2, 0))
    for step in (unit, 5 * unit, 10 * unit):
        yield tokens // step * step
        yield (tokens // step + 1) * step


def _roundness(number: int) -> int:
    return max(step for step in (1000, 500, 100, 50, 10, 5, 2, 1) if number % step == 0)


def _without_parts(found: Sequence[_Candidate]) -> list[_Candidate]:
    """Of phrases that stand in the same pairs, the longest one: it says the most."""
    longest: dict[tuple[int, int], _Candidate] = {}
    for each in found:
        known = longest.get((each.bad, each.good))
        if known is None or len(each.terms[0].value) > len(known.terms[0].value):
            longest[each.bad, each.good] = each
    return list(longest.values())
