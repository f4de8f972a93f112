"""Every property of a Service has an effect that is described and a test that shows it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import msgspec
import pytest

from rules.source import ROOT
from trunkline.products.messaging.services import MessagingService
from trunkline.products.messaging.services import MessagingServiceSettings as MessagingSettings
from trunkline.products.sync.services import SyncServiceSettings as SyncSettings

PAGE = ROOT / "docs" / "settings-and-effects.md"

PROPERTIES: dict[str, frozenset[str]] = {
    "Messaging": frozenset(MessagingSettings.__struct_fields__)
    | {name for name in MessagingService.__struct_fields__ if name.endswith("_registered")},
    "Sync": frozenset(SyncSettings.__struct_fields__),
}
"""Properties by a heading of the page; its table must describe them."""

IDLE = {
    ("Messaging", "scan_message_content"): '"Reserved"',
    ("Messaging", "synchronous_validation"): '"Reserved"',
    ("Messaging", "fallback_to_long_code"): '"[OBSOLETE]"',
}
"""The properties that do nothing in the original either, with its documentation's word for that."""

_HEADING = re.compile(r"## (?P<heading>.+)")
_TEST = re.compile(r"`(?P<path>tests/[\w/]+\.py)::(?P<name>test_\w+)`")
_SETTING = "stored and returned"


@dataclass(frozen=True)
class TableRow:
    """A row of a table: under which heading it stands, and its three cells."""

    heading: str
    name: str
    effect: str
    tests: str


def lines(text: str) -> Iterator[TableRow]:
    """Yield the rows of the page's tables."""
    heading = ""
    for line in text.splitlines():
        if found := _HEADING.fullmatch(line):
            heading = found["heading"]
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 3:
            yield TableRow(heading, cells[0].strip("`"), cells[1], cells[2])


@cache
def defined_in(path: str) -> frozenset[str]:
    """Return the names of the tests of a file; none when there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    found = ast.walk(ast.parse(file.read_text("utf-8")))
    return frozenset(node.name for node in found if isinstance(node, ast.FunctionDef))


def offences(text: str) -> Iterator[str]:
    """Yield the lines that the page lacks, or has too many."""
    rows = list(lines(text))
    for heading, properties in PROPERTIES.items():
        documented = [row.name for row in rows if row.heading == heading]
        yield from (f"{heading}: {name} has no row" for name in sorted(properties - set(documented)))
        yield from (f"{heading}: {name} is no property" for name in sorted(set(documented) - properties))
        yield from (
            f"{heading}: {name} has two rows"
            for name in sorted(set(documented))
            if documented.count(name) > 1
        )
    for row in rows:
        where = f"{row.heading}: {row.name}"
        word = IDLE.get((row.heading, row.name))
        if not row.effect:
            yield f"{where} has no effect"
        elif (word is not None) != (_SETTING in row.effect) or (word and not row.effect.startswith(word)):
            yield f"{where}: only what the vendor keeps idle is just {_SETTING}, in the vendor's word"
        named = _TEST.findall(row.tests)
        if not named or _TEST.sub("", row.tests).strip(", "):
            yield f"{where} names no test, or not as `path::test`"
        for path, name in named:
            if name not in defined_in(path):
                yield f"{where}: there is no {path}::{name}"


def test_every_property_has_an_effect_and_a_test() -> None:
    assert list(offences(PAGE.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("| `usecase` |", "| `use_case` |", "Messaging: usecase has no row"),
        ("| `usecase` |", "| `use_case` |", "Messaging: use_case is no property"),
        ("| `acl_enabled` |", "| `webhook_url` |", "Sync: webhook_url has two rows"),
        ("::test_mms_converter`", "::test_no_such_thing`", "Messaging: mms_converter: there is no"),
        (
            "tests/api/messaging/test_usa2p.py",
            "tests/api/messaging/none.py",
            "Messaging: usecase: there is no",
        ),
        ('| "[OBSOLETE]": stored', "| stored", "Messaging: fallback_to_long_code: only what"),
        ("| tokens need permissions", "| stored and returned; tokens", "Sync: acl_enabled: only what"),
        (
            "| the method of the fallback, `GET` or `POST` |",
            "|  |",
            "Messaging: fallback_method has no effect",
        ),
        ("`tests/api/messaging/test_service_effects.py::test_mms_converter`", "by hand", "names no test"),
    ],
)
def test_a_page_that_lacks_something_is_caught(old: str, new: str, what: str) -> None:
    text = PAGE.read_text("utf-8")
    assert old in text
    assert any(what in offence for offence in offences(text.replace(old, new)))


def test_the_properties_are_those_of_the_resource() -> None:
    rest = {"sid", "account_sid", "date_created", "date_updated"}
    fields = {field.encode_name for field in msgspec.structs.fields(MessagingService)}
    assert fields - rest == PROPERTIES["Messaging"]
