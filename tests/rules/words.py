"""The rules of words: how names are chosen and docstrings written. CONTRIBUTING.md has them as a page.

``make words ARGS=src/trunkline/core`` prints the offences below a folder.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from rules import verbs
from rules.source import ROOT, Function, Source, sources

SHORT_MODULE = 40
THEORY_SENTENCES = 5

PARALLELS = frozenset({"__init__", "schema", "carrier", "settings"})
"""Modules that stand in several folders of a package, each about its own folder; ``control`` has those of the API of
what the other folders hold."""

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _words(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def _defined(source: Source) -> Iterator[tuple[int, str]]:
    """Yield line and name of all that a module defines but classes: functions, parameters, variables, attributes.

    The fields of a Row are columns, and keep the names that they were released with.
    """
    columns = {
        id(field.target)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Row" for base in node.bases)
        for field in node.body
        if isinstance(field, ast.AnnAssign)
    }
    for node in ast.walk(source.tree):
        if id(node) in columns:
            continue
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.alias(asname=str(name)):
                yield 1, name


def names(source: Source) -> Iterator[str]:
    """Yield the names with a word that is not the field's. Names of tests are sentences, and are free."""
    served = source.path.startswith("src/")
    seen: set[str] = set()
    for line, name in _defined(source):
        if name.startswith("test_") and not served:
            continue
        for word in _words(name):
            if word in verbs.NAMES and name not in seen:
                seen.add(name)
                yield source.at(line, f"{name} is named {word}: {verbs.NAMES[word]}")
    banned = verbs.NAMES | verbs.TYPE_NAMES
    for part in PurePosixPath(source.path).with_suffix("").parts[2 if served else 1 :]:
        for word in _words(part):
            if word in banned:
                yield source.at(1, f"is named {word}: {banned[word]}")


def class_names(source: Source) -> Iterator[str]:
    """Yield the classes whose names have a word that is not the field's."""
    banned = verbs.NAMES | verbs.TYPE_NAMES
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            for word in _words(node.name):
                if word in banned:
                    yield source.at(node.lineno, f"{node.name} is named {word}: {banned[word]}")


