"""docs/operations.md: every operation of the vendor's OpenAPI documents, and whether it is implemented.

``make operations`` writes the page; ``test_operations.py`` compares it.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from contract.documents import FILES, METHODS, document
from contract.node_project import InstallFailed, NodeMissing
from rules.source import ROOT
from trunkline.app.products import products
from trunkline.settings import Settings

PAGE = Path("docs/operations.md")

TITLES = {
    "sync": "Sync",
    "notify": "Notify",
    "messaging": "Messaging",
    "chat": "Programmable Chat",
    "ip-messaging": "Programmable Chat under its old name",
    "iam": "Keys",
    "accounts": "Auth tokens",
    "monitor": "Alerts and Events",
    "api": "Accounts, numbers, messages",
}

PRODUCTS = frozenset({"sync", "notify", "messaging", "chat", "ip-messaging"})
"""Hosts whose document is listed as a whole."""

HEAD = """\
# Operations

Every operation of the vendor's OpenAPI documents. `make operations` generates this page from those documents and from
the operations that the products mount, and a test compares the two. In documents that products share, resources
without an implemented operation, such as calls, are left out.
"""

Key = tuple[str, str]
"""Method, and path template without the names of its parameters."""


def normalized(template: str) -> str:
    """Return a path template without the names of its parameters and without ``.json``."""
    return re.sub(r"\{[^}]*\}", "{}", template).removesuffix(".json")


def served() -> dict[tuple[str, str], set[Key]]:
    """Return the operations that are mounted, by host label and version."""
    found: dict[tuple[str, str], set[Key]] = defaultdict(set)
    for product in (manifest.product for manifest in products(Settings())):
        for mount in product.mounts:
            for operation in mount.operations:
                path = normalized(f"/{mount.version}{operation.path}")
                found[mount.host, mount.version].add((operation.method, path))
    return found


def documented(host: str, version: str) -> Iterator[tuple[str, str]]:
    """Yield method and template of each operation of a document."""
    for template, item in sorted(document(host, version).source["paths"].items()):
        for method in sorted(METHODS & set(item)):
            yield method.upper(), template


def _resource(template: str) -> str:
    """Return the part of a template that names the resource at its top: below the account, where there is one."""
    segments = [one for one in normalized(template).split("/")[2:] if one != "{}"]
    return segments[1] if len(segments) > 1 and segments[0] == "Accounts" else segments[0]


def _table(host: str, version: str, done: set[Key]) -> list[str]:
    rows = list(documented(host, version))
    if host not in PRODUCTS:
        known = {_resource(template) for method, template in rows if (method, normalized(template)) in done}
        rows = [(method, template) for method, template in rows if _resource(template) in known]
    by_template: dict[str, dict[bool, list[str]]] = defaultdict(lambda: {True: [], False: []})
    for method, template in rows:
        by_template[template][(method, normalized(template)) in done].append(method)
    implemented = sum(len(methods[True]) for methods in by_template.values())
    lines = [
        f"### `{host}` {version}: {implemented} of {len(rows)}",
        "",
        "| Path | Implemented | Absent |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{template}` | {', '.join(methods[True])} | {', '.join(methods[False])} |"
        for template, methods in by_template.items()
    ]
    return lines


def page(hosts: Iterable[str] = TITLES) -> str:
    """Return the text of the page."""
    done = served()
    lines = [HEAD]
    for host in hosts:
        lines += [f"## {TITLES[host]}", ""]
        for documented_host, version in FILES:
            if documented_host == host:
                lines += [*_table(host, version, done[host, version]), ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Write the page and print its path; return 1 if the vendor's documents cannot be fetched."""
    try:
        text = page()
    except (NodeMissing, InstallFailed) as error:
        print(f"make operations: {error}", file=sys.stderr)
        return 1
    (ROOT / PAGE).write_text(text, "utf-8")
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
