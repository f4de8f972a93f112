"""The change of named parameters to numbered ones."""

from __future__ import annotations

import pytest

from trunkline.core.storage.postgres_tx import numbered


@pytest.mark.parametrize(
    ("sql", "text", "names"),
    [
        ("SELECT 1", "SELECT 1", ()),
        ("a = :a AND b = :b_2", "a = $1 AND b = $2", ("a", "b_2")),
        ("a = :x OR b = :y OR c = :x", "a = $1 OR b = $2 OR c = $1", ("x", "y")),
        ("a::text = :a::text", "a::text = $1::text", ("a",)),
        ("a = ':no' AND b = 'it''s :no' AND c = :c", "a = ':no' AND b = 'it''s :no' AND c = $1", ("c",)),
        ('":no" = :yes -- :no\n AND :z', '":no" = $1 -- :no\n AND $2', ("yes", "z")),
        ("a[1:2] = (:a)", "a[1:2] = ($1)", ("a",)),
    ],
)
def test_numbered(sql: str, text: str, names: tuple[str, ...]) -> None:
    assert numbered(sql) == (text, names)
