"""The files that the documents mention exist: a module or test that moves moves in the text, too."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from rules.source import ROOT, files

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
