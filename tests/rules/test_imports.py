"""Imports between folders; the tables of ARCHITECTURE.md as data."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

import pytest

from rules.source import ROOT, Source, report

ANYTHING = frozenset({"trunkline"})

FOLDERS: dict[str, frozenset[str]] = {
    "__main__": ANYTHING,
    "app": ANYTHING,
    "cli": ANYTHING,
    "settings": frozenset({"trunkline.core", "trunkline.transports.options", "trunkline.transports.routing"}),
    "core": frozenset(),
    "api": frozenset({"trunkline.core"}),
    "products": frozenset(
        {
            "trunkline.core",
            "trunkline.api",
            "trunkline.settings",
            "trunkline.products.manifest",
            "trunkline.transports.base",
            "trunkline.realtime.border",
            "trunkline.realtime.objects",
            "trunkline.realtime.product",
            "trunkline.realtime.tunnel",
        }
    ),
    "transports": frozenset({"trunkline.core", "trunkline.api"}),
    "realtime": frozenset({"trunkline.core", "trunkline.api"}),
    "control": frozenset({"trunkline.core", "trunkline.api", "trunkline.transports"}),
    "browser_sdks": frozenset({"trunkline.core", "trunkline.api"}),
    "switch": frozenset({"trunkline.core"}),
}
"""From a folder to what it may import besides itself. Product facades come on top, by FACADES."""

FACADES: dict[str, frozenset[str]] = {
    "accounts": frozenset(),
    "notify": frozenset({"accounts", "messaging"}),
    "messaging": frozenset({"accounts"}),
    "chat": frozenset({"accounts", "sync", "notify"}),
    "sync": frozenset({"accounts"}),
}
"""From a product to the products whose facade it may import."""

INTERFACE = "trunkline.core.storage.database"
ENGINES = ("trunkline.core.storage.sqlite", "trunkline.core.storage.postgres", "apsw", "asyncpg", "sqlite3")

PURE = (
    "api/cross_origin.py",
    "api/response_content.py",
    "api/error_codes.py",
    "api/errors.py",
    "api/form_data.py",
    "api/paging.py",
    "api/params.py",
    "api/public.py",
    "api/request_heads.py",
    "core/access_tokens.py",
    "core/dates.py",
    "core/origins.py",
    "core/egress/cookies.py",
    "core/egress/guard.py",
    "core/egress/http_message.py",
    "core/egress/target.py",
    "core/gsm.py",
    "core/leases.py",
    "core/host_patterns.py",
    "core/http_syntax.py",
    "core/rates.py",
    "core/storage/list_query.py",
    "core/percent.py",
    "core/strict_json.py",
    "core/sids.py",
    "core/webhooks/attempt_content.py",
    "core/webhooks/challenges.py",
    "core/webhooks/overrides.py",
    "core/webhooks/signature.py",
    "products/messaging/campaign_usecases.py",
    "products/messaging/compliance/campaign_content.py",
    "products/messaging/compliance/limits.py",
    "products/messaging/compliance/tollfree_content.py",
    "products/messaging/links/own_hosts.py",
    "products/messaging/links/pem.py",
    "products/messaging/media/kinds.py",
    "products/messaging/messages/time_filters.py",
    "products/messaging/numbers/area_codes.py",
    "products/messaging/numbers/localities.py",
    "products/messaging/numbers/number_types.py",
    "products/messaging/numbers/parsing.py",
    "products/messaging/numbers/patterns.py",
    "products/messaging/opt_outs/keywords.py",
    "products/messaging/receiving/loop_guard.py",
    "products/messaging/receiving/markup.py",
    "products/messaging/receiving/twiml.py",
    "products/messaging/receiving/verbs.py",
    "products/messaging/senders/alpha_rules.py",
    "products/messaging/senders/sender_choice.py",
    "products/messaging/sending/prices.py",
    "products/messaging/sending/shared_rates.py",
    "products/messaging/text/*.py",
    "realtime/border.py",
    "realtime/client_packets.py",
    "realtime/continuation_tokens.py",
    "realtime/effects.py",
    "realtime/objects/authors.py",
    "realtime/objects/hub.py",
    "realtime/objects/types.py",
    "realtime/server_packets.py",
    "realtime/session.py",
    "realtime/timer_wheel.py",
    "realtime/tunnel.py",
    "realtime/twilsock.py",
    "realtime/websocket_frames.py",
    "switch/environment.py",
    "switch/environment_forms.py",
    "switch/error_response.py",
    "switch/request_parser.py",
    "transports/base.py",
    "transports/http/protocol.py",
    "transports/routing.py",
    "transports/sandbox/behaviour.py",
    "transports/delivery_states.py",
    "transports/done_dates.py",
    "transports/smpp/alphabet.py",
    "transports/smpp/pdu_bodies.py",
    "transports/smpp/commands.py",
    "transports/smpp/deliver_sm.py",
    "transports/smpp/pdu.py",
    "transports/smpp/reassembly.py",
    "transports/smpp/receipts.py",
    "transports/smpp/session.py",
    "transports/smpp/shift_tables.py",
    "transports/smpp/status_rules.py",
    "transports/smpp/stream.py",
    "transports/smpp/submit_queue.py",
    "transports/smpp/submit_sm.py",
    "transports/smpp/throttling.py",
)
"""Globs below the package: rules without effects. Each glob must fit a module."""

EFFECTS = {"asyncio", "socket", "time", "threading", "sqlite3", "multiprocessing", "subprocess", "selectors"}
LENT = {
    "trunkline.core.clock.SECOND",
    "trunkline.transports.smpp.settings.SmppRoute",
    "trunkline.settings.tables.Price",
}
"""Things that a pure module may take from one that is not: a constant, and options that were read already."""

LIBRARIES = {
    "trunkline.products.messaging.links.pem": "cryptography",
    "trunkline.products.messaging.numbers.parsing": "phonenumbers",
    "trunkline.realtime.websocket_frames": "websockets",
}
"""From a pure module to the package that it uses without effects."""

IMPORTERS = {"import_module", "__import__"}


def _below(name: str, *roots: str) -> bool:
    return any(name == root or name.startswith(root + ".") for root in roots)


def _package(source: Source) -> list[str]:
    parts = source.module.split(".")
    return parts if source.path.endswith("/__init__.py") else parts[:-1]


def imported(source: Source) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of all that a module imports, wherever in it; ``from a import b`` gives
    ``a.b``.
    """
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                package = _package(source)
                base = package[: len(package) - level + 1] if level else []
                stem = ".".join([*base, *([module] if module else [])])
                yield from ((node.lineno, f"{stem}.{alias.name}") for alias in names)
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called),
                args=[ast.Constant(value=str(name)), *_],
            ) if called in IMPORTERS:
                yield node.lineno, name


