"""What web pages and programs leave in a text: tags, entities, scripts, data of pictures."""

from __future__ import annotations

import html
import re

_BLOCK = "p|div|br|hr|h[1-6]|ul|ol|dl|dt|dd|tr|table|thead|tbody|section|article|header|footer|blockquote|pre|figure"
_INLINE = (
    "a|abbr|address|aside|b|big|button|caption|center|cite|code|col|colgroup|del|details|em|figcaption|font|form|i|"
    "iframe|img|input|ins|kbd|label|link|main|mark|meta|nav|nobr|noscript|o:p|option|picture|q|s|samp|select|small|"
    "source|span|strike|strong|sub|summary|sup|svg|path|td|textarea|tfoot|th|time|tt|u|var|video|wbr|html|head|body|title"
)
# An attribute has a value, or there are none: "<a>" and "<p class='x'>", but not "x <b and c> d".
_ALONE = "disabled|selected|checked|controls|nowrap|open|hidden|async|defer|required|readonly"
_REST = rf"(?:\s+(?:[^<>=\s]{{1,60}}\s*=[^<>]{{0,2000}}|{_ALONE}))?\s*/?>"
_TAG = re.compile(rf"<(/?)({_BLOCK}|{_INLINE}|li){_REST}", re.IGNORECASE)
_DOCTYPE = re.compile(r"<!doctype[^<>]{0,200}>|<!\[CDATA\[|\]\]>", re.IGNORECASE)
_BEGINNING = re.compile(r"<!--|<(script|style)\b[^<>]{0,2000}>", re.IGNORECASE)
_ENDS = {
    "": re.compile("-->"),
    "script": re.compile(r"</script\s*>", re.IGNORECASE),
    "style": re.compile(r"</style\s*>", re.IGNORECASE),
}
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_PICTURE = re.compile(r"data:[a-z]+/[\w.+-]+;base64,[A-Za-z0-9+/=]{16,}")
_CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]+`)", re.DOTALL)
_ROUNDS = 3

_LEFT = (
    (
        "<",
        re.compile(r"</?(?:div|span|p|br|a|li|td|img|script|style|iframe)\b[^<>]{0,200}>", re.IGNORECASE),
        "an HTML tag",
    ),
    ("&", re.compile(r"&(?:nbsp|amp|quot|lt|gt|apos|#\d{2,5});"), "an HTML entity"),
    ("{{", re.compile(r"\{\{[^{}\n]{1,80}\}\}"), "a placeholder in braces"),
    ("{%", re.compile(r"\{%[^{}\n]{1,80}%\}"), "a template tag"),
    ("[object ", re.compile(r"\[object \w+\]"), "[object …] of a script"),
    ("function", re.compile(r"\bfunction\s?\w*\([\w, ]*\)\s*\{"), "a piece of a script"),
    ("\\", re.compile(r"\\u[0-9a-fA-F]{4}|(?:\\[nrt]){2}|\w\\n\w"), "escaped characters"),
    ("base64,", re.compile("base64,"), "data of a picture"),
    ("orem", re.compile(r"\b[Ll]orem ipsum\b"), "lorem ipsum"),
)


# In each of those signs is one of these, most of them a single character: many texts have none.
_SIGNS = ("<", "&", "{", "[", "\\", "function", "base64,", "orem")


def strip(text: str) -> str:
    """`text` without the tags and comments of HTML, its entities as the characters they stand for.

    Paragraphs become lines and items a list. Code in Markdown's backticks stays as it is,
    and so does "a < b".
    """
    if "<" not in text and "&" not in text and "base64," not in text:
        return text
    if "`" not in text:
        return _strip(text)
    parts = _CODE.split(text)
    parts[::2] = map(_strip, parts[::2])
    return "".join(parts)


def left(text: str) -> str:
    """What of a page or a program is still in a text, in a few words; "" for nothing."""
    if not any([sign in text for sign in _SIGNS]):  # noqa: C419 (a third of the time)
        return ""
    return next((name for sign, pattern, name in _LEFT if sign in text and pattern.search(text)), "")


def _strip(text: str) -> str:
    for _ in range(_ROUNDS):  # an export of an export escapes twice
        before = text
        if "base64," in text:
            text = _PICTURE.sub("", text)
        if "<" in text:
            text = _TAG.sub(_instead, _DOCTYPE.sub("", _without_hidden(text)))
        if "&" in text:
            text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
        if text == before:
            break
    return text


def _without_hidden(text: str) -> str:
    """`text` without comments, scripts and styles. One that is never closed stays."""
    kept, place = list[str](), 0
    while beginning := _BEGINNING.search(text, place):
        end = _ENDS[(beginning.group(1) or "").lower()].search(text, beginning.end())
        if end is None:
            break
        kept.append(text[place : beginning.start()])
        place = end.end()
    return "".join(kept) + text[place:]


def _instead(match: re.Match[str]) -> str:
    name = match.group(2).lower()
    if name == "li":
        return "" if match.group(1) else "\n- "
    if name in ("td", "th"):
        return " "
    return "\n" if _IS_BLOCK.fullmatch(name) else ""


_IS_BLOCK = re.compile(_BLOCK)
