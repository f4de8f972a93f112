"""Names, words and calls that do not belong into the tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from rules.source import ROOT, Source, files, report

VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
TEXTS = {".py", ".md", ".js", ".mjs", ".html", ".css", ".sql", ".toml", ""}
SLEEPERS = {"time", "asyncio", "anyio", "trio"}
SLEEPS_ALLOWED: frozenset[str] = frozenset()
"""Paths of tests that may sleep: none, because a test that sleeps is slow, or flaky, or both."""

HTTP_CLIENTS = {
    "Client",
    "AsyncClient",
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "head",
    "options",
    "request",
    "stream",
}
CHEAP = {"verify", "transport"}


def vague_names(source: Source) -> Iterator[str]:
    """Yield modules and folders named by no idea."""
    for part in PurePosixPath(source.path).with_suffix("").parts:
        if part in VAGUE:
            yield source.at(1, f"is named {part}: name the idea instead")


def unfinished(path: str, text: str) -> Iterator[str]:
    """Yield lines that mark unfinished work."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := UNFINISHED.search(line):
            yield f"{path}:{number}: {found[0]}"


def _calls(source: Source) -> Iterator[tuple[ast.Call, str, str]]:
    """Yield every call with the name it is called by: the text before the last dot, and the last part."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
                yield node, owner, name
            case ast.Call(func=ast.Name(id=name)):
                yield node, "", name


def sleeps(source: Source) -> Iterator[str]:
    """Yield tests that sleep. ``asyncio.sleep(0)`` is one turn of the loop and no sleep."""
    if source.path in SLEEPS_ALLOWED:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module in SLEEPERS:
            yield from (
                source.at(node.lineno, "imports sleep") for alias in node.names if alias.name == "sleep"
            )
    for call, owner, name in _calls(source):
        turn = owner != "time" and [ast.unparse(arg) for arg in call.args] == ["0"]
        if owner in SLEEPERS and name == "sleep" and not turn:
            yield source.at(call.lineno, f"calls {owner}.sleep")


def loads_certificates(source: Source) -> Iterator[str]:
    """Yield HTTP clients of tests that load the certificates of all authorities, some 40 ms for each client: servers of
    tests have none of them, and most speak no TLS."""
    if "httpx." not in source.text:
        return
    for call, owner, name in _calls(source):
        if owner == "httpx" and name in HTTP_CLIENTS and not {one.arg for one in call.keywords} & CHEAP:
            yield source.at(call.lineno, f"httpx.{name} needs verify=False or a transport")


def prints(source: Source) -> Iterator[str]:
    """Yield calls of ``print`` outside the command line."""
    if not source.path.startswith("src/trunkline/cli/"):
        yield from (
            source.at(call.lineno, "prints")
            for call, owner, name in _calls(source)
            if (owner, name) == ("", "print")
        )


def test_modules_are_named_by_an_idea() -> None:
    assert not (found := report(vague_names, "src", "tests", "benchmarks")), found


def test_nothing_is_left_unfinished() -> None:
    below = [path for folder in ("src", "tests", "benchmarks", "docs") for path in files(folder, "")]
    paths = [path for path in [*below, *ROOT.glob("*")] if path.is_file() and path.suffix in TEXTS]
    assert paths
    found = [
        one for path in paths for one in unfinished(str(path.relative_to(ROOT)), path.read_text("utf-8"))
    ]
    assert not found, "\n".join(found)


def test_tests_do_not_sleep() -> None:
    assert not (found := report(sleeps, "tests")), found


def test_http_clients_of_tests_load_no_certificates() -> None:
    assert not (found := report(loads_certificates, "tests")), found


def test_only_the_command_line_prints() -> None:
    assert not (found := report(prints, "src")), found


@pytest.mark.parametrize(
    "path", ["src/trunkline/utils.py", "src/trunkline/common/x.py", "tests/helpers/__init__.py"]
)
def test_a_vague_name_is_caught(path: str) -> None:
    assert list(vague_names(Source.of(path, "")))


def test_a_name_with_an_idea_passes() -> None:
    assert list(vague_names(Source.of("src/trunkline/core/commonality.py", ""))) == []


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"])
def test_an_unfinished_line_is_caught(word: str) -> None:
    assert list(unfinished("x.py", f"x = 1\n# {word}: more")) == [f"x.py:2: {word}"]


def test_a_placeholder_in_a_sid_is_no_unfinished_line() -> None:
    assert list(unfinished("x.md", "ISX" + 3 * "X" + " todo methods")) == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.sleep(0)",
        "async def f():\n    await asyncio.sleep(0.1)",
        "async def f():\n    await anyio.sleep(delay)",
        "from time import sleep",
        "from asyncio import gather, sleep as rest",
    ],
)
def test_a_sleep_is_caught(text: str) -> None:
    assert list(sleeps(Source.of("tests/test_x.py", text)))


def test_a_turn_of_the_loop_is_no_sleep() -> None:
    assert list(sleeps(Source.of("tests/test_x.py", "async def f():\n    await asyncio.sleep(0)"))) == []


def test_a_print_is_caught_outside_the_command_line() -> None:
    assert list(prints(Source.of("src/trunkline/core/x.py", "def f():\n    print(1)")))
    assert list(prints(Source.of("src/trunkline/cli/x.py", "def f():\n    print(1)"))) == []


@pytest.mark.parametrize("text", ["httpx.get(url)", "httpx.Client(base_url=url, trust_env=False)"])
def test_a_client_that_loads_certificates_is_caught(text: str) -> None:
    assert list(loads_certificates(Source.of("tests/test_x.py", text)))


@pytest.mark.parametrize(
    "text", ["httpx.get(url, verify=False)", "httpx.AsyncClient(transport=app)", "http.get(url)"]
)
def test_a_client_that_loads_none_passes(text: str) -> None:
    assert list(loads_certificates(Source.of("tests/test_x.py", text))) == []
