"""What the kinds of senders of a Service have in common as resources: how they look, and reading and removing them."""

from __future__ import annotations

from functools import partial
from typing import Any

from trunkline.api.operation import Act, Empty, Operation, create, delete, fetch, listing
from trunkline.api.views import Json, Urls, View
from trunkline.core.dates import iso
from trunkline.products.messaging.senders import membership
from trunkline.products.messaging.senders.choice import SenderKind
from trunkline.products.messaging.senders.membership import Member

NAMES = {
    SenderKind.PHONE_NUMBER: "PhoneNumbers",
    SenderKind.SHORT_CODE: "ShortCodes",
    SenderKind.ALPHA: "AlphaSenders",
    SenderKind.DESTINATION_ALPHA: "DestinationAlphaSenders",
    SenderKind.CHANNEL: "ChannelSenders",
}
"""The paths below a Service (spec)."""


def address(member: Member, urls: Urls) -> str:
    """Where a sender is."""
    return urls.to("Services", member.service_sid, NAMES[SenderKind(member.kind)], member.sid)


def base(member: Member, urls: Urls) -> Json:
    """What most kinds show alike (spec)."""
    return {
        "sid": member.sid,
        "account_sid": member.account_sid,
        "service_sid": member.service_sid,
        "date_created": iso(member.date_created),
        "date_updated": iso(member.date_updated),
        "capabilities": member.capabilities,
        "url": address(member, urls),
    }


def operations(
    kind: SenderKind,
    key: str,
    view: View,
    adding: tuple[Act, type[Any]],
    paging: tuple[Act, type[Any]] | None = None,
) -> tuple[Operation, ...]:
    """Create, list under ``key``, fetch and delete for one kind; ``adding`` and ``paging`` are an action and its input,
    the latter where a list has filters."""
    path = f"/Services/{{ServiceSid}}/{NAMES[kind]}"
    one = f"{path}/{{Sid}}"
    page, filters = paging or (partial(membership.page_members, kind=kind), Empty)
    return (
        create(path, adding[0], view, adding[1]),
        listing(path, key, page, view, input=filters),
        fetch(one, partial(membership.find_member, kind=kind), view),
        delete(one, partial(membership.remove_member, kind=kind)),
    )
