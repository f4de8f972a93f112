"""Media (ME…): the attachments of a message, as resources of the 2010 API. Their bytes are served elsewhere."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call, Empty, delete, fetch, listing
from trunkline.api.params import Given, named
from trunkline.api.views import Json, Urls
from trunkline.core.clock import SECOND
from trunkline.core.dates import rfc2822
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle.message import find_message
from trunkline.products.messaging.media import store
from trunkline.products.messaging.media.store import Medium
from trunkline.products.messaging.messages.moments import Stretch, moment, stretch_of
from trunkline.products.messaging.messages.view import message_uri


class MediaFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of list: a day or moment of creation, and bounds that are included themselves (spec)."""

    date_created: Annotated[Given[int | None], moment()] = UNSET
    created_until: Annotated[Given[int | None], moment(), named("DateCreated<")] = UNSET
    created_since: Annotated[Given[int | None], moment(), named("DateCreated>")] = UNSET


def bounds(equal: Given[int | None], since: Given[int | None], until: Given[int | None]) -> Stretch | None:
    """The stretch of time that a filter's three forms ask for together; None when none was given."""
    if not any(isinstance(given, int) for given in (equal, since, until)):
        return None
    whole = stretch_of(equal) if isinstance(equal, int) else Stretch(0, store.FOREVER)
    start = max(whole.start, since if isinstance(since, int) else 0)
    end = min(whole.end, until - until % SECOND + SECOND if isinstance(until, int) else store.FOREVER)
    return Stretch(start, end)


def view(medium: Medium, urls: Urls) -> Json:
    """The Media resource (spec)."""
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
    """A message's attachments in their order; None when there is no such message."""
    message_sid, asked = call.path["MessageSid"], call.input
    if await find_message(tx, call.account_sid, message_sid) is None:
        return None
    when = bounds(asked.date_created, asked.created_since, asked.created_until) or Stretch(0, store.FOREVER)
    return await store.page_media(tx, call.account_sid, message_sid, call.window, when.start, when.end)


async def fetch_medium(tx: Tx, call: Call[Empty]) -> Medium | None:
    """One attachment."""
    return await store.find_medium(tx, call.account_sid, call.path["MessageSid"], call.path["Sid"])


async def delete_medium(tx: Tx, call: Call[Empty]) -> bool:
    """Remove one attachment and its bytes."""
    return await store.delete_medium(tx, call.account_sid, call.path["MessageSid"], call.path["Sid"])


_LIST = "/Accounts/{AccountSid}/Messages/{MessageSid}/Media"

OPERATIONS = (
    listing(_LIST, "media_list", page_media, view, input=MediaFilters),
    fetch(f"{_LIST}/{{Sid}}", fetch_medium, view),
    delete(f"{_LIST}/{{Sid}}", delete_medium),
)
