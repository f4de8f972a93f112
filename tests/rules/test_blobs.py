"""Every column that references blobs is registered: the sweep removes what no registered column refers to."""

from __future__ import annotations

import re

from trunkline.app.products import migrations, products
from trunkline.settings import Settings

REFERENCES = re.compile(r"(\w+) TEXT[^,()]* REFERENCES blobs \(key\)")
TABLE = re.compile(r"(?:CREATE|ALTER) TABLE (\w+)")
OWN = {("blob_pieces", "key")}


def test_every_reference_to_a_blob_is_registered_and_has_an_index() -> None:
    statements = [text for step in migrations(products(Settings())) for text in step.statements]
    found = {
        (TABLE.search(text)[1], column)  # type: ignore[index]
        for text in statements
        for column in REFERENCES.findall(text)
    }
    registered = {
        (one.table, one.column) for manifest in products(Settings()) for one in manifest.blob_references
    }
    assert registered
    assert found - OWN == registered
    for table, column in registered:
        assert any(f"ON {table} ({column}" in text for text in statements), f"{table}.{column} has no index"
