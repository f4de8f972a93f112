"""The types of a JSON response, the absolute URLs in it, and the pages of the control API's lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from trunkline.api.paging import TokenPage

Json = dict[str, Any]
"""A JSON object, its keys in the order in which the vendor's samples show them."""


class Urls(msgspec.Struct, frozen=True):
    """The address at which the client reached the server: the absolute URLs of a response lead back the same way.

    ``base`` is scheme, host as received and path prefix if one was used, such as ``https://sync.twilio.com`` or
    ``http://127.0.0.1:8080/sync``; ``version`` is the first path segment of the product's own paths.
    """

    base: str
    version: str

    def to(self, *segments: str) -> str:
        """Return the absolute URL of a resource, by its path segments below the version."""
        return "/".join((self.base, self.version, *segments))

    def links(self, root: tuple[str, ...], names: dict[str, str]) -> dict[str, str]:
        """Return a ``links`` object: each key with the URL of the resource that stands below ``root``."""
        start = self.to(*root)
        return {key: f"{start}/{path}" for key, path in names.items()}


View = Callable[[Any, Urls], Json]


def token_page_view(key: str, view: View) -> View:
    """Return the view of a page of a list of the control API: its rows under ``key``."""

    def page_view(page: TokenPage[Any], urls: Urls) -> Json:
        return {key: [view(row, urls) for row in page.rows], "next_page_token": page.next_page_token}

    return page_view
