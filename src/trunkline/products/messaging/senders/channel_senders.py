"""ChannelSenders of a Service (XE…): the account's addresses of other channels, such as WhatsApp (spec)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from trunkline.api.operation import Call, Empty, create, delete, fetch, listing
from trunkline.api.params import Given, required, text
from trunkline.api.views import Json, Urls, iso
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.numbers.parsing import Channel, channel_of
from trunkline.products.messaging.senders import membership
from trunkline.products.messaging.senders.choice import SenderKind
from trunkline.products.messaging.senders.membership import Member

KIND = SenderKind.CHANNEL

_TYPES = {Channel.WHATSAPP: "WhatsApp", Channel.MESSENGER: "Messenger", Channel.RCS: "RCS"}


class AddChannelSender(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter of create: the SID of the address."""

    sid: Annotated[Given[str | None], text(clears=True), required()]


def view(member: Member, urls: Urls) -> Json:
    """The ChannelSender resource (spec)."""
    return {
        "account_sid": member.account_sid,
        "messaging_service_sid": member.service_sid,
        "sid": member.sid,
        "sender": member.value,
        "sender_type": _TYPES.get(channel_of(member.value), ""),
        "country_code": member.country or None,
        "date_created": iso(member.date_created),
        "date_updated": iso(member.date_updated),
        "url": urls.to("Services", member.service_sid, "ChannelSenders", member.sid),
    }


async def add_channel_sender(tx: Tx, call: Call[AddChannelSender]) -> Member | None:
    """Put an address into the Service; they are not counted (inferred)."""
    return await membership.add_number(tx, call, KIND, str(call.input.sid), 0)


async def fetch_channel_sender(tx: Tx, call: Call[Empty]) -> Member | None:
    """An address of the Service."""
    return await membership.find_member(tx, call, KIND)


async def page_channel_senders(tx: Tx, call: Call[Empty]) -> list[Member] | None:
    """The addresses of the Service."""
    return await membership.page_members(tx, call, KIND)


async def remove_channel_sender(tx: Tx, call: Call[Empty]) -> bool:
    """Take an address out of the Service."""
    return await membership.remove_member(tx, call, KIND)


_LIST = "/Services/{ServiceSid}/ChannelSenders"
_ONE = f"{_LIST}/{{Sid}}"

OPERATIONS = (
    create(_LIST, add_channel_sender, view, AddChannelSender),
    listing(_LIST, "senders", page_channel_senders, view),
    fetch(_ONE, fetch_channel_sender, view),
    delete(_ONE, remove_channel_sender),
)
