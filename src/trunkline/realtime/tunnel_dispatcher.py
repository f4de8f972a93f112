"""Tunnelled requests, through the router, executor and actions of REST; each goes to the product of its grant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from trunkline.api.errors import not_found
from trunkline.api.execution import OperationExecutor, Request
from trunkline.api.principal import Credential, Principal
from trunkline.api.router import Router
from trunkline.realtime.border import Peer, TunnelReply, TunnelRequest
from trunkline.realtime.product import RealtimeProduct
from trunkline.realtime.twilsock import JSON

_PLAIN = re.compile("[A-Za-z0-9/]*")


class TunnelDispatcher:
    """Dispatches tunnelled requests; implements ``Tunnel``."""

    def __init__(
        self, executor: OperationExecutor, router: Router, products: Sequence[RealtimeProduct]
    ) -> None:
        self._executor = executor
        self._router = router
        self._products = {grant: product for product in products for grant in product.grants}

    async def request(self, peer: Peer, request: TunnelRequest) -> TunnelReply:
        """Return the reply to a request. Raise ApiError."""
        product = self._products.get(request.product)
        segments = product.path(request.segments, request.service_sid) if product else ()
        if product is None or not segments:
            raise not_found("/" + "/".join(request.segments))
        if product.delivery is not None:
            product.delivery.begin_request(peer)
        try:
            response = await self._executor.handle(self._located(product, peer, request, segments))
        except BaseException:
            for frame in _end_request(product, peer):
                peer.send(frame)
            raise
        then = _end_request(product, peer)
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.body:
            headers["content-type"] = JSON
        return TunnelReply(response.status, headers, response.body, then)

    def _located(
        self, product: RealtimeProduct, peer: Peer, request: TunnelRequest, segments: tuple[str, ...]
    ) -> Request:
        path = _joined(segments)
        return Request(
            self._router.match_tunnel(product.name, request.method, segments, path),
            _principal(peer, request),
            product.base_url,
            path,
            tuple(request.params),
            product.fields(request.body),
            request.headers,
        )


def _end_request(product: RealtimeProduct, peer: Peer) -> tuple[bytes, ...]:
    """Return the frames that must follow the reply to a request."""
    return () if product.delivery is None else product.delivery.end_request(peer)


def _joined(segments: tuple[str, ...]) -> str:
    """Return the path of decoded segments."""
    path = "/" + "/".join(segments)
    # Most paths consist of SIDs, which need no quoting; a slash within a segment does.
    if path.count("/") == len(segments) and _PLAIN.fullmatch(path):
        return path
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def _principal(peer: Peer, request: TunnelRequest) -> Principal:
    grant = peer.grant
    return Principal(
        account_sid=grant.account_sid,
        owner_sid=grant.account_sid,
        credential=Credential.TOKEN,
        key_sid=grant.key_sid,
        identity=grant.identity,
        endpoint=peer.endpoint_id,
        connection=peer.id,
        service_sid=request.service_sid,
    )
