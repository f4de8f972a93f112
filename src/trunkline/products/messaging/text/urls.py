"""URLs in a text: their search and replacement, for link shortening. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

_URL = re.compile(r"\bhttps?://[^\s<>\"“”«»]+", re.IGNORECASE)
_TRAILING = ".,;:!?'’…*"
_CLOSING = {")": "(", "]": "[", "}": "{"}


class TextUrl(msgspec.Struct, frozen=True):
    """A URL and its position: ``text[start:end] == url``."""

    url: str
    start: int
    end: int


def find_urls(text: str) -> tuple[TextUrl, ...]:
    """Return the http and https URLs of ``text`` in their order. They exclude the punctuation of the sentence
    behind a URL, and a closing bracket that was opened before it (inferred)."""
    urls = []
    for found in _URL.finditer(text):
        url = _without_trailing(found[0])
        if url.partition("://")[2].strip("/?#"):
            urls.append(TextUrl(url, found.start(), found.start() + len(url)))
    return tuple(urls)


def replace_urls(text: str, shorten: Callable[[str], str]) -> str:
    """Return ``text`` with each URL replaced by the result of ``shorten``."""
    pieces = []
    end = 0
    for found in find_urls(text):
        pieces += [text[end : found.start], shorten(found.url)]
        end = found.end
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
