"""The fenced code blocks of a Markdown document, and its author's remarks to the test about them.

A block's language stands behind its fence. HTML comments on the lines right above the fence add to it: ``<!--
test: env NAME=value -->`` sets a variable for the block, ``<!-- test: skip because REASON -->`` leaves it
out, for one of a few reasons.
"""

from __future__ import annotations

import enum
import re
import textwrap
from dataclasses import dataclass, field


class Language(enum.Enum):
    """The languages that a block may be in."""

    SHELL = "sh"
    CONSOLE = "console"
    PYTHON = "python"
    JAVASCRIPT = "js"
    JSON = "json"
    TOML = "toml"
    YAML = "yaml"
    INI = "ini"
    TEXT = "text"


ALIASES = {"bash": Language.SHELL, "javascript": Language.JAVASCRIPT}
RUNNABLE = {Language.SHELL, Language.CONSOLE, Language.PYTHON, Language.JAVASCRIPT}
REASONS = {
    "it starts a server in the foreground",
    "it needs root",
    "it needs another machine",
    "it needs a carrier",
    "it needs a browser",
    "it fetches the checkout",
    "it installs a package",
    "it runs the tests",
}

_FENCE = re.compile(r"(?P<indent>\s*)(?P<fence>`{3,}|~{3,})\s*(?P<language>[^\s`]*)[^`]*")
_COMMENT = re.compile(r"\s*<!--\s*test:\s*(?P<what>.*?)\s*-->\s*")
_ENV = re.compile(r"env (?P<name>[A-Za-z_]\w*)=(?P<value>.*)")


class BadDocument(AssertionError):
    """A document whose blocks or annotations cannot be understood; the text names the line."""


@dataclass(frozen=True)
class Block:
    """A block: the place of its first line of code, its language, and its remarks."""

    place: str
    language: Language
    text: str
    skip: bool = False
    env: dict[str, str] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """True if the block is a program that the test runs."""
        return self.language in RUNNABLE and not self.skip


def _language(place: str, name: str) -> Language:
    if name in ALIASES:
        return ALIASES[name]
    try:
        return Language(name)
    except ValueError:
        raise BadDocument(
            f"{place}: a block in {name or 'no language'}, which no test can run or parse"
        ) from None


def _annotated(place: str, annotations: list[str]) -> tuple[bool, dict[str, str]]:
    skip, env = False, {}
    for what in annotations:
        if found := _ENV.fullmatch(what):
            env[found["name"]] = found["value"]
        elif what.removeprefix("skip because ") in REASONS and what.startswith("skip because "):
            skip = True
        else:
            raise BadDocument(f"{place}: cannot follow {what!r}; the reasons to skip are {sorted(REASONS)}")
    return skip, env


def blocks(path: str, text: str) -> list[Block]:
    """Return the blocks of a document, in its order. Raise BadDocument."""
    found: list[Block] = []
    annotations: list[str] = []
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line, place = lines[number], f"{path}:{number + 1}"
        number += 1
        if comment := _COMMENT.fullmatch(line):
            annotations.append(comment["what"])
        elif opening := _FENCE.fullmatch(line):
            body, number = _body(place, lines, number, opening["fence"])
            skip, env = _annotated(place, annotations)
            found.append(Block(place, _language(place, opening["language"]), body, skip, env))
            annotations = []
        elif annotations:
            raise BadDocument(f"{place}: an annotation must stand right above its block")
    if annotations:
        raise BadDocument(f"{path}: ends with an annotation of no block")
    return found


def _body(place: str, lines: list[str], start: int, fence: str) -> tuple[str, int]:
    """Return a block's code, and the index of the line behind its closing fence."""
    for number in range(start, len(lines)):
        closing = lines[number].strip()
        if closing.startswith(fence) and not closing.strip(fence[0]):
            return textwrap.dedent("\n".join(lines[start:number]) + "\n"), number + 1
    raise BadDocument(f"{place}: the block is never closed")
