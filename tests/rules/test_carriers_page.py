"""docs/carriers.md names every option of a carrier and every phone with ways of its own."""

from __future__ import annotations

import re

import pytest

from rules.source import ROOT
from trunkline.transports.http.settings import HttpRoute
from trunkline.transports.sandbox.behaviour import SPECIAL
from trunkline.transports.smpp.settings import SmppRoute

PAGE = (ROOT / "docs" / "carriers.md").read_text("utf-8")
SMPP, HTTP = PAGE.split("## SMPP")[1].split("## HTTP gateways")


def _named(text: str) -> set[str]:
    """Return the names in the first column of a page's tables."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}


@pytest.mark.parametrize(("text", "kind"), [(SMPP, SmppRoute), (HTTP, HttpRoute)])
def test_every_option_has_its_words_and_no_other(text: str, kind: type[SmppRoute | HttpRoute]) -> None:
    assert _named(text) == set(kind.__struct_fields__)


def test_every_phone_is_told() -> None:
    documented = dict(re.findall(r"^\| (\+\d+) \| (.+) \|$", PAGE, re.MULTILINE))
    assert documented == {number: behaviour.description for number, behaviour in SPECIAL.items()}
