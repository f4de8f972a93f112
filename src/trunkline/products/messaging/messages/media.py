"""Media (ME…): the attachments of a message, as resources of the 2010 API. ``media.serving`` serves their bytes."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call, Empty, delete, fetch, listing
from trunkline.api.params import Given, named
from trunkline.api.views import Json, Urls
from trunkline.core.dates import Period, rfc2822
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle.message import find_message
from trunkline.products.messaging.media import store
from trunkline.products.messaging.media.store import Medium
from trunkline.products.messaging.messages.time_filters import filtered_period, period_parser
from trunkline.products.messaging.messages.view import message_uri


class MediaFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of list: a day or time of creation, and inclusive bounds (spec)."""

    date_created: Annotated[Given[Period | None], period_parser()] = UNSET
    created_until: Annotated[Given[Period | None], period_parser(), named("DateCreated<")] = UNSET
    created_since: Annotated[Given[Period | None], period_parser(), named("DateCreated>")] = UNSET


def view(medium: Medium, urls: Urls) -> Json:
    """Return the Media resource (spec)."""
    uri = message_uri(medium.account_sid, medium.message_sid, urls.version)
    return {
        "account_sid": medium.account_sid,
        "content_type": medium.content_type,
        "date_created": rfc2822(medium.date_created),
        "date_updated": rfc2822(medium.date_updated),
        "parent_sid": medium.message_sid,
        "sid": medium.sid,
        "uri": f"{uri}/Media/{medium.sid}.json",
    }


async def page_media(tx: Tx, call: Call[MediaFilters]) -> list[Medium] | None:
    """Return a message's attachments in their order; None if there is no such message."""
    message_sid, params = call.path["MessageSid"], call.input
    if await find_message(tx, call.account_sid, message_sid) is None:
        return None
    when = filtered_period(params.date_created, params.created_since, params.created_until)
    window = call.window if when is None else call.window.between(when.start, when.end)
    return await store.page_media(tx, call.account_sid, message_sid, window)


async def fetch_medium(tx: Tx, call: Call[Empty]) -> Medium | None:
    """Return one attachment."""
    return await store.find_medium(tx, call.account_sid, call.path["MessageSid"], call.path["Sid"])


async def delete_medium(tx: Tx, call: Call[Empty]) -> bool:
    """Delete one attachment and its bytes."""
    return await store.delete_medium(tx, call.account_sid, call.path["MessageSid"], call.path["Sid"])


_LIST = "/Accounts/{AccountSid}/Messages/{MessageSid}/Media"

OPERATIONS = (
    listing(_LIST, "media_list", page_media, view, input=MediaFilters),
    fetch(f"{_LIST}/{{Sid}}", fetch_medium, view),
    delete(f"{_LIST}/{{Sid}}", delete_medium),
)