def _may(source: Source, name: str) -> bool:
    folder, product = [*source.module.split("."), "", ""][1:3]
    if not folder:
        return False
    own = f"trunkline.{folder}.{product}" if folder == "products" and product else f"trunkline.{folder}"
    if name == "trunkline.__version__" or _below(name, own, *FOLDERS[folder]):
        return True
    parts = name.split(".")
    if len(parts) < 4 or parts[1] != "products" or parts[3] != "facade":
        return False
    return folder == "control" or (folder == "products" and parts[2] in FACADES.get(product, frozenset()))


def _may_when_pure(module: str, name: str, pure: set[str]) -> bool:
    top = name.split(".", maxsplit=1)[0]
    if top == "trunkline":
        return name in LENT or _below(name, *pure)
    return top in ("msgspec", LIBRARIES.get(module)) or (
        top in sys.stdlib_module_names and top not in EFFECTS
    )


def _modules(glob: str) -> set[str]:
    package = ROOT / "src" / "trunkline"
    found = [path.relative_to(package.parent).as_posix() for path in package.glob(glob)]
    return {name.removesuffix(".py").replace("/", ".") for name in found}


PURE_MODULES = {module for glob in PURE for module in _modules(glob)}


def offences(source: Source, pure: set[str] = PURE_MODULES) -> Iterator[str]:
    """Yield the imports of ``source`` that are not allowed."""
    folder = source.module.split(".")[1:2]
    if folder and folder[0] not in FOLDERS:
        yield source.at(1, f"the folder {folder[0]} is not in the table of folders")
        return
    for line, name in imported(source):
        if _below(name, "trunkline") and not _may(source, name):
            yield source.at(line, f"may not import {name}")
        if source.module in pure and not _may_when_pure(source.module, name, pure):
            yield source.at(line, f"is pure and may not import {name}")
        if source.module == INTERFACE and _below(name, *ENGINES):
            yield source.at(line, f"is the interface and may not import the engine {name}")


def test_the_tree_keeps_to_the_table() -> None:
    assert not (found := report(offences, "src")), found


def test_the_docstring_of_a_module_says_whether_it_is_pure() -> None:
    def unlike_the_table(source: Source) -> Iterator[str]:
        says = re.search(r"\bPure[.:;]", ast.get_docstring(source.tree) or "") is not None
        if says != (source.module in PURE_MODULES):
            yield source.at(1, "says Pure. and is not in the table" if says else "is in the table: say Pure.")

    assert not (found := report(unlike_the_table, "src")), found


