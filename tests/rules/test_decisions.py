"""The index of the decision records: every record with its title and status, and what it supersedes, on both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from rules.source import ROOT

FOLDER = ROOT / "docs" / "decisions"
SECTIONS = {"Context", "Decision", "Consequences"}

_ROW = re.compile(r"\| \[(\d{4})\]\((\S+)\) \| (.+?) \| (.+?) \| (.*?) ?\|")
_STATUS = re.compile(r"accepted|superseded by (\d{4})")


def records() -> dict[str, str]:
    """Return the text of each record by the name of its file."""
    return {path.name: path.read_text("utf-8") for path in sorted(FOLDER.glob("[0-9]*.md"))}


def offences(index: str, found: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong in the index of the records."""
    rows = {match[2]: match for match in _ROW.finditer(index)}
    for name in found.keys() ^ rows.keys():
        yield f"{name}: {'not in the index' if name in found else 'in the index and gone'}"
    supersedes = {row[1]: set(re.findall(r"\d{4}", row[5])) for row in rows.values()}
    if len(supersedes) < len(rows):
        yield "a number stands twice"
    for name, row in rows.items():
        text = found.get(name, "")
        if text and not text.startswith(f"# {row[1]}: {row[3]}\n"):
            yield f"{name}: its heading is not '# {row[1]}: {row[3]}'"
        if text and (missing := SECTIONS - set(re.findall(r"^## (.+)$", text, re.MULTILINE))):
            yield f"{name}: has no section {', '.join(sorted(missing))}"
        if not (status := _STATUS.fullmatch(row[4])):
            yield f"{name}: the status is accepted, or superseded by a number"
        elif status[1] and row[1] not in supersedes.get(status[1], set()):
            yield f"{name}: {status[1]} does not name it"
        for older in supersedes[row[1]]:
            if not any(one[1] == older and one[4] == f"superseded by {row[1]}" for one in rows.values()):
                yield f"{name}: {older} is not superseded by it"


def test_the_index_is_complete() -> None:
    found = list(offences((FOLDER / "README.md").read_text("utf-8"), records()))
    assert not found, "\n".join(found)


RECORD = "# {}: T\n\n## Context\n\n## Decision\n\n## Consequences\n"
FOUND = {"0001-a.md": RECORD.format("0001"), "0002-b.md": RECORD.format("0002")}
ROWS = ["| [0001](0001-a.md) | T | superseded by 0002 | |", "| [0002](0002-b.md) | T | accepted | 0001 |"]


def test_a_complete_index_passes() -> None:
    assert list(offences("\n".join(ROWS), FOUND)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ROWS[1], ""),
        ("| T | accepted", "| U | accepted"),
        ("accepted", "done"),
        ("accepted | 0001", "accepted | "),
        ("superseded by 0002", "accepted"),
        ("0002-b.md", "0003-c.md"),
        ("[0002]", "[0001]"),
    ],
)
def test_an_incomplete_index_is_caught(old: str, new: str) -> None:
    assert list(offences("\n".join(ROWS).replace(old, new), FOUND))


def test_a_record_without_its_sections_is_caught() -> None:
    assert list(offences("\n".join(ROWS), FOUND | {"0002-b.md": "# 0002: T\n\n## Context\n"}))
