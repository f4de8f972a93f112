"""ARCHITECTURE.md against the tree: its tables are the rules' data, and what its tree lists exists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.source import ROOT
from rules.test_imports import ANYTHING, FACADES, FOLDERS

PAGE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")


def table(page: str, heading: str) -> dict[str, set[str]]:
    """Return the rows of the table whose second column has ``heading``: the names in backticks of each cell.

    Raise AssertionError if there is no such table or a row stands in it twice.
    """
    lines = page[page.index(f"| {heading} |") :].splitlines()[2:]
    rows: dict[str, set[str]] = {}
    for line in lines:
        if not line.startswith("|"):
            break
        first, second = line.strip("|").split("|")
        name = first.strip().strip("`")
        assert name not in rows, f"{name} stands twice"
        rows[name] = (
            {"everything"} if second.strip() == "everything" else set(re.findall(r"`([^`]+)`", second))
        )
    assert rows
    return rows


def tree(page: str) -> Iterator[str]:
    """Yield the paths that the tree of the page lists, below the checkout."""
    block = page[page.index("```text\n") + 8 :]
    block = block[: block.index("```")]
    stack: list[tuple[int, str]] = []
    for line in block.splitlines():
        if not (found := re.match(r"([│ ]*(?:[├└]── )?)(\S.*)", line)):
            continue
        depth, text = len(found[1]), found[2]
        if not (names := re.match(r"(?:[\w.-]+/?(?:[\w-]+/)*(?:  ?|$))+", text)):
            continue
        listed = [name for name in names[0].split() if name.endswith(("/", ".py", ".md"))]
        if depth and "──" not in found[1]:
            continue
        while stack and stack[-1][0] >= depth:
            stack.pop()
        above = "".join(folder for _, folder in stack)
        for name in listed:
            yield above + name
        if listed and listed[-1].endswith("/"):
            stack.append((depth, listed[-1]))


def test_the_table_of_folders_is_the_rule() -> None:
    rules = {
        name: {"everything"} if may is ANYTHING else {one.removeprefix("trunkline.") for one in may}
        for name, may in FOLDERS.items()
    }
    assert table(PAGE, "May import") == rules


def test_every_folder_is_in_the_table() -> None:
    package = ROOT / "src" / "trunkline"
    found = {path.stem for path in package.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert found - {"__pycache__", "__init__"} == set(FOLDERS)


def test_the_table_of_facades_is_the_rule() -> None:
    assert table(PAGE, "May import the facades of") == {name: set(may) for name, may in FACADES.items()}


def test_what_the_tree_lists_exists() -> None:
    listed = list(tree(PAGE))
    assert len(listed) > 40
    missing = [path for path in listed if not (ROOT / path).exists()]
    assert not missing, "\n".join(missing)


def test_every_folder_is_in_the_tree() -> None:
    listed = {path.rstrip("/") for path in tree(PAGE)}
    package = ROOT / "src" / "trunkline"
    folders = {
        path
        for path in (*package.iterdir(), *(package / "core").iterdir())
        if (path / "__init__.py").exists()
    }
    assert not {path.relative_to(ROOT).as_posix() for path in folders} - listed
