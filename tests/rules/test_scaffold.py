"""``make resource`` writes a resource that keeps to the rules, for each product with Services."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rules import scaffold, test_docstrings, test_imports, test_size, test_sql, words
from rules.source import ROOT, Source


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the files that the scaffold reads and changes."""
    for folder in ("src/trunkline/products", "tests/rules"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests/api").mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("product", ["sync", "notify", "chat", "messaging"])
def test_a_new_resource_keeps_to_the_rules(checkout: Path, product: str) -> None:
    written = scaffold.resource(checkout, product, "box_entries", "BX")
    scaffold.formatted(checkout, written)
    command = [sys.executable, "-m", "ruff", "format", "--check", "-q", *map(str, written)]
    subprocess.run(command, cwd=checkout, check=True)
    module = checkout / f"src/trunkline/products/{product}/box_entries.py"
    source = Source.of(module.relative_to(checkout).as_posix(), module.read_text("utf-8"))
    rules = (
        *words.RULES,
        test_docstrings.offences,
        test_imports.offences,
        test_size.offences,
        test_sql.offences,
    )
    assert not [line for rule in rules for line in rule(source)]
    floors = (checkout / "tests/rules/test_floors.py").read_text("utf-8")
    assert re.search(r'"services",\s+"box_entries"', floors)


@pytest.mark.parametrize("product", ["sync", "notify", "chat", "messaging"])
def test_its_operations_are_mounted_and_its_table_is_migrated(checkout: Path, product: str) -> None:
    scaffold.formatted(checkout, scaffold.resource(checkout, product, "box_entries", "BX"))
    folder = checkout / f"src/trunkline/products/{product}"
    spec = importlib.util.spec_from_file_location("box_entries", folder / "box_entries.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert [one.method for one in module.OPERATIONS] == ["POST", "GET", "GET", "POST", "DELETE"]
    assert "*box_entries.OPERATIONS" in (folder / "__init__.py").read_text("utf-8")
    schema = (folder / "schema.py").read_text("utf-8")
    assert schema.index(f"CREATE TABLE {product}_box_entries") > schema.rindex("Migration(")


@pytest.mark.parametrize("arguments", [[], ["sync", "widgets"], ["sync", "widgets", "WD", "more"]])
def test_too_few_words_or_too_many_are_explained(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert scaffold.main(arguments) == 2
    assert 'ARGS="sync widgets WD"' in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [("sync", "widget", "WD"), ("sync", "Widgets", "WD"), ("sync", "widgets", "W1"), ("accounts", "widgets", "WD"),
     ("voice", "calls", "CA"), ("sync", "streams", "TO")],
)  # fmt: skip
def test_what_cannot_be_written_changes_nothing(checkout: Path, arguments: tuple[str, str, str]) -> None:
    before = {path: path.read_bytes() for path in checkout.rglob("*.py")}
    with pytest.raises(scaffold.CannotWrite):
        scaffold.resource(checkout, *arguments)
    assert {path: path.read_bytes() for path in checkout.rglob("*.py")} == before
