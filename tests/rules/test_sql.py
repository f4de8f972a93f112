"""SQL stands next to the resource it serves, and values never become part of its text.

The rule sees f-strings, ``%``, ``+``, ``format`` and ``join`` around literals that read as SQL. Only names
from code may go into such a text: module constants in capitals and the column helpers of the storage
interface.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest

from rules.source import Function, Source, report, sources

SQL = re.compile(r"\bSELECT\b.+|\bINSERT INTO\b|\bUPDATE \S+ SET\b|\bDELETE FROM\b", re.DOTALL)
HOMES = (
    "src/trunkline/core/",
    "src/trunkline/products/",
    "src/trunkline/realtime/",
    "src/trunkline/transports/",
)
ENGINE = "src/trunkline/core/storage/"
"""A folder that builds statements by its nature, from table and column names that its callers pass."""
BUILDERS = {"columns", "placeholders", "assignments"}
FRAGMENTS = {"tail"}
"""Attributes that hold SQL from code: a window's ORDER BY and LIMIT."""
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")


def _text(node: ast.AST) -> str:
    """Return a literal's text, with a question mark for each part that is put in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(value) or "?" for value in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
    return ""


def _from_code(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=str()):
            return True
        case ast.Name(id=name):
            return CONSTANT.fullmatch(name) is not None
        case ast.Attribute(attr=name):
            return name in FRAGMENTS or CONSTANT.fullmatch(name) is not None
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in BUILDERS
        case ast.JoinedStr(values=values):
            return all(_from_code(value) for value in values)
        case ast.FormattedValue(value=value):
            return _from_code(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _from_code(left) and _from_code(right)
        case ast.IfExp(body=body, orelse=orelse):
            return _from_code(body) and _from_code(orelse)
    return False


def _docstrings(tree: ast.Module) -> set[int]:
    """Return the ids of strings that stand alone as a statement, which describe and are not run."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def offences(source: Source) -> Iterator[str]:
    """Yield SQL outside its home, and SQL whose text takes in what is not a name from code."""
    if source.path.startswith(ENGINE):
        return
    described = _docstrings(source.tree)
    for node in ast.walk(source.tree):
        match node:
            case ast.Constant() | ast.JoinedStr() if id(node) not in described and SQL.search(_text(node)):
                if not source.path.startswith(HOMES):
                    yield source.at(
                        node.lineno, "SQL belongs to core, realtime, the products and the transports"
                    )
                if not _from_code(node):
                    yield source.at(
                        node.lineno, f"SQL takes in more than names from code: {ast.unparse(node)}"
                    )
            case ast.BinOp(op=ast.Add() | ast.Mod(), left=left) if SQL.search(_text(left)) and not _from_code(
                node
            ):
                yield source.at(node.lineno, f"SQL is put together: {ast.unparse(node)}")
            case ast.Call(func=ast.Attribute(value=value, attr="format" | "format_map" | "replace")) if (
                SQL.search(_text(value))
            ):
                yield source.at(node.lineno, f"SQL is put together: {ast.unparse(node)}")


def test_the_tree_keeps_values_out_of_sql() -> None:
    assert not (found := report(offences, "src")), found


QUERY = re.compile(r"\b([a-z_]+)\.(\w+)")


def unknown_queries(source: Source, functions: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield the queries that the comments of a migration name for an index, and that no module of this name has."""
    if "Migration(" not in source.text:
        return
    for number, line in enumerate(source.text.splitlines(), 1):
        if line.strip().startswith("#"):
            for module, name in QUERY.findall(line):
                if name not in functions.get(module, ()):
                    yield source.at(number, f"there is no {module}.{name}")


def test_the_queries_that_migrations_name_exist() -> None:
    functions: dict[str, set[str]] = defaultdict(set)
    for source in sources("src"):
        for node in ast.walk(source.tree):
            if isinstance(node, Function | ast.ClassDef):
                functions[source.module.rpartition(".")[2]].add(node.name)
    assert not (found := report(lambda source: unknown_queries(source, functions), "src")), found


def test_a_query_that_is_gone_is_caught() -> None:
    schema = Source.of("src/trunkline/core/x.py", "Migration(\n    # queue.enqueue, claims.gone\n)")
    assert list(unknown_queries(schema, {"queue": {"enqueue"}, "claims": {"claim"}}))
    assert list(unknown_queries(schema, {"queue": {"enqueue"}, "claims": {"gone"}})) == []


BAD = [
    ("core/x.py", "q = f'SELECT * FROM t WHERE sid = {sid}'"),
    ("core/x.py", "q = f'SELECT {columns(Row)} FROM t WHERE name = {row.name}'"),
    ("core/x.py", "q = f'SELECT {fields} FROM t'"),
    ("core/x.py", "q = f'DELETE FROM {table} WHERE x = 1'"),
    ("core/x.py", "q = f'INSERT INTO t VALUES ({str(1)})'"),
    ("core/x.py", "q = 'UPDATE t SET a = 1 WHERE sid = ' + sid"),
    ("core/x.py", "q = 'UPDATE t SET a = %s' % value"),
    ("core/x.py", "q = 'DELETE FROM t WHERE sid = {}'.format(sid)"),
    (
        "core/x.py",
        "async def f(tx):\n    return await tx.one(Row, f'SELECT a '\n    f'FROM t WHERE {where}')",
    ),
    ("api/x.py", "q = 'SELECT sid FROM t'"),
    ("control/x.py", "q = f'SELECT {COLUMNS} FROM t'"),
]

GOOD = [
    ("core/x.py", "q = f'SELECT {columns(Row)} FROM t WHERE sid = :sid'"),
    ("products/sync/x.py", "q = f'INSERT INTO t ({database.columns(Row)}) VALUES ({placeholders(Row)})'"),
    ("products/sync/x.py", "q = f'UPDATE t SET {assignments(NAMES)} WHERE a IN ({schema.STATES})' + _TAIL"),
    ("products/sync/x.py", "q = f'SELECT {columns(Row)} FROM t WHERE a = :a {window.tail}'"),
    (
        "api/x.py",
        '"""SELECT is not run FROM here."""\nx = f"Select {a} from the list, update it, delete from it"',
    ),
]


@pytest.mark.parametrize(("path", "text"), BAD)
def test_bad_sql_is_caught(path: str, text: str) -> None:
    assert list(offences(Source.of(f"src/trunkline/{path}", text)))


@pytest.mark.parametrize(("path", "text"), GOOD)
def test_good_sql_passes(path: str, text: str) -> None:
    assert list(offences(Source.of(f"src/trunkline/{path}", text))) == []
