"""Links in a text: their search and replacement, for link shortening. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

_LINK = re.compile(r"\bhttps?://[^\s<>\"“”«»]+", re.IGNORECASE)
_TRAILING = ".,;:!?'’…*"
_CLOSING = {")": "(", "]": "[", "}": "{"}


class TextLink(msgspec.Struct, frozen=True):
    """A link and its position: ``text[start:end] == url``."""

    url: str
    start: int
    end: int


def find_links(text: str) -> tuple[TextLink, ...]:
    """Return the http and https links of ``text`` in their order. They exclude the punctuation of the sentence
    behind a link, and a closing bracket that was opened before it (inferred)."""
    links = []
    for found in _LINK.finditer(text):
        url = _without_trailing(found[0])
        if url.partition("://")[2].strip("/?#"):
            links.append(TextLink(url, found.start(), found.start() + len(url)))
    return tuple(links)


def replace_links(text: str, shorten: Callable[[str], str]) -> str:
    """Return ``text`` with each link replaced by the result of ``shorten``."""
    pieces = []
    end = 0
    for link in find_links(text):
        pieces += [text[end : link.start], shorten(link.url)]
        end = link.end
    return "".join([*pieces, text[end:]])


def _without_trailing(url: str) -> str:
    surplus = {closing: url.count(closing) - url.count(opening) for closing, opening in _CLOSING.items()}
    end = len(url)
    while True:  # "http" stays in any case
        last = url[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return url[:end]
