"""Names and docstrings use the field's words, as the rules in ``words.py`` have them."""

from __future__ import annotations

import pytest

from rules import words
from rules.source import Source, sources


@pytest.mark.parametrize("rule", words.RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps_to_the_rule(rule: words.Rule) -> None:
    assert not (found := [line for source in sources("src") for line in rule(source)]), "\n".join(found)


@pytest.mark.parametrize("rule", words.TEST_RULES, ids=lambda rule: rule.__name__)
def test_every_test_and_benchmark_keeps_to_the_rule(rule: words.Rule) -> None:
    assert not (found := [line for source in sources("tests", "benchmarks") for line in rule(source)]), (
        "\n".join(found)
    )


def test_a_class_name_stands_in_one_module() -> None:
    assert not (found := list(words.classes(sources("src")))), "\n".join(found)


def test_a_module_name_stands_once_in_a_package() -> None:
    assert not (found := list(words.modules(sources("src")))), "\n".join(found)


def test_a_short_module_has_its_reason() -> None:
    assert not (found := list(words.short_modules(sources("src"), sources("src")))), "\n".join(found)


def source(text: str, path: str = "src/trunkline/core/x.py") -> Source:
    return Source.of(path, text)


@pytest.mark.parametrize(
    "text",
    [
        "def look(): ...",
        "def f(told): ...",
        "room = 1",
        "def f(self):\n    self.was_heard = 1",
        "import asyncio as jar",
    ],
)
def test_a_private_word_in_a_name_is_caught(text: str) -> None:
    assert len(list(words.names(source(text)))) == 1


@pytest.mark.parametrize("text", ["class Haul: ...", "class SyncDesk: ...", "class MemoryParts: ..."])
def test_a_private_word_in_a_classs_name_is_caught(text: str) -> None:
    assert len(list(words.class_names(source(text)))) == 1


@pytest.mark.parametrize(
    "path", ["core/look.py", "core/smpp_parts.py", "products/room/x.py", "sync/lines.py"]
)
def test_a_private_word_in_a_modules_name_is_caught(path: str) -> None:
    assert len(list(words.names(source("", f"src/trunkline/{path}")))) == 1


@pytest.mark.parametrize(
    "text", ["def lookup(): ...", "lines = text.splitlines()", "background = partition = 1"]
)
def test_the_fields_words_pass(text: str) -> None:
    assert list(words.names(source(text, "src/trunkline/core/department.py"))) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("def ask(): ...", "tests/smsc.py"),
        ("def test_it(said): ...", "tests/unit/test_x.py"),
        ("def test_it():\n    told = 1", "tests/unit/test_x.py"),
        ("", "tests/unit/test_answers.py"),
        ("", "benchmarks/desk.py"),
    ],
)
def test_a_private_word_in_tests_and_benchmarks_is_caught(text: str, path: str) -> None:
    assert len(list(words.names(source(text, path)))) == 1


def test_the_name_of_a_test_is_a_sentence_and_free() -> None:
    text = "def test_who_asks_is_told(): ..."
    assert list(words.names(source(text, "tests/unit/test_x.py"))) == []
    assert list(words.names(source(text)))


def test_a_column_keeps_its_name() -> None:
    assert list(words.names(source("class Entry(Row, frozen=True):\n    taken: str"))) == []
    assert list(words.names(source("class Entry(Struct, frozen=True):\n    taken: str")))
    assert list(words.names(source("class Entry(Row, frozen=True):\n    def taken(self): ...")))


@pytest.mark.parametrize("name", ["Opened", "Taken", "_Refused", "Settling", "Told", "Queued"])
def test_a_participle_is_no_type(name: str) -> None:
    assert len(list(words.participles(source(f"class {name}: ...")))) == 1


@pytest.mark.parametrize("name", ["Binding", "InvalidToken", "Message", "Messaging", "Need"])
def test_a_noun_is_a_type(name: str) -> None:
    assert list(words.participles(source(f"class {name}: ..."))) == []


FUNCTION = '"""M."""\ndef f():\n    """%s"""\n'
PROPERTY = '"""M."""\nclass A:\n    @property\n    def f(self):\n        """%s"""\n'


