"""The tree's Python files as data for the rules that read it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SKIPPED = {"node_modules", "__pycache__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A Python file: its path below the checkout, its text and what it parses to."""

    path: str
    text: str
    tree: ast.Module

    @classmethod
    def of(cls, path: str, text: str) -> Source:
        """Return the source of ``text`` as if it stood at ``path``."""
        return cls(path, text, ast.parse(text, path))

    @property
    def module(self) -> str:
        """The dotted name of a module below ``src``."""
        return self.path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def at(self, line: int, what: str) -> str:
        """Return an offence as one line of a report."""
        return f"{self.path}:{line}: {what}"


Rule = Callable[[Source], Iterable[str]]


def files(folder: str, suffix: str) -> Iterator[Path]:
    """Yield the files below a folder of the checkout whose names end in ``suffix``, sorted, nothing
    installed.
    """
    for path in sorted((ROOT / folder).rglob(f"*{suffix}")):
        if not SKIPPED & set(path.parts):
            yield path


def sources(*folders: str) -> list[Source]:
    """Return every Python file below the folders."""
    return [_parsed(path) for folder in folders for path in files(folder, ".py")]


@cache
def _parsed(path: Path) -> Source:
    """Return a file's source; many rules read the same files, and parsing them takes most of a rule's time."""
    return Source.of(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))


def report(rule: Rule, *folders: str) -> str:
    """Return all offences against ``rule`` below the folders, a line each; empty when there are none.

    Raise AssertionError when there is no file to check: then the rule would hold for nothing.
    """
    found = sources(*folders)
    assert found, f"no Python files below {folders}"
    return "\n".join(line for source in found for line in rule(source))
