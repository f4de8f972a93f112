"""The root composes products by their list: nothing else in ``app`` names one or uses its settings, and the settings
name the same products."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from rules.source import Source, report
from rules.test_imports import imported
from trunkline.app.products import products, service_finders
from trunkline.core.access_tokens import GrantName
from trunkline.settings import Settings
from trunkline.settings.server import PRODUCTS

PRODUCT_LIST = "src/trunkline/app/products.py"
MANIFEST = "trunkline.products.manifest"
"""The module of ``products`` that all of ``app`` may use."""
NAMES = frozenset({*PRODUCTS, "accounts"})


def offences(source: Source) -> Iterator[str]:
    """Yield the imports of products, and the uses of their settings, in ``app`` beside their list."""
    if not source.path.startswith("src/trunkline/app/") or source.path == PRODUCT_LIST:
        return
    for line, name in imported(source):
        if name.startswith("trunkline.products.") and not f"{name}.".startswith(f"{MANIFEST}."):
            yield source.at(line, f"names a product: {name}")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in NAMES and _is_settings(node.value):
            yield source.at(node.lineno, f"uses a product's settings: {ast.unparse(node)}")


def _is_settings(node: ast.expr) -> bool:
    return ast.unparse(node).split(".")[-1].lstrip("_") == "settings"


def test_only_the_list_names_products() -> None:
    assert not (found := report(offences, "src/trunkline/app")), found


def test_the_settings_name_the_products_of_the_list() -> None:
    assert {manifest.name for manifest in products(Settings())} == NAMES


def test_a_grant_leads_to_each_finder_of_services() -> None:
    assert set(service_finders(products(Settings()))) == {name.product for name in GrantName}


@pytest.mark.parametrize(
    "text",
    [
        "from trunkline.products import chat",
        "from trunkline.products.sync.facade import find",
        "from trunkline.products.accounts import facade",
        "def open(settings):\n    return settings.messaging.public_url",
        "class Node:\n    def start(self):\n        chosen = self._settings.accounts",
    ],
)
def test_a_named_product_is_caught(text: str) -> None:
    assert list(offences(Source.of("src/trunkline/app/node.py", text)))
    assert list(offences(Source.of(PRODUCT_LIST, text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "from trunkline.products.manifest import Manifest",
        "port = self.settings.server.port",
        "first = self.accounts.first",
    ],
)
def test_what_all_of_the_root_uses_passes(text: str) -> None:
    assert list(offences(Source.of("src/trunkline/app/node.py", text))) == []
