"""The parameters of the webhook of an event, and the rule for sending it (doc; map and stream rows inferred)."""

from __future__ import annotations

from trunkline.products.sync.event_types import EventType, SyncEvent
from trunkline.products.sync.services import SyncService

Parameters = list[tuple[str, str]]

_WITHOUT_DATA = {EventType.DOCUMENT_REMOVED, EventType.LIST_ITEM_REMOVED, EventType.MAP_ITEM_REMOVED}


def is_due(service: SyncService, event: SyncEvent) -> bool:
    """Return whether the event is sent: always if a client caused it, and if REST or expiry did, depending on the
    Service; never without a URL (doc; expiry inferred)."""
    if service.webhook_url is None:
        return False
    return event.actor.identity is not None or service.webhooks_from_rest_enabled


def parameters(event: SyncEvent) -> Parameters:
    """Return the webhook's parameters in their order. An object without a unique name has an empty one (inferred)."""
    kind = event.type.value.partition("_")[0].capitalize()
    result = [
        ("AccountSid", event.account_sid),
        ("ServiceSid", event.service_sid),
        ("EventType", event.type.value),
        ("Identity", event.actor.name),
    ]
    if event.actor.identity is not None:
        result.append(("EndpointId", event.actor.endpoint))
    result += [(f"{kind}Sid", event.object_sid), (f"{kind}UniqueName", event.unique_name or "")]
    if event.item_index is not None or event.item_key is not None:
        return result + _item(event)
    if event.message_sid is not None:
        return [*result, ("MessageSid", event.message_sid), ("MessageData", event.data or "")]
    if event.object_revision:
        result.append((f"{kind}Revision", event.object_revision))
    if event.data is not None and event.type not in _WITHOUT_DATA:
        result.append((f"{kind}Data", event.data))
    return result


def _item(event: SyncEvent) -> Parameters:
    name = ("ItemKey", event.item_key) if event.item_key is not None else ("ItemIndex", str(event.item_index))
    result = [
        ("EventId", str(event.event_id)),
        (name[0], name[1] or ""),
        ("ItemRevision", event.item_revision),
    ]
    if event.data is not None and event.type not in _WITHOUT_DATA:
        result.append(("ItemData", event.data))
    return result