def participles(source: Source) -> Iterator[str]:
    """Yield the classes that are named by a participle alone: a type is a noun."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            name = node.name.lstrip("_")
            whole = len(_words(name)) == 1 and name not in verbs.NOUNS
            if whole and (name in verbs.PARTICIPLES or name.endswith(("ed", "ing"))):
                yield source.at(node.lineno, f"class {node.name} is a participle: name the thing")


def _first(text: str) -> str:
    return (text.split() or [""])[0].strip(".,:;()")


def _sentences(text: str) -> list[str]:
    """Return the sentences of a docstring; list items and paragraphs are sentences of their own."""
    text = re.sub(r"\b(?:e\.g|i\.e|etc|vs)\.", "", text)
    blocks = re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.)\s+", text)
    return [one.strip() for block in blocks for one in re.split(r"(?<=[.!?])\s+", block) if one.strip()]


def _is_property(node: Function) -> bool:
    names = {ast.unparse(one).split("(")[0].split(".")[-1] for one in node.decorator_list}
    return bool(names & {"property", "cached_property"})


def _docstrings(source: Source) -> Iterator[tuple[int, str, str, str]]:
    """Yield line, kind, name and text of every docstring, those of attributes included."""
    for node in ast.walk(source.tree):
        if isinstance(node, Documented) and (text := ast.get_docstring(node)):
            match node:
                case ast.Module():
                    yield 1, "module", "the module", text
                case ast.ClassDef(name=name):
                    yield node.lineno, "class", name, text
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    yield node.lineno, "property" if _is_property(node) else "function", name, text
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef) and isinstance(body, list):
            for before, after in pairwise(body):
                match before, after:
                    case (
                        ast.Assign() | ast.AnnAssign(),
                        ast.Expr(value=ast.Constant(value=str(text))),
                    ):
                        yield after.lineno, "attribute", "an attribute", text


def docstrings(source: Source) -> Iterator[str]:
    """Yield the docstrings that are not as the page "Words" has them."""
    for line, kind, name, text in _docstrings(source):
        first = _first(text)
        if kind == "function":
            if first not in verbs.IMPERATIVES:
                yield source.at(line, f'{name}: a function\'s docstring begins with a verb, not "{first}"')
        elif first in verbs.QUESTIONS | verbs.THIRD_PERSON:
            yield source.at(line, f'{name}: a noun phrase, or "True if", not "{first}"')
        for sentence in _sentences(text)[1:]:
            opening = _first(sentence)
            if opening in verbs.SENTENCE_QUESTIONS:
                yield source.at(line, f'{name}: a sentence begins with "{opening}"')
            if opening in ("Raises", "Returns", "Answers", "Answer"):
                yield source.at(line, f'{name}: "{opening}": write "Raise X if", "Return"')
        flat = " ".join(text.split())
        for pattern, instead in verbs.PHRASES.items():
            if found := re.search(pattern, flat, re.IGNORECASE):
                yield source.at(line, f'{name}: "{found[0].strip(";:, ")}": {instead}')


CONCURRENCY = {
    "create_task", "create_future", "ensure_future", "Lock", "RLock", "Event", "Condition", "Semaphore", "Queue",
    "TaskGroup", "Thread", "Future",
}  # fmt: skip
OWN_CONCURRENCY = {"PeriodicTask", "BatchWriter"}
"""Types of the tree that run a task for their owner."""


def theories(source: Source) -> Iterator[str]:
    """Yield the module if it has tasks or locks and does not open with its theory of operation."""
    used = set()
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="asyncio" | "threading"), attr=name)):
                used |= {name} & CONCURRENCY
            case ast.Call(func=ast.Attribute(attr="create_task" | "create_future" as name)):
                used.add(name)
            case ast.keyword(value=ast.Attribute(value=ast.Name(id="asyncio" | "threading"), attr=name)):
                used |= {name} & CONCURRENCY
            case ast.Call(func=ast.Name(id=name)):
                used |= {name} & OWN_CONCURRENCY
    sentences = len(_sentences(ast.get_docstring(source.tree) or ""))
    if used and sentences < THEORY_SENTENCES:
        held = ", ".join(sorted(used))
        yield source.at(
            1, f"uses {held}: open with a theory of operation, {sentences} of {THEORY_SENTENCES} sentences"
        )


def classes(found: Iterable[Source]) -> Iterator[str]:
    """Yield the names of classes that stand in several modules."""
    at: dict[str, list[str]] = defaultdict(list)
    for source in found:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                at[node.name].append(f"{source.path}:{node.lineno}")
    for name, places in sorted(at.items()):
        if len(places) > 1:
            yield f"{places[0]}: class {name} stands in {', '.join(places[1:])}, too"


def modules(found: Iterable[Source]) -> Iterator[str]:
    """Yield the modules of one name in a product, or in another package of ``src``."""
    at: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for source in found:
        path = PurePosixPath(source.path)
        folders = path.parent.parts[2:]
        package = folders[: 2 if folders[:1] == ("products",) else 1]
        if path.stem not in PARALLELS and "control" not in folders[len(package) :]:
            at[(*package, path.stem)].append(source.path)
    for name, places in sorted(at.items()):
        if len(places) > 1:
            yield f"{places[0]}:1: module {name[-1]} stands in {', '.join(places[1:])}, too"


def _has_logic(source: Source) -> bool:
    return any(isinstance(node, Function) for node in ast.walk(source.tree))


def _is_border(source: Source) -> bool:
    return any(
        isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases)
        for node in ast.walk(source.tree)
    )


def short_modules(found: Iterable[Source], everything: Iterable[Source]) -> Iterator[str]:
    """Yield modules of less than 40 lines that are neither a border, nor a table, nor used twice.

    A border is a Protocol, a package's ``__init__``, ``__main__``, a command or a group of settings; a table has no
    functions.
    """
    importers: dict[str, set[str]] = defaultdict(set)
    for source in everything:
        for node in ast.walk(source.tree):
            match node:
                case ast.ImportFrom(module=str(module), names=aliases):
                    for alias in aliases:
                        importers[module].add(source.path)
                        importers[f"{module}.{alias.name}"].add(source.path)
                case ast.Import(names=aliases):
                    for alias in aliases:
                        importers[alias.name].add(source.path)
    for source in found:
        path = PurePosixPath(source.path)
        lines = len(source.text.splitlines())
        if (
            lines >= SHORT_MODULE
            or path.stem in ("__init__", "__main__")
            or {"cli", "settings"} & set(path.parts)
        ):
            continue
        if _has_logic(source) and not _is_border(source) and len(importers[source.module]) < 2:
            yield source.at(1, f"{lines} lines, used once: it belongs into its caller")


Rule = Callable[[Source], Iterator[str]]
RULES: tuple[Rule, ...] = (names, class_names, participles, docstrings, theories)
TEST_RULES: tuple[Rule, ...] = (names, class_names, participles, docstrings)
"""The rules that hold for tests and benchmarks, too."""


def offences(found: list[Source], everything: list[Source]) -> Iterator[str]:
    """Yield all offences in ``found``; ``everything`` is the tree that it is part of."""
    served = [source for source in found if source.path.startswith("src/")]
    for source in found:
        for rule in RULES if source in served else TEST_RULES:
            yield from rule(source)
    yield from classes(served)
    yield from modules(served)
    yield from short_modules(served, everything)


def main(folders: list[str]) -> int:
    """Print the offences below folders or in modules of the checkout, and return 1 when there are any."""
    everything = sources("src", "tests", "benchmarks")
    paths = [folder.rstrip("/") for folder in folders or ["src"]]
    found = [
        one
        for one in everything
        if any(one.path == path or one.path.startswith(path + "/") for path in paths)
    ]
    if not found:
        print(f"no modules below {', '.join(paths)} in {ROOT}")
        return 2
    lines = list(offences(found, everything))
    print("\n".join([*lines, f"{len(lines)} offences in {len(found)} modules"]))
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
