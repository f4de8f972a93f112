"""ChannelSenders of a Service (XE…): the account's addresses of other channels, such as WhatsApp (spec)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from trunkline.api.operation import Call
from trunkline.api.params import Given, required, text
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.numbers.parsing import Channel, channel_of
from trunkline.products.messaging.senders import membership, resource
from trunkline.products.messaging.senders.membership import Member
from trunkline.products.messaging.senders.sender_choice import PoolSenderKind

KIND = PoolSenderKind.CHANNEL

_TYPES = {Channel.WHATSAPP: "WhatsApp", Channel.MESSENGER: "Messenger", Channel.RCS: "RCS"}


class AddChannelSender(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter of create: the SID of the address."""

    sid: Annotated[Given[str | None], text(clears=True), required()]


def view(member: Member, urls: Urls) -> Json:
    """Return the ChannelSender resource (spec)."""
    return {
        "account_sid": member.account_sid,
        "messaging_service_sid": member.service_sid,
        "sid": member.sid,
        "sender": member.value,
        "sender_type": _TYPES.get(channel_of(member.value), ""),
        "country_code": member.country or None,
        "date_created": iso(member.date_created),
        "date_updated": iso(member.date_updated),
        "url": resource.sender_url(member, urls),
    }


async def add_channel_sender(tx: Tx, call: Call[AddChannelSender]) -> Member | None:
    """Add an address to the Service; addresses are not counted (inferred)."""
    return await membership.add_number(tx, call, KIND, str(call.input.sid), 0)


OPERATIONS = resource.operations(KIND, "senders", view, (add_channel_sender, AddChannelSender))
