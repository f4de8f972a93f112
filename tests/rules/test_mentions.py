"""The files and classes that the documents mention exist: what moves or is renamed does so in the text, too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from rules.source import ROOT, files, sources

ROOTS = (
    "",
    "src/trunkline/",
    "src/trunkline/products/messaging/",
    "docs/",
    "tests/",
    "tests/faults/",
    "tests/api/",
)
"""Folders that a document may leave out in front of a path: those of the tree, and of what it just named."""

_PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|md|json|toml))(?:::(\w+))?`")
EXAMPLES = {"src/trunkline/products/sync/widgets.py", "tests/api/test_sync_widgets.py"}


def offences(path: str, text: str) -> Iterator[str]:
    """Yield the mentions of files, and of tests in them, that do not exist."""
    for number, line in enumerate(text.splitlines(), 1):
        for found in _PATH.finditer(line):
            there = [ROOT / root / found[1] for root in ROOTS if (ROOT / root / found[1]).is_file()]
            if found[1] not in EXAMPLES and not there:
                yield f"{path}:{number}: {found[1]} does not exist"
            if there and found[2] and f"def {found[2]}(" not in there[0].read_text("utf-8"):
                yield f"{path}:{number}: {found[1]} has no {found[2]}"


_CLASS = re.compile(r"`([A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*)(?:[.(\[][^`]*)?`")
NO_CLASSES = {"Opened", "Taken", "Queued"}
"""Names that docs/development/words.md warns of."""


def defined_names() -> set[str]:
    """Return the names of the classes in the tree, and of what modules assign."""
    found: set[str] = set()
    for source in sources("src", "tests"):
        for node in ast.walk(source.tree):
            match node:
                case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                    found.add(name)
    return found


def unknown_classes(path: str, text: str, known: set[str]) -> Iterator[str]:
    """Yield the mentions of classes that are not in the tree."""
    for number, line in enumerate(text.splitlines(), 1):
        for name in _CLASS.findall(line):
            if name not in known and name not in NO_CLASSES:
                yield f"{path}:{number}: there is no {name}"


def test_the_classes_that_the_pages_for_developers_mention_exist() -> None:
    pages = [ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *files("docs/development", ".md")]
    known = defined_names()
    found = [
        line
        for page in pages
        for line in unknown_classes(page.relative_to(ROOT).as_posix(), page.read_text("utf-8"), known)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("text", ["`Receiver`", "`Receiver(…)` is called", "a `Gone[…]`, a `Carrier`"])
def test_a_class_that_is_gone_is_caught(text: str) -> None:
    assert list(unknown_classes("docs/x.md", text, {"Carrier"}))


@pytest.mark.parametrize(
    "text",
    [
        "`Carrier`",
        "`Carrier.submit`",
        "Receiver",
        "`PURE`",
        "`Return the sender.`",
        "`I-Twilio-Token`",
        "`Taken`",
    ],
)
def test_what_is_no_unknown_class_passes(text: str) -> None:
    assert list(unknown_classes("docs/x.md", text, {"Carrier"})) == []


def test_what_the_documents_mention_exists() -> None:
    paths = [*ROOT.glob("*.md"), *files("docs", ".md")]
    assert len(paths) > 20
    found = [
        line
        for path in paths
        if "decisions" not in path.parts
        for line in offences(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("text", ["`core/gone.py`", "`tests/rules/test_mentions.py::test_gone`"])
def test_a_mention_of_nothing_is_caught(text: str) -> None:
    assert list(offences("docs/x.md", text))


@pytest.mark.parametrize(
    "text", ["`core/clock.py`", "`tests/rules/test_mentions.py`", "`data/x`", "core/gone.py"]
)
def test_a_mention_of_what_exists_passes(text: str) -> None:
    assert list(offences("docs/x.md", text)) == []
