"""An HTTP client for tests that holds every answer against the contract."""

from __future__ import annotations

from typing import Any

import httpx

from contract.checks import check_response
from contract.documents import FILES

PRODUCTS = frozenset(product for product, _ in FILES)

NEUTRAL_ROOTS = {
    "/2010-04-01/": "api",
    "/v1/Keys": "iam",
    "/v1/AuthTokens": "accounts",
    "/v1/Alerts": "monitor",
    "/v1/Events": "monitor",
}
"""Paths that mean one product on a host that names none."""

OUTSIDE = ("/_trunkline",)
"""Prefixes of what is not the vendor's API."""


def product_of(host: str, path: str) -> tuple[str, str] | None:
    """Return the product that a request means and the path within it; None if neither host nor path names
    one.

    The host's first label counts first, then the path prefix, then a path that only one product has.
    """
    label = host.partition(".")[0].lower()
    if label in PRODUCTS:
        return label, path
    prefix, rest = path[1:].partition("/")[0], path[1:].partition("/")[2]
    if prefix in PRODUCTS:
        return prefix, f"/{rest}"
    for root, product in NEUTRAL_ROOTS.items():
        if path.startswith(root):
            return product, path
    return None


def check_http_response(response: httpx.Response) -> None:
    """Check a response whose body has been read. Raise AssertionError as `check_response` does.

    The control API's own paths, and the root of a host that names no product, are not checked. If neither host
    nor path names a product, only an error may come.
    """
    request = response.request
    path = request.url.raw_path.decode().partition("?")[0]
    host = request.headers.get("host", request.url.host).rpartition("@")[2]
    if path.startswith(OUTSIDE) or (path == "/" and product_of(host, path) is None):
        return
    product, inner = product_of(host, path) or ("unknown product", path)
    check_response(
        product, request.method, inner, response.status_code, dict(response.headers), response.content
    )


class CheckedClient:
    """A wrapper of an `httpx.AsyncClient`: the same calls, and each response is checked before the test sees
    it.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send a request, with httpx's own options. Raise AssertionError when the response has a fault."""
        response = await self.client.request(method, url, **options)
        check_http_response(response)
        return response

    async def get(self, url: str, **options: Any) -> httpx.Response:
        """Return a GET request."""
        return await self.request("GET", url, **options)

    async def post(self, url: str, **options: Any) -> httpx.Response:
        """Return a POST request."""
        return await self.request("POST", url, **options)

    async def delete(self, url: str, **options: Any) -> httpx.Response:
        """Return a DELETE request."""
        return await self.request("DELETE", url, **options)
