"""What realtime clients ask of Sync: tunnelled requests, through REST's own dispatcher and actions."""

from __future__ import annotations

from urllib.parse import quote

from trunkline.api.dispatch import Dispatcher, Request
from trunkline.api.errors import ApiError, not_found
from trunkline.api.operation import Product
from trunkline.api.principal import Credential, Principal
from trunkline.api.router import Router
from trunkline.core.storage.database import Database
from trunkline.products.sync.limits import Buckets
from trunkline.products.sync.realtime import operations, requests
from trunkline.products.sync.realtime.live import Live, MakeFrame
from trunkline.products.sync.realtime.subscriptions import Desk
from trunkline.products.sync.services import DEFAULT_NAME
from trunkline.realtime.border import Peer, TunnelReply, TunnelRequest

BASE = "https://cds.us1.twilio.com"
"""Where the URLs in answers begin: clients send later requests there, and only the path counts (client)."""
JSON = "application/json"


class SyncTunnel:
    """Answers the tunnelled requests of Sync's clients, within the limits of ``buckets``; None for no limits."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        database: Database,
        live: Live,
        frame: MakeFrame,
        buckets: Buckets | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._live = live
        self._desk = Desk(database, live, frame)
        self._router = Router([Product("sync", (operations.mount(buckets),))])

    async def request(self, peer: Peer, request: TunnelRequest) -> TunnelReply:
        """Answer a request; the service of a bare path is the token's. Raises ApiError."""
        segments = requests.full_path(request.segments, request.service_sid)
        if segments[:1] == ("v4",) and segments[3:] == ("Subscriptions",) and request.method == "POST":
            if segments[2] not in (request.service_sid, DEFAULT_NAME):
                raise ApiError(54056)
            body = await self._desk.take(peer, request.service_sid, request.body)
            return TunnelReply(200, {"content-type": JSON}, body)
        if segments[3:4] == ("Insights",):
            raise ApiError(54502)
        then: list[bytes] = []
        try:
            with self._live.writing(peer, then):
                answer = await self._dispatcher.handle(self._read(peer, request, segments))
        except BaseException:
            for frame in then:
                peer.send(frame)
            raise
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if answer.body:
            headers["content-type"] = JSON
        return TunnelReply(answer.status, headers, answer.body, tuple(then))

    def _read(self, peer: Peer, request: TunnelRequest, segments: tuple[str, ...]) -> Request:
        if not segments:
            raise not_found("/" + "/".join(request.segments))
        path = "/" + "/".join(quote(segment, safe="") for segment in segments)
        return Request(
            self._router.match("cds", request.method, segments, path),
            _principal(peer, request),
            BASE,
            path,
            tuple(request.params),
            requests.fields(request.body),
            request.headers,
        )


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
