"""The fields of a record that templates speak of, whatever its source calls them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ftui.prepare.clean import clean, plain

_ARTICLES = ("Article", "NewsArticle", "BlogPosting", "TechArticle", "Report", "ScholarlyArticle")


class Fields(NamedTuple):
    """What a template may use; "" and () where the record has nothing."""

    title: str
    brand: str
    features: tuple[str, ...]
    description: str
    url: str
    data: Mapping[str, Any]


def read(record: Mapping[str, Any]) -> Fields:
    """The fields of a record. A product's own structured data go before what the page says."""
    data = record["data"]
    product = next(linked_data(data, "Product"), {})
    brand = product.get("brand") or data.get("brand") or data.get("manufacturer")
    properties = [_property(each) for each in _each(product.get("additionalProperty"))]
    return Fields(
        title=_first(product.get("name"), data.get("title"), data.get("name"), record.get("title")),
        brand=_text(brand.get("name") if isinstance(brand, Mapping) else brand),
        features=tuple(filter(None, properties)) or _list(data.get("features")) or _list(data.get("bullets")),
        description=_first(product.get("description"), data.get("description"), data.get("about")),
        url=str(record.get("url") or ""),
        data=data,
    )


def text(data: Mapping[str, Any]) -> str:
    """The running text of a record as its source has it, with Markdown, "" where it has none."""
    for name in ("markdown", "text", "body", "content", "articleBody"):
        if isinstance(value := data.get(name), str) and value.strip():
            return clean(value)
    article = next((found for kind in _ARTICLES for found in linked_data(data, kind)), {})
    return clean(str(article.get("articleBody") or ""))


def summary(data: Mapping[str, Any]) -> str:
    """What a record itself says in short about its text, "" where it does not."""
    article = next((found for kind in _ARTICLES for found in linked_data(data, kind)), {})
    names = ("summary", "abstract", "tldr", "teaser")
    return _first(
        *(data.get(name) for name in names),
        article.get("abstract"),
        article.get("description"),
        data.get("description"),
    )


def error(data: Mapping[str, Any]) -> str:
    """What a source says went wrong with a row, "" for a row with content."""
    return _first(data.get("error"), data.get("error_code"))


def exchange(data: Mapping[str, Any]) -> tuple[str, str]:
    """The question and the answer of a row that has both: ("", "") where it has no question.

    Read are `question` and `answer`, `prompt` and `completion`, and the first question of
    chat `messages`.
    """
    for asked, answered in (("question", "answer"), ("prompt", "completion")):
        if asked in data and answered in data:
            return _text(data[asked]), _text(data[answered])
    messages = data.get("messages")
    said: dict[str, str] = {}
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, Mapping):
            said.setdefault(str(message.get("role")), _text(message.get("content")))
    return said.get("user", ""), said.get("assistant", "")


def linked_data(data: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    """The JSON-LD objects of a type that a page carries."""
    for item in _each(data.get("jsonld")):
        if isinstance(item, Mapping):
            types = item.get("@type")
            if kind in (types if isinstance(types, list) else [types]):
                yield item


def _each(value: Any) -> Sequence[Any]:
    """The values of a property: schema.org takes one where it takes several."""
    return [value] if isinstance(value, Mapping) else value if isinstance(value, list) else ()


def _first(*values: Any) -> str:
    for value in values:
        if value is not None and (text := _text(value)):
            return text
    return ""


def _text(value: Any) -> str:
    """A value as text. Cells of CSV files hold JSON, and the word null for nothing."""
    if not value and value != 0:
        return ""
    if isinstance(value, str):
        value = _unpacked(value)
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return "\n".join(text for each in value if (text := _text(each)))
    return clean(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _list(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = _unpacked(value)
    if isinstance(value, str):
        value = value.split("\n")
    return tuple(text for each in value if (text := _text(each))) if isinstance(value, list) else ()


def _unpacked(text: str) -> Any:
    if text.strip() == "null":
        return ""
    if text.lstrip().startswith("["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return text
        return value if isinstance(value, list) else text
    return text


def _property(value: Any) -> str:
    """A `PropertyValue` of schema.org in a line."""
    if not isinstance(value, Mapping):
        return _text(value)
    name, text = _text(value.get("name")), _text(value.get("value"))
    return text if not name or name.lower() == "feature" else f"{name}: {text}" if text else ""
