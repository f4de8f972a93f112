"""What realtime clients ask of Sync: tunnelled requests, through REST's own dispatcher and actions."""

from __future__ import annotations

from urllib.parse import quote

from trunkline.api.dispatch import Dispatcher, Request
from trunkline.api.errors import ApiError, not_found
from trunkline.api.operation import Product
from trunkline.api.principal import Credential, Principal
from trunkline.api.router import Router
from trunkline.core.storage.database import Database
from trunkline.products.sync.realtime import operations, requests
from trunkline.products.sync.realtime.live import Live, MakeFrame
from trunkline.products.sync.realtime.subscriptions import Desk
from trunkline.realtime.border import Peer, TunnelReply, TunnelRequest

BASE = "https://cds.us1.twilio.com"
"""Where the URLs in answers begin: clients send later requests there, and only the path counts (client)."""
JSON = "application/json"


class SyncTunnel:
    """Answers the tunnelled requests of Sync's clients."""

    def __init__(self, dispatcher: Dispatcher, database: Database, live: Live, frame: MakeFrame) -> None:
        self._dispatcher = dispatcher
        self._live = live
        self._desk = Desk(database, live.hub, frame)
        self._router = Router([Product("sync", (operations.MOUNT,))])

    async def request(self, peer: Peer, request: TunnelRequest) -> TunnelReply:
        """Answer a request; the service of a bare path is the token's. Raises ApiError."""
        segments = requests.full_path(request.segments, request.service_sid)
        if segments[:1] == ("v4",) and segments[3:] == ("Subscriptions",) and request.method == "POST":
            body = await self._desk.take(peer, request.service_sid, request.body)
            return TunnelReply(200, {"content-type": JSON}, body)
        if segments[3:4] == ("Insights",):
            raise ApiError(54502)
        path = "/" + "/".join(quote(segment, safe="") for segment in segments)
        if not segments:
            raise not_found("/" + "/".join(request.segments))
        match = self._router.match("cds", request.method, segments, path)
        answer = await self._dispatcher.handle(
            Request(
                match,
                _principal(peer, request),
                BASE,
                path,
                tuple(request.params),
                requests.fields(request.body),
                request.headers,
            )
        )
        noop = self._live.noop(peer.endpoint_id)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if answer.body:
            headers["content-type"] = JSON
        return TunnelReply(answer.status, headers, answer.body, (noop,) if noop else ())


def _principal(peer: Peer, request: TunnelRequest) -> Principal:
    grant = peer.grant
    return Principal(
        account_sid=grant.account_sid,
        owner_sid=grant.account_sid,
        credential=Credential.TOKEN,
        key_sid=grant.key_sid,
        identity=grant.identity,
        endpoint=peer.endpoint_id,
        service_sid=request.service_sid,
    )
