"""SQLite reads only few rows on the event loop: ``Database.read`` runs there, ``query`` and ``scan`` do not.

The rule follows each call of ``read`` through the functions that get its transaction. None of them may read a page, a
result without a LIMIT, or rows in a loop, unless ``FEW`` has the reason why there are few. The operations, whose
actions the executor reads by, are in ``tests/unit/app/test_operation_reads.py``.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple, TypeGuard

import pytest

from rules.source import Function, Source, sources

COMMANDS = "src/trunkline/cli/"
"""A command waits for its database and serves nobody meanwhile."""

FEW = {
    "products/accounts/token_issuers.py:check_token": "the grants of a token that have a product here",
    "products/accounts/token_issuers.py:_service": "the products with Services",
    "products/messaging/media/store.py:all_media": "the attachments of a message",
    "products/messaging/sending/receipt_handling.py:_find_segment": "the spellings of a receipt's id",
    "products/sync/realtime/source.py:events_after": "the ids up to a limit",
    "transports/smpp/segment_store.py:passed.read": "the segments of a message",
}
"""The functions whose rows are few, each with the reason."""

LIMITED = re.compile(r"\bLIMIT\b")


class Code(NamedTuple):
    """A function or lambda, and the functions around it."""

    source: Source
    node: ast.AST
    around: tuple[ast.AST, ...] = ()

    @property
    def name(self) -> str:
        """The file, and the names of the functions around the function and its own."""
        names = [getattr(node, "name", "lambda") for node in (*reversed(self.around), self.node)]
        return f"{self.source.path.removeprefix('src/trunkline/')}:{'.'.join(names)}"

    def body(self) -> Iterator[ast.AST]:
        """Yield the nodes of the function, without those of functions in it."""
        waiting = [self.node]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, Function)]

    def inner(self) -> Iterator[Function]:
        """Yield the functions that are defined in this one."""
        for node in self.body():
            yield from (child for child in ast.iter_child_nodes(node) if isinstance(child, Function))


class Tree:
    """The modules, with what their names stand for."""

    def __init__(self, found: Iterable[Source]) -> None:
        self.modules = {source.module: source for source in found}
        self.methods: dict[str, list[Code]] = defaultdict(list)
        for source in self.modules.values():
            for node in source.tree.body:
                if isinstance(node, ast.ClassDef):
                    for child in node.body:
                        if isinstance(child, Function) and "tx" in {
                            one.arg for one in (*child.args.posonlyargs, *child.args.args)
                        }:
                            self.methods[child.name].append(Code(source, child))

    def called(self, code: Code, expression: ast.expr) -> list[Code]:
        """Return what an expression in a function may name: a method of any class, if it is one."""
        match expression:
            case ast.Lambda():
                return [Code(code.source, expression, (code.node, *code.around))]
            case ast.Call(func=ast.Name(id="partial"), args=[first, *_]):
                return self.called(code, first)
            case ast.Name(id=name):
                return self._local(code, name) or self._of_module(code.source.module, name)
            case ast.Attribute(value=ast.Name(id=module), attr=name) if path := self._imported(code, module):
                return self._of_module(path, name)
            case ast.Attribute(attr=name):
                methods = self.methods[name]
                return [one for one in methods if one.source is code.source] or methods
        return []

    def _local(self, code: Code, name: str) -> list[Code]:
        for place in (
            code,
            *(Code(code.source, node, code.around[at + 1 :]) for at, node in enumerate(code.around)),
        ):
            for inner in place.inner():
                if inner.name == name:
                    return [Code(code.source, inner, (place.node, *place.around))]
            for node in place.body():
                if _assigns(node, {name}):
                    return self.called(place, node.value)
        return []

    def _of_module(self, module: str, name: str) -> list[Code]:
        source = self.modules.get(module)
        for node in source.tree.body if source else ():
            if isinstance(node, Function) and node.name == name:
                return [Code(self.modules[module], node)]
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return self._of_module(node.module, alias.name)
        return []

    def _imported(self, code: Code, name: str) -> str:
        for node in code.source.tree.body:
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    path = f"{node.module}.{alias.name}"
                    if (alias.asname or alias.name) == name and path in self.modules:
                        return path
        return ""


def _assigns(node: ast.AST, names: Container[str]) -> TypeGuard[ast.Assign]:
    return (
        isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in names
    )


def _sql(code: Code, expression: ast.expr) -> str:
    """Return the text of a statement, with that of the names in it."""
    text = ast.unparse(expression)
    names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
    for node in (*code.source.tree.body, *code.body()):
        if _assigns(node, names):
            text += _sql(code, node.value)
    return text


def _many(code: Code) -> Iterator[str]:
    """Yield the ways by which a function reads many rows."""
    for node in code.body():
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="tx"), attr="all"), args=[_, statement]):
                if not LIMITED.search(_sql(code, statement)):
                    yield "without a LIMIT"
            case ast.Attribute(attr="tail") | ast.Call(func=ast.Name(id="walk")):
                yield "a page"
            case ast.For(body=repeated) | ast.While(body=repeated):
                if any(isinstance(part, ast.Await) for one in repeated for part in ast.walk(one)):
                    yield "in a loop"
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                once = set(ast.walk(node.generators[0].iter))
                if any(isinstance(part, ast.Await) and part not in once for part in ast.walk(node)):
                    yield "in a loop"


def _gets_transaction(call: ast.Call) -> bool:
    return any(isinstance(argument, ast.Name) and argument.id == "tx" for argument in call.args)


def _reached(tree: Tree, first: Iterable[Code]) -> Iterator[Code]:
    waiting, seen = list(first), set()
    while waiting:
        code = waiting.pop()
        if id(code.node) not in seen:
            seen.add(id(code.node))
            yield code
            for node in code.body():
                if isinstance(node, ast.Call) and _gets_transaction(node):
                    waiting += tree.called(code, node.func)


def _functions(source: Source) -> Iterator[Code]:
    waiting: list[tuple[ast.AST, tuple[ast.AST, ...]]] = [(source.tree, ())]
    while waiting:
        node, around = waiting.pop()
        if isinstance(node, Function):
            yield Code(source, node, around)
            around = (node, *around)
        waiting += [(child, around) for child in ast.iter_child_nodes(node)]


def loop_reads(found: Iterable[Source]) -> Iterator[tuple[str, str]]:
    """Yield each function that reads many rows for a call of ``read``, with that call and the way."""
    tree = Tree(found)
    for source in tree.modules.values():
        if source.path.startswith(COMMANDS) or "atabase.read(" not in source.text:
            continue
        for code in _functions(source):
            for node in code.body():
                match node:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Name(id=on) | ast.Attribute(attr=on), attr="read"),
                        args=[action],
                    ) if on.strip("_") == "database":
                        for one in _reached(tree, tree.called(code, action)):
                            yield from ((one.name, source.at(node.lineno, way)) for way in _many(one))


def test_the_event_loop_reads_few_rows() -> None:
    found = list(loop_reads(sources("src")))
    many = [f"{name} for {call}" for name, call in found if name not in FEW]
    assert not many, "\n".join(many)
    assert FEW.keys() <= {name for name, _ in found}


HEAD = "async def page(tx):\n    return await tx.all(Row, f'SELECT x FROM y {window.tail}')\n"


@pytest.mark.parametrize(
    ("text", "offends"),
    [
        ("async def f():\n    await self._database.read(lambda tx: tx.all(Row, 'SELECT x FROM y'))", True),
        ("async def f():\n    await database.read(lambda tx: tx.all(Row, 'SELECT x FROM y LIMIT 9'))", False),
        (
            "Q = 'SELECT x FROM y LIMIT 9'\nasync def f():\n    await database.read(lambda tx: tx.all(Row, Q))",
            False,
        ),
        (f"{HEAD}async def f():\n    await database.read(page)", True),
        (f"{HEAD}async def f():\n    await database.query(page)", False),
        (f"{HEAD}async def f():\n    read = partial(page, x=1)\n    await database.read(read)", True),
        (
            f"{HEAD}async def f():\n    async def g(tx):\n        return await page(tx)\n    await database.read(g)",
            True,
        ),
        (f"{HEAD}class A:\n    g = page\nasync def f():\n    await database.read(lambda tx: page(tx))", True),
        (
            "class A:\n    async def g(self, tx):\n        await walk(tx)\n    async def f(self):\n"
            "        await self.database.read(self.g)",
            True,
        ),
        (
            "async def f():\n    async def g(tx):\n        return [await tx.value(Q, x=x) for x in many]\n"
            "    await database.read(g)",
            True,
        ),
        (
            "async def f():\n    async def g(tx):\n        for x in many:\n            await tx.value(Q, x=x)\n"
            "    await database.read(g)",
            True,
        ),
        (
            "async def f():\n    async def g(tx):\n        return [x for x in await tx.all(Row, 'LIMIT')]\n"
            "    await database.read(g)",
            False,
        ),
    ],
)
def test_many_rows_on_the_event_loop_are_caught(text: str, offends: bool) -> None:
    assert bool(list(loop_reads([Source.of("src/trunkline/products/x.py", text)]))) is offends
