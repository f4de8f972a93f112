"""Finds the links in a text, and replaces them: what link shortening reads. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

_LINK = re.compile(r"\bhttps?://[^\s<>\"“”«»]+", re.IGNORECASE)
_TRAILING = ".,;:!?'’…*"
_CLOSING = {")": "(", "]": "[", "}": "{"}


class Link(msgspec.Struct, frozen=True):
    """A link and where it stands: ``text[start:end] == url``."""

    url: str
    start: int
    end: int


def find_links(text: str) -> tuple[Link, ...]:
    """The http and https links of ``text`` in their order. The punctuation of the sentence behind a link is no part
    of it, nor is a closing bracket that was opened before it (inferred)."""
    links = []
    for found in _LINK.finditer(text):
        url = _without_trailing(found[0])
        if url.partition("://")[2].strip("/?#"):
            links.append(Link(url, found.start(), found.start() + len(url)))
    return tuple(links)


def replace_links(text: str, shorten: Callable[[str], str]) -> str:
    """``text`` with each link replaced by what ``shorten`` answers for it."""
    pieces = []
    end = 0
    for link in find_links(text):
        pieces += [text[end : link.start], shorten(link.url)]
        end = link.end
    return "".join([*pieces, text[end:]])


def _without_trailing(url: str) -> str:
    surplus = {closing: url.count(closing) - url.count(opening) for closing, opening in _CLOSING.items()}
    end = len(url)
    while end:
        last = url[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return url[:end]
