"""The size of modules and functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from rules.source import Function, Source, report

MODULE_LINES = 400
FUNCTION_LINES = 60
PARAMETERS = 6


def _parameters(function: Function) -> int:
    spec = function.args
    named = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    starred = [arg for arg in (spec.vararg, spec.kwarg) if arg]
    return len([arg for arg in named if arg.arg not in ("self", "cls")]) + len(starred)


def _is_command(source: Source, function: Function) -> bool:
    """Return whether the parameters are a command's options, so that their number is the command's business."""
    return source.path.startswith("src/trunkline/cli/") and any(
        isinstance(one, ast.Call)
        and isinstance(one.func, ast.Attribute)
        and one.func.attr in ("command", "callback")
        for one in function.decorator_list
    )


def offences(source: Source) -> Iterator[str]:
    """Yield modules over 400 lines, blank ones and comments included, functions over 60, more than 6
    parameters.
    """
    if (lines := len(source.text.splitlines())) > MODULE_LINES:
        yield source.at(1, f"{lines} lines, at most {MODULE_LINES}")
    for node in ast.walk(source.tree):
        if not isinstance(node, Function):
            continue
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES:
            yield source.at(node.lineno, f"{node.name} has {lines} lines, at most {FUNCTION_LINES}")
        if (count := _parameters(node)) > PARAMETERS and not _is_command(source, node):
            yield source.at(node.lineno, f"{node.name} has {count} parameters, at most {PARAMETERS}")


def test_nothing_in_the_tree_is_too_large() -> None:
    assert not (found := report(offences, "src")), found


BAD = [
    "x = 1\n" * 401,
    "# quiet\n" * 401,
    "def f():\n" + "    x = 1\n" * 60,
    "class A:\n    async def f(self):\n" + "        x = 1\n" * 60,
    "def f(a, b, c, d, e, f, g): ...",
    "def f(a, b, c, /, d, *, e, f, g=1): ...",
    "class A:\n    def f(self, a, b, c, d, e, *args, **kwargs): ...",
]

GOOD = [
    "x = 1\n" * 400,
    "def f():\n" + "    x = 1\n" * 59,
    "def f(a, b, c, d, e, f): ...",
    "class A:\n    def f(self, a, b, c, d, *args, **kwargs): ...",
]

COMMAND = "@app.command()\ndef serve(a, b, c, d, e, f, g): ..."


@pytest.mark.parametrize("text", BAD)
def test_what_is_too_large_is_caught(text: str) -> None:
    assert len(list(offences(Source.of("src/trunkline/core/x.py", text)))) == 1


@pytest.mark.parametrize("text", GOOD)
def test_what_just_fits_passes(text: str) -> None:
    assert list(offences(Source.of("src/trunkline/core/x.py", text))) == []


def test_options_are_counted_everywhere_but_in_a_command() -> None:
    assert list(offences(Source.of("src/trunkline/cli/serve.py", COMMAND))) == []
    assert len(list(offences(Source.of("src/trunkline/core/x.py", COMMAND)))) == 1