@pytest.mark.parametrize("glob", PURE)
def test_every_pure_glob_fits_a_module(glob: str) -> None:
    assert _modules(glob)


BAD = [
    ("core/jobs.py", "import trunkline.api.errors"),
    ("core/jobs.py", "def later():\n    from trunkline.products import chat"),
    ("core/jobs.py", "import importlib\nimportlib.import_module('trunkline.products.chat')"),
    ("core/jobs.py", "from ..api import errors"),
    ("core/storage/__init__.py", "from ...api import errors"),
    ("core/storage/database.py", "from trunkline.core.storage import sqlite"),
    ("core/storage/database.py", "import apsw"),
    ("api/http.py", "from trunkline.switch import request_parser"),
    ("api/http.py", "from trunkline import settings"),
    ("api/params.py", "import time"),
    ("api/params.py", "from asyncio import Lock"),
    ("api/params.py", "import cryptography"),
    ("api/params.py", "from trunkline.core.clock import system_clock"),
    ("api/params.py", "from trunkline.core import clock"),
    ("products/messaging/senders/sender_choice.py", "import phonenumbers"),
    ("core/gsm.py", "from trunkline.core.storage.database import Tx"),
    ("switch/proxy.py", "from trunkline.api import errors"),
    ("settings/messaging.py", "from trunkline.transports.carriers import open_carriers"),
    ("settings/messaging.py", "from trunkline.products.messaging.facade import send"),
    ("transports/carriers.py", "from trunkline.settings import Settings"),
    ("products/sync/maps.py", "from trunkline.products.chat.facade import send"),
    ("products/chat/users.py", "from trunkline.products.sync.maps import find"),
    ("products/chat/users.py", "from trunkline.products import sync"),
    ("products/chat/users.py", "from trunkline.transports.smpp import client"),
    ("products/chat/users.py", "from trunkline.app.products import products"),
    ("products/manifest.py", "from trunkline.products.chat.facade import send"),
    ("products/chat/users.py", "from trunkline.realtime import gateway"),
    ("products/chat/users.py", "from trunkline.realtime.door import RealtimeDoor"),
    ("products/__init__.py", "from trunkline.products.sync.facade import x\nfrom trunkline.app import build"),
    ("transports/smpp/client.py", "from trunkline.products.messaging.facade import receive"),
    ("transports/smpp/session.py", "import asyncio"),
    ("realtime/gateway.py", "from trunkline.products.sync import facade"),
    ("control/inbox.py", "from trunkline.products.sync.maps import find"),
    ("__init__.py", "from trunkline.core import sids"),
    ("attic/box.py", "import json"),
]

GOOD = [
    ("core/jobs.py", "from . import clock\nfrom .storage import database\nimport apsw"),
    ("core/storage/sqlite.py", "import apsw\nfrom trunkline.core.storage.database import Tx"),
    ("api/http.py", "from trunkline.core.storage.database import Tx\nfrom trunkline import __version__"),
    ("api/params.py", "import re\nimport msgspec\nfrom trunkline.api.errors import ApiError"),
    ("api/params.py", "from trunkline.core.clock import SECOND"),
    ("products/messaging/numbers/parsing.py", "def read():\n    import phonenumbers"),
    ("transports/smpp/segment_store.py", "from trunkline.core.storage.database import Tx"),
    ("products/notify/services.py", "from trunkline.products.messaging.facade import send"),
    ("products/chat/users.py", "from trunkline.products.sync import facade\nfrom .roles import Role"),
    ("products/chat/users.py", "from trunkline.transports.base import Push"),
    ("products/chat/__init__.py", "from trunkline.products.manifest import Manifest"),
    ("products/chat/__init__.py", "from trunkline.settings import Settings"),
    ("products/chat/users.py", "from trunkline.realtime.objects.live_delivery import LiveDelivery"),
    ("control/inbox.py", "from trunkline.products.sync.facade import find"),
    ("settings/tables.py", "from trunkline.transports.options import KINDS"),
    ("app.py", "from trunkline.products.sync.maps import find\nfrom trunkline.switch import proxy"),
    ("cli/serve.py", "from trunkline.app import build"),
]


def _source(path: str, text: str) -> Source:
    return Source.of(f"src/trunkline/{path}", text)


@pytest.mark.parametrize(("path", "text"), BAD)
def test_bad_imports_are_caught(path: str, text: str) -> None:
    assert list(offences(_source(path, text)))


@pytest.mark.parametrize(("path", "text"), GOOD)
def test_good_imports_pass(path: str, text: str) -> None:
    assert list(offences(_source(path, text))) == []
