"""The documents name everything: every error code, every option, every parameter of a Service."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trunkline.api import params
from trunkline.api.error_codes import ERROR_CODES
from trunkline.app.products import products
from trunkline.settings import GROUPS, OPTIONS, Settings

ROOT = Path(__file__).parents[2]


def words(name: str) -> set[str]:
    """Return the words, numbers and dotted names of a document."""
    return set(re.findall(r"[\w.]+", (ROOT / "docs" / name).read_text()))


def test_every_code_is_explained() -> None:
    documented = {int(word) for word in words("errors.md") if word.isdigit()}
    assert set(ERROR_CODES) <= documented
    unknown = {code for code in documented if code > 10_000} - set(ERROR_CODES)
    assert not unknown, f"explained, but nothing answers them: {unknown}"


def test_every_code_in_the_catalogue_is_brought_about_by_the_code() -> None:
    text = "\n".join(
        path.read_text() for path in (ROOT / "src").rglob("*.py") if path.name != "error_codes.py"
    )
    unused = [code for code in ERROR_CODES if not re.search(rf"\b{code}\b", text)]
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
