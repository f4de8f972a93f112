"""The root composes products by their list: nothing else in ``app`` names one, and the settings name the same ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rules.source import Source, report
from rules.test_imports import imported
from trunkline.app.products import products, service_finders
from trunkline.core.access_tokens import GrantName
from trunkline.settings import Settings
from trunkline.settings.server import PRODUCTS

PRODUCT_LIST = "src/trunkline/app/products.py"
SHARED = ("manifest", "accounts.facade")
"""The modules of ``products`` that all of ``app`` may use; ``app/__init__.py`` has the reason for accounts."""


def offences(source: Source) -> Iterator[str]:
    """Yield the imports of products in ``app`` beside their list."""
    if not source.path.startswith("src/trunkline/app/") or source.path == PRODUCT_LIST:
        return
    for line, name in imported(source):
        below = name.removeprefix("trunkline.products.")
        if below != name and not any(f"{below}.".startswith(f"{one}.") for one in SHARED):
            yield source.at(line, f"names a product: {name}")


def test_only_the_list_names_products() -> None:
    assert not (found := report(offences, "src/trunkline/app")), found


def test_the_settings_name_the_products_of_the_list() -> None:
    assert {*PRODUCTS, "accounts"} == {manifest.name for manifest in products(Settings())}


def test_a_grant_leads_to_each_finder_of_services() -> None:
    assert set(service_finders(products(Settings()))) == {name.product for name in GrantName}


@pytest.mark.parametrize(
    "text",
    [
        "from trunkline.products import chat",
        "from trunkline.products.sync.facade import find",
        "from trunkline.products.accounts.store import Key",
    ],
)
def test_a_named_product_is_caught(text: str) -> None:
    assert list(offences(Source.of("src/trunkline/app/node.py", text)))
    assert list(offences(Source.of(PRODUCT_LIST, text))) == []


@pytest.mark.parametrize(
    "text",
    ["from trunkline.products.manifest import Manifest", "from trunkline.products.accounts import facade"],
)
def test_what_all_of_the_root_uses_passes(text: str) -> None:
    assert list(offences(Source.of("src/trunkline/app/node.py", text))) == []
