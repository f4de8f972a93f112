"""Docstrings: every module and everything public in it has one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from rules.source import Function, Source, report


def _described(body: list[ast.stmt]) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Yield every class, function and method that can be named from outside; what is inside a function
    cannot.
    """
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not name.startswith("_"):
                yield name, node
            case ast.ClassDef(name=name) if not name.startswith("_"):
                yield name, node
                yield from ((f"{name}.{inner}", found) for inner, found in _described(node.body))
            case ast.If() | ast.Try():
                yield from _described(
                    [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)]
                )


def offences(source: Source) -> Iterator[str]:
    """Yield the module, and each public class, function and method, that has no docstring."""
    if not ast.get_docstring(source.tree):
        yield source.at(1, "the module has no docstring")
    for name, node in _described(source.tree.body):
        if not ast.get_docstring(node):
            yield source.at(node.lineno, f"{name} has no docstring")


def modules_only(source: Source) -> Iterator[str]:
    """Yield modules without a docstring, for the tests and benchmarks, whose names are sentences already."""
    if not ast.get_docstring(source.tree):
        yield source.at(1, "the module has no docstring")


def test_everything_public_is_described() -> None:
    assert not (found := report(offences, "src")), found


def test_every_test_module_is_described() -> None:
    assert not (found := report(modules_only, "tests", "benchmarks")), found


BAD = [
    "x = 1",
    '"""M."""\ndef f(): ...',
    '"""M."""\nasync def f():\n    return 1',
    '"""M."""\nclass A:\n    x = 1',
    '"""M."""\nclass A(Protocol):\n    """A."""\n    def f(self): ...',
    '"""M."""\nclass A:\n    """A."""\n    class B:\n        """B."""\n        @property\n        def f(self): ...',
    '"""M."""\nif True:\n    def f(): ...',
    '"""M."""\ntry:\n    pass\nfinally:\n    def f(): ...',
    '"""M."""\ndef f():\n    """   """',
]

GOOD = [
    '"""M."""',
    '"""M."""\ndef f():\n    """F."""\n    def inner(): ...',
    '"""M."""\ndef _f(): ...\nclass _A:\n    def f(self): ...',
    '"""M."""\nclass A:\n    """A."""\n    def __init__(self): ...\n    def _f(self): ...',
]


@pytest.mark.parametrize("text", BAD)
def test_a_missing_docstring_is_caught(text: str) -> None:
    assert len(list(offences(Source.of("src/trunkline/core/x.py", text)))) == 1


@pytest.mark.parametrize("text", GOOD)
def test_what_is_described_or_private_passes(text: str) -> None:
    assert list(offences(Source.of("src/trunkline/core/x.py", text))) == []


def test_a_test_module_needs_a_docstring() -> None:
    assert list(modules_only(Source.of("tests/x.py", "def test_x(): ...")))
