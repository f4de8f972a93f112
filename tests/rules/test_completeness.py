"""The documents name everything: every error code, every option, every parameter of a Service."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

from trunkline.api import params
from trunkline.api.error_codes import ERROR_CODES
from trunkline.app.products import products
from trunkline.core.egress.failure import Failure
from trunkline.products.messaging.lifecycle.error_texts import TEXTS
from trunkline.settings import GROUPS, OPTIONS, Settings

ROOT = Path(__file__).parents[2]


def words(name: str) -> set[str]:
    """Return the words, numbers and dotted names of a document."""
    return set(re.findall(r"[\w.]+", (ROOT / "docs" / name).read_text()))


NO_CODES = {15_000: "milliseconds", 65_535: "a port", 65_536: "bytes"}
"""The numbers of five digits in the code that are no error codes; all other quantities have an underscore."""


def codes_in(text: str) -> set[int]:
    """Return the error codes that a module names: numbers of five digits, outside of strings and comments."""
    if not re.search("[1-9][0-9]{4}", text):
        return set()
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    named = {token.string for token in tokens if token.type == tokenize.NUMBER}
    return {int(number) for number in named if re.fullmatch("[1-9][0-9]{4}", number)} - set(NO_CODES)


def test_every_code_is_explained() -> None:
    rows = [
        line for line in (ROOT / "docs/errors.md").read_text().splitlines() if re.match(r"\| [0-9]{5}", line)
    ]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    documented = {int(code) for first, *_ in cells for code in re.findall("[0-9]{5}", first)}
    named = set().union(*(codes_in(path.read_text()) for path in (ROOT / "src").rglob("*.py")))
    assert set(ERROR_CODES) <= named
    assert not (named - documented), f"not explained: {sorted(named - documented)}"
    assert not (documented - named), f"explained, but nothing has them: {sorted(documented - named)}"
    assert all(len(row) >= 3 and all(row) for row in cells), "a row has an empty cell"


def test_every_code_that_a_message_fails_with_has_its_text_and_its_row() -> None:
    page = (ROOT / "docs/errors.md").read_text()
    messages = page.split("## Messages that fail")[1].split("## Registrations")[0]
    documented = {int(word) for word in re.findall(r"\b[0-9]{5}\b", messages)}
    assert not (set(TEXTS) - documented)
    assert not ({failure.code for failure in Failure} - set(TEXTS)), "attachments fail with these, too"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("raise ApiError(54999)", {54999}),
        ("A, B = 30998, 15000  # 30997", {30998}),
        ("'30996', 10_001, 3_0995", set()),
    ],
)
def test_a_new_code_is_found(text: str, found: set[int]) -> None:
    assert codes_in(text) == found


def test_every_code_in_the_catalogue_is_brought_about_by_the_code() -> None:
    text = "\n".join(
        path.read_text() for path in (ROOT / "src").rglob("*.py") if path.name != "error_codes.py"
    )
    written = set(re.findall(r"\b\d+\b", text))
    unused = [code for code in ERROR_CODES if str(code) not in written]
    assert not unused


@pytest.mark.parametrize("option", list(OPTIONS))
def test_every_option_is_explained(option: str) -> None:
    assert option in words("operate.md")


@pytest.mark.parametrize("group", GROUPS)
def test_options_stand_under_their_group(group: str) -> None:
    page = (ROOT / "docs" / "operate.md").read_text("utf-8")
    section = page.split(f"### `[{group}]`")[1].split("\n##")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = {name for row in rows for name in re.findall(r"`([a-z0-9_]+)`", row)}
    assert documented == {option.name for option in OPTIONS.values() if option.group == group}


def test_every_parameter_of_a_service_is_explained() -> None:
    documented = words("services.md")
    covered = re.compile(r"(Notifications|Webhooks)\..*")  # the document shows their pattern
    missing = {
        name
        for product in (manifest.product for manifest in products(Settings()))
        for mount in product.mounts
        for operation in mount.operations
        if operation.path.startswith("/Services") and operation.path.count("/") <= 2
        for name in params.names(operation.input)
        if not covered.fullmatch(name)
    } - documented
    assert not missing
