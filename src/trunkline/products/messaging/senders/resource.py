"""The common half of the five resources of senders: their view, and reading and deleting them."""

from __future__ import annotations

from functools import partial
from typing import Any

from trunkline.api.operation import Act, Empty, Operation, create, delete, fetch, listing
from trunkline.api.views import Json, Urls, View
from trunkline.core.dates import iso
from trunkline.products.messaging.senders import membership
from trunkline.products.messaging.senders.membership import Member
from trunkline.products.messaging.senders.sender_choice import PoolSenderKind

NAMES = {
    PoolSenderKind.PHONE_NUMBER: "PhoneNumbers",
    PoolSenderKind.SHORT_CODE: "ShortCodes",
    PoolSenderKind.ALPHA: "AlphaSenders",
    PoolSenderKind.DESTINATION_ALPHA: "DestinationAlphaSenders",
    PoolSenderKind.CHANNEL: "ChannelSenders",
}
"""The paths below a Service (spec)."""


def sender_url(member: Member, urls: Urls) -> str:
    """Return the URL of a sender."""
    return urls.to("Services", member.service_sid, NAMES[PoolSenderKind(member.kind)], member.sid)


def base_view(member: Member, urls: Urls) -> Json:
    """Return the fields that most kinds have (spec)."""
    return {
        "sid": member.sid,
        "account_sid": member.account_sid,
        "service_sid": member.service_sid,
        "date_created": iso(member.date_created),
        "date_updated": iso(member.date_updated),
        "capabilities": member.capabilities,
        "url": sender_url(member, urls),
    }


def operations(
    kind: PoolSenderKind,
    key: str,
    view: View,
    adding: tuple[Act, type[Any]],
    paging: tuple[Act, type[Any]] | None = None,
) -> tuple[Operation, ...]:
    """Return create, list under ``key``, fetch and delete for one kind; ``adding`` and ``paging`` are an action and
    its input, the latter for a list with filters."""
    path = f"/Services/{{ServiceSid}}/{NAMES[kind]}"
    one = f"{path}/{{Sid}}"
    page, filters = paging or (partial(membership.page_members, kind=kind), Empty)
    return (
        create(path, adding[0], view, adding[1]),
        listing(path, key, page, view, input=filters),
        fetch(one, partial(membership.find_member, kind=kind), view),
        delete(one, partial(membership.remove_member, kind=kind)),
    )
