"""The floors of each product: a module imports its own floor and those below. In all of src, nothing imports in a
circle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from rules.source import ROOT, Source, sources
from rules.test_imports import imported

FLOORS: dict[str, tuple[tuple[str, ...], ...]] = {
    "accounts": (
        ("schema", "sessions", "retention"),
        ("store", "alerts"),
        ("accounts", "token_issuers", "webhook_alerts", "auth_tokens", "credentials", "keys"),
        ("iam_keys",),
        ("facade",),
        ("node_accounts", "__init__"),
    ),
    "chat": (
        ("schema", "parent_service", "permissions", "webhook_events"),
        ("configuration", "roles"),
        ("services",),
        ("__init__",),
    ),
    "messaging": (
        ("schema", "policy", "text", "service_usecases", "campaign_usecases", "applications", "media"),
        ("services",),
        ("lifecycle",),
        ("numbers",),
        ("senders", "opt_outs", "links"),
        ("compliance",),
        ("sending",),
        ("receiving",),
        ("messages",),
        ("retention",),
        ("facade", "control", "runtime", "__init__"),
    ),
    "notify": (
        ("schema", "services"),
        ("__init__",),
    ),
    "sync": (
        ("schema", "services", "data", "limits", "revisions", "ttl"),
        ("scope", "reachability"),
        ("permissions", "event_types"),
        ("webhooks", "event_log", "objects", "items", "expiry"),
        (
            "collections",
            "documents",
            "item_parameters",
            "list_items",
            "map_items",
            "permission_resource",
            "streams",
        ),
        ("realtime",),
        ("__init__",),
    ),
}
"""From a product to its floors, the lowest first: folders, and modules beside them, by their name below the product."""

PRODUCTS = "trunkline.products"
MANIFEST = f"{PRODUCTS}.manifest"
"""The type of a product's manifest, below every product."""

Graph = Mapping[str, set[str]]


def _unit(module: str) -> tuple[str, str]:
    """Return the product of a module and the folder or module of that product in which it is."""
    parts = module.split(".")
    return parts[2], parts[3] if len(parts) > 3 else "__init__"


def _folder(module: str) -> str:
    """Return the folder of a module, or the module that stands beside folders, by its name below the product or the
    package."""
    parts = module.split(".")
    return ".".join(_unit(module) if parts[1:2] == ["products"] and parts[2:] else parts[1:3])


def _floor(module: str) -> int | None:
    product, unit = _unit(module)
    floors = FLOORS.get(product, ())
    return next((number for number, units in enumerate(floors) if unit in units), None)


def _modules(found: list[Source]) -> list[Source]:
    return [
        source for source in found if source.module.startswith(f"{PRODUCTS}.") and source.module != MANIFEST
    ]


def graph(found: list[Source]) -> dict[str, set[str]]:
    """Return from each module of ``found`` the others of them that it imports."""
    names = {source.module for source in found}
    edges: dict[str, set[str]] = {}
    for source in found:
        targets = edges.setdefault(source.module, set())
        for _, name in imported(source):
            module = name if name in names else name.rpartition(".")[0]
            if module in names and module != source.module:
                targets.add(module)
    return edges


def units_of(edges: Graph) -> dict[str, set[str]]:
    """Return the same graph with each folder as one, of a product or of the package."""
    units: dict[str, set[str]] = {}
    for module, targets in edges.items():
        here = _folder(module)
        others = {_folder(target) for target in targets}
        units.setdefault(here, set()).update(others - {here})
    return units


def circle(edges: Graph) -> list[str]:
    """Return names that import each other in a circle, from one of them back to it; empty if there are none."""
    finished: set[str] = set()
    for start in edges:
        path = [start]
        branches = [iter(sorted(edges.get(start, ())))] if start not in finished else []
        while branches:
            target = next(branches[-1], None)
            if target is None:
                finished.add(path.pop())
                branches.pop()
            elif target in path:
                return [*path[path.index(target) :], target]
            elif target not in finished:
                path.append(target)
                branches.append(iter(sorted(edges.get(target, ()))))
    return []


