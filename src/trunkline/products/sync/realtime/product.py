"""Sync behind the realtime door: its operations for tunnelled requests, and the handling of its announcements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trunkline.api.errors import ApiError
from trunkline.api.operation import Mount
from trunkline.api.paging import PagingCodes
from trunkline.api.params import Fields
from trunkline.core.storage.database import Database, Tx
from trunkline.products.sync import services
from trunkline.products.sync.event_types import SyncEvent
from trunkline.products.sync.limits import Buckets, limited
from trunkline.products.sync.reachability import Reachability
from trunkline.products.sync.realtime import operations
from trunkline.products.sync.realtime.source import SyncSource, object_event
from trunkline.products.sync.services import DEFAULT_NAME, AccessChanged
from trunkline.realtime.objects.live_delivery import LiveDelivery
from trunkline.realtime.objects.reads import ObjectReads
from trunkline.realtime.objects.subscriptions import INVALID_JSON, SubscriptionLimits, Subscriptions
from trunkline.realtime.product import RealtimeProduct
from trunkline.realtime.tunnel import json_fields, service_path

BASE = "https://cds.us1.twilio.com"
"""The start of the URLs in responses: clients send later requests there, and only the path counts (client)."""

_VERBATIM = frozenset({"data", "context", "requests", "correlation_id"})


class SyncRealtime:
    """Sync's part of the realtime door of one node; with ``buckets`` the documented limits apply."""

    def __init__(
        self, database: Database, frame: Callable[[str, bytes], bytes], buckets: Buckets | None = None
    ) -> None:
        source = SyncSource()
        self.delivery = LiveDelivery(source, database, frame)
        subscriptions = Subscriptions(self.delivery, database, SubscriptionLimits())
        objects = (*operations.OPERATIONS, *ObjectReads(source).operations())
        if buckets is not None:
            objects = tuple(limited(operation, buckets) for operation in objects)
        codes = PagingCodes(size=54454, token=54453)
        self.product = RealtimeProduct(
            name="sync",
            grants=("data_sync",),
            mounts=(
                Mount("cds", "v3", objects, codes=codes, tunnel=True, names_version=False),
                Mount("cds", "v4", (subscriptions.operation(),), tunnel=True, names_version=False),
            ),
            base_url=BASE,
            path=full_path,
            fields=fields,
            delivery=self.delivery,
            presence=Reachability(),
        )

    def handle(self, announcement: Any, here: bool) -> None:
        """Deliver an event, or check who may still read; ``here`` if this node made the announcement."""
        match announcement:
            case SyncEvent():
                if (event := object_event(announcement)) is not None:
                    self.delivery.publish(event, here=here)
            case AccessChanged(service_sid=service_sid, object_sid=object_sid, identity=identity):
                self.delivery.recheck(service_sid, object_sid, identity)


async def find_service(tx: Tx, account_sid: str, name: str) -> str | None:
    """Return the SID of the account's Service with this SID, or of its default one; None if there is none."""
    try:
        return (await services.find(tx, account_sid, name)).sid
    except ApiError:
        return None


def full_path(segments: tuple[str, ...], service_sid: str) -> tuple[str, ...]:
    """Return the full path from the version on. Raise ApiError 54502 for queries over objects, which do not exist
    here."""
    path = service_path(segments, service_sid)
    if path[3:4] == ("Insights",):
        raise ApiError(54502)
    if path[:1] == ("v4",) and path[2:3] == (DEFAULT_NAME,):
        return (*path[:2], service_sid, *path[3:])
    return path


def fields(body: bytes) -> Fields:
    """Return the fields of a JSON body. Raise ApiError 54008 if it is no JSON object."""
    return json_fields(body, _VERBATIM, INVALID_JSON)
