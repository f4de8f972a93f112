"""The HTTP door of a node: all products and the control API on one router."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from trunkline.api.cross_origin import own_origins
from trunkline.api.http import ApiApplication, HttpDoor, HttpLimits
from trunkline.api.operation import Operation, Product
from trunkline.api.public import Public, PublicPaths
from trunkline.api.request_bodies import BodyMemory
from trunkline.app.foundation import Foundation
from trunkline.app.realtime_door import Realtime
from trunkline.control import control_product, inbox, start_product
from trunkline.control.carriers import CarrierResource
from trunkline.control.links import Links
from trunkline.control.login import PageLogin
from trunkline.products.manifest import Manifest
from trunkline.settings.server import ServerSettings
from trunkline.transports.sandbox.carrier import Sandbox


def routed_products(foundation: Foundation, manifests: Sequence[Manifest]) -> list[Product]:
    """Return what the router serves: the products, and the control API."""
    control = [operation for manifest in manifests for operation in manifest.control]
    products = [manifest.product for manifest in manifests]
    of_node = tuple(_of_node(foundation))
    links = Links([operation.path.strip("/") for operation in of_node], products).operation()
    return [*products, control_product(control, (links, *of_node)), start_product(links)]


def open_application(
    settings: ServerSettings,
    foundation: Foundation,
    realtime: Realtime,
    public: Sequence[tuple[str, Public]],
    bodies: BodyMemory,
) -> ApiApplication:
    """Return the ASGI application. ``public`` are the servers of public paths with the names of their products. Access
    tokens are verified as the realtime door verifies them."""
    door = HttpDoor(
        router=realtime.router,
        directory=foundation.accounts.directory,
        verifier=foundation.accounts.verifier,
        executor=foundation.executor,
        database=foundation.database,
        metrics=foundation.metrics,
        clock=foundation.clock,
        operator_token=foundation.operator_token,
        public=PublicPaths(public),
        bodies=bodies,
        limits=HttpLimits(
            settings.max_body_bytes, settings.request_timeout, settings.max_concurrent_requests
        ),
        default_product=settings.default_product,
        trusted_proxies=settings.proxy_networks(),
        browser_origins=settings.allowed_origins(),
        public_origins=_origin_of(foundation.address.url),
        log_requests=settings.log_requests and settings.lowest_level in ("debug", "info"),
    )
    return ApiApplication(door)


def _origin_of(url: str) -> frozenset[str]:
    """Return the origin of the public address, if one is configured."""
    parts = urlsplit(url)
    return own_origins(parts.scheme, [parts.netloc])


def _of_node(foundation: Foundation) -> Iterator[Operation]:
    """Yield the operations of the control API that need a running node."""
    carriers = foundation.carriers.all
    yield from foundation.health.operations()
    yield from CarrierResource(carriers).operations()
    login = PageLogin(foundation.database, foundation.accounts.directory)
    yield from login.operations()
    others = tuple(carrier.name for carrier in carriers if not isinstance(carrier, Sandbox))
    yield from inbox.operations(login, inbox.InboxCarriers(len(others) < len(carriers), others))