def offences(found: list[Source]) -> Iterator[str]:
    """Yield each module that is on no floor, and each import that goes up."""
    edges = graph(found)
    for module in sorted(edges):
        floor = _floor(module)
        if floor is None:
            yield f"{module} is on no floor: add it to FLOORS"
            continue
        for target in sorted(edges[module]):
            above = _floor(target)
            if _unit(target)[0] == _unit(module)[0] and above is not None and above > floor:
                yield f"{module} is on floor {floor} and may not import {target} on floor {above}"


def _sources() -> list[Source]:
    found = _modules(sources("src"))
    assert found, "no products below src"
    return found


def test_no_import_goes_up() -> None:
    assert not (found := "\n".join(offences(_sources()))), found


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(graph(sources("src"))) == []


def test_no_folders_import_each_other_in_a_circle() -> None:
    assert circle(units_of(graph(sources("src")))) == []


@pytest.mark.parametrize("product", FLOORS)
def test_every_name_on_a_floor_exists_and_stands_on_one_alone(product: str) -> None:
    folder = ROOT / "src" / "trunkline" / "products" / product
    units = [unit for floor in FLOORS[product] for unit in floor]
    assert len(units) == len(set(units))
    assert [
        unit for unit in units if not (folder / unit).is_dir() and not (folder / f"{unit}.py").is_file()
    ] == []


MESSAGING = f"{PRODUCTS}.messaging"


def _tree(*modules: tuple[str, str]) -> list[Source]:
    return [Source.of(f"src/trunkline/products/{path}", text) for path, text in modules]


NOTHING = "import json"

BAD = [
    (("messaging/attic.py", NOTHING),),
    (("messaging/attic/box.py", NOTHING),),
    (("fax/services.py", NOTHING),),
    (
        ("messaging/lifecycle/status_changes.py", f"import {MESSAGING}.sending.worker"),
        ("messaging/sending/worker.py", NOTHING),
    ),
    (
        ("messaging/lifecycle/status_changes.py", f"from {MESSAGING}.sending import worker"),
        ("messaging/sending/worker.py", NOTHING),
    ),
    (
        (
            "messaging/text/segments.py",
            f"def later():\n    from {MESSAGING}.numbers.owned_numbers import Owned",
        ),
        ("messaging/numbers/owned_numbers.py", NOTHING),
    ),
    (("messaging/services.py", f"from {MESSAGING} import product"), ("messaging/__init__.py", NOTHING)),
]

GOOD = [
    (
        ("messaging/sending/worker.py", f"from {MESSAGING}.lifecycle import status_changes"),
        ("messaging/lifecycle/status_changes.py", NOTHING),
    ),
    (
        ("messaging/sending/worker.py", f"from {MESSAGING}.sending.accept import accept"),
        ("messaging/sending/accept.py", NOTHING),
    ),
    (
        ("messaging/links/clicks.py", f"import {MESSAGING}.senders.candidates"),
        ("messaging/senders/candidates.py", NOTHING),
    ),
    (("notify/services.py", f"from {MESSAGING}.facade import send"), ("messaging/facade.py", NOTHING)),
]


@pytest.mark.parametrize("modules", BAD)
def test_bad_imports_are_caught(modules: tuple[tuple[str, str], ...]) -> None:
    assert list(offences(_tree(*modules)))


@pytest.mark.parametrize("modules", GOOD)
def test_good_imports_pass(modules: tuple[tuple[str, str], ...]) -> None:
    assert list(offences(_tree(*modules))) == []


def test_circles_are_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []
    folders = _tree(
        ("messaging/links/clicks.py", f"import {MESSAGING}.senders.candidates"),
        ("messaging/links/pem.py", NOTHING),
        ("messaging/senders/candidates.py", NOTHING),
        ("messaging/senders/choice.py", f"import {MESSAGING}.links.pem"),
    )
    assert circle(graph(folders)) == []
    assert circle(units_of(graph(folders))) == ["messaging.links", "messaging.senders", "messaging.links"]