@pytest.mark.parametrize(
    "text",
    [
        FUNCTION % "The sender of a message.",
        FUNCTION % "Returns the sender.",
        FUNCTION % "Whether it is open.",
        FUNCTION % "Seconds until it is due.",
        FUNCTION % "Ask the gateway.",
        FUNCTION % "Return it. What is left stays.",
        FUNCTION % "Return it. Raises ApiError 20404.",
        FUNCTION % "Return it; answers None for nobody.",
        FUNCTION % "Store a message and tell the others.",
        FUNCTION % "Store a message, which shall be sent.",
        PROPERTY % "Whether it is open.",
        PROPERTY % "What is open.",
        '"""What is sent."""',
        '"""M."""\nclass A:\n    """Who sends."""',
        '"""M."""\nclass A:\n    """Joins the writes of connections."""',
        '"""M."""\nX = 1\n"""How many there are."""',
        '"""M."""\nclass A:\n    x: int = 1\n    """Whether there are some."""',
    ],
)
def test_a_docstring_in_other_words_is_caught(text: str) -> None:
    assert len(list(words.docstrings(source(text)))) == 1


@pytest.mark.parametrize(
    "text",
    [
        FUNCTION % "Return the sender, or None if there is none.",
        FUNCTION % "Raise ApiError 20404 if the list is missing. Compare what was stored.",
        FUNCTION % "Return whether it is open, e.g. What.",
        PROPERTY % "True if it is open.",
        PROPERTY % "The number of requests in flight.",
        '"""M."""\nclass A:\n    """Limits of an account; the answers are of two kinds."""',
        '"""M."""\nX = 1\n"""Messages that wait."""',
    ],
)
def test_a_docstring_in_the_fields_words_passes(text: str) -> None:
    assert list(words.docstrings(source(text))) == []


def test_locks_and_tasks_need_a_theory_of_operation() -> None:
    body = "\nimport asyncio\nlock = asyncio.Lock()\n"
    assert list(words.theories(source('"""A pool. It has two states."""' + body)))
    four = '"""A pool.\n\nIt is open or closed. The owner closes it.\n\n- A lock guards it.\n%s"""'
    assert list(words.theories(source(four % "" + body)))
    assert list(words.theories(source(four % "- Nobody else awaits it.\n" + body))) == []
    assert list(words.theories(source('"""A table."""\nx = 1'))) == []


@pytest.mark.parametrize(
    "use",
    [
        "x = asyncio.Event()",
        "x = loop.create_future()",
        "x = field(default_factory=asyncio.Queue)",
        'x = PeriodicTask("things", f, 1.0)',
        "x = BatchWriter(database, f)",
    ],
)
def test_what_waits_is_found(use: str) -> None:
    assert list(words.theories(source(f'"""M."""\n{use}')))


def test_one_class_name_in_two_modules_is_caught() -> None:
    one, two = source("class A: ...", "src/a.py"), source("class A: ...\nclass B: ...", "src/b.py")
    assert list(words.classes([one, two])) == ["src/a.py:1: class A stands in src/b.py:1, too"]


def _named(*paths: str) -> list[str]:
    return list(words.modules([source("", f"src/trunkline/{path}") for path in paths]))


def test_one_module_name_in_two_folders_of_a_package_is_caught() -> None:
    assert _named("core/jobs/queue.py", "core/queue.py") == [
        "src/trunkline/core/jobs/queue.py:1: module queue stands in src/trunkline/core/queue.py, too"
    ]
    assert _named("products/fax/pages/links.py", "products/fax/links.py")


@pytest.mark.parametrize(
    "paths",
    [
        ("core/queue.py", "realtime/queue.py"),
        ("products/fax/links.py", "products/post/links.py"),
        ("products/fax/pages/schema.py", "products/fax/schema.py"),
        ("products/fax/pages/links.py", "products/fax/control/links.py"),
        ("transports/fax/carrier.py", "transports/post/carrier.py"),
    ],
)
def test_parallel_modules_pass(paths: tuple[str, str]) -> None:
    assert _named(*paths) == []


def test_a_short_module_used_once_is_caught() -> None:
    rule = source("def f(): ...", "src/trunkline/core/rule.py")
    first = source("from trunkline.core.rule import f", "src/trunkline/core/first.py")
    second = source("from trunkline.core import rule", "src/trunkline/core/second.py")
    assert list(words.short_modules([rule], [rule, first]))
    assert list(words.short_modules([rule], [rule, first, second])) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("X = {1: 2}", "core/table.py"),
        ("class A(Protocol):\n    def f(self): ...", "core/border.py"),
        ("def f(): ...", "core/__init__.py"),
        ("def f(): ...", "cli/ca.py"),
        ("def f():\n" + "    x = 1\n" * 40, "core/long.py"),
    ],
)
def test_a_table_a_border_and_a_long_module_pass(text: str, path: str) -> None:
    assert list(words.short_modules([one := source(text, f"src/trunkline/{path}")], [one])) == []
