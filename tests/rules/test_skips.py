"""Skips of tests: allowed where a program is missing on somebody's machine, and never where CI is set."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from rules.source import Source, report

SKIPS = {"skip", "skipif", "importorskip", "xfail"}


def offences(source: Source) -> Iterator[str]:
    """Yield skips in a module that never checks the variable CI."""
    nodes = list(ast.walk(source.tree))
    if any(isinstance(node, ast.Constant) and node.value == "CI" for node in nodes):
        return
    for node in nodes:
        match node:
            case ast.Attribute(attr=name, value=ast.Name(id="pytest") | ast.Attribute(attr="mark")):
                if name in SKIPS:
                    yield source.at(node.lineno, f"{ast.unparse(node)} does not ask whether CI is set")
            case ast.ImportFrom(module="pytest", names=names) if {alias.name for alias in names} & SKIPS:
                yield source.at(node.lineno, "imports a skip by its bare name")


def test_nothing_is_skipped_where_ci_is_set() -> None:
    assert not (found := report(offences, "tests")), found


@pytest.mark.parametrize(
    "text",
    [
        "def test_x():\n    pytest.skip('no node')",
        "apsw = pytest.importorskip('apsw')",
        "@pytest.mark.skip\ndef test_x(): ...",
        "@pytest.mark.skipif(not NODE, reason='no node')\ndef test_x(): ...",
        "pytestmark = [pytest.mark.xfail]",
        "from pytest import skip",
    ],
)
def test_a_skip_is_caught(text: str) -> None:
    assert list(offences(Source.of("tests/x.py", text)))


@pytest.mark.parametrize(
    "text",
    [
        "def node():\n    if 'CI' not in os.environ:\n        pytest.skip('no node')",
        "def test_x(block):\n    assert self.skip and walk.skip()",
    ],
)
def test_a_skip_that_asks_passes(text: str) -> None:
    assert list(offences(Source.of("tests/x.py", text))) == []
