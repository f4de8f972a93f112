"""The page of links at ``/`` and ``/_trunkline/``: where everything is. A client that accepts JSON and no HTML gets the
links in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import msgspec

from trunkline.api.addressing import CONTROL
from trunkline.api.execution import Response
from trunkline.api.operation import Call, Operation, OperationKind, Product, handled
from trunkline.control.html_pages import framed, html_response

_OWN = {
    "login": "Log in, to the pages",
    "inbox": "The inbox: what virtual phones received",
    "health": "The health of this node",
    "metrics": "Metrics, for the operator",
}
"""The pages of the control API in their order."""


class Links:
    """The page. ``pages`` are the paths of the control API that the node has; ``products`` those behind the API."""

    def __init__(self, pages: Sequence[str], products: Sequence[Product]) -> None:
        self._pages = [name for name in _OWN if name in pages]
        mounts = [mount for product in products for mount in product.mounts if not mount.tunnel]
        self._apis = list(dict.fromkeys((mount.host, mount.version) for mount in mounts))

    def operation(self) -> Operation:
        """Return the operation of the page, at the root of a mount."""
        return handled(OperationKind.FETCH, "/", self.show, None, schemes=frozenset())

    async def show(self, call: Call[Any]) -> Response:
        """Return the page, or its links in JSON."""
        base = call.base
        pages = {name: f"{base}/{CONTROL}/{name}" for name in self._pages}
        apis = [f"{base}/{host}/{version}" for host, version in self._apis]
        accepted = call.headers.get("accept", "")
        if "application/json" in accepted and "text/html" not in accepted:
            return Response(200, msgspec.json.encode({**pages, "apis": apis}))
        return html_response(framed("Trunkline", _body(pages, apis)))


def _body(pages: Mapping[str, str], apis: Sequence[str]) -> str:
    links = "\n".join(
        f'<dt>{name}</dt><dd><a href="/{CONTROL}/{name}">{_OWN[name]}</a></dd>' for name in pages
    )
    addresses = "\n".join(f"<li><code>{escape(address)}</code></li>" for address in apis)
    return (
        f"<h1>Trunkline</h1>\n<dl>\n{links}\n</dl>\n"
        f"<p>The API's addresses, for SDKs and scripts:</p>\n<ul>\n{addresses}\n</ul>"
    )
