"""Applications (AP…): URLs under one name, to which numbers and messages refer (2010 API).

Deleting an application removes it from its numbers (doc).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call, Empty, create, delete, fetch, listing, update
from trunkline.api.params import Given, boolean, choice, given, http_method, text, url
from trunkline.api.views import Json, Urls
from trunkline.core.dates import rfc2822
from trunkline.core.jobs import removals
from trunkline.core.sids import new_sid
from trunkline.core.storage.account_rows import find_row, update_row
from trunkline.core.storage.database import Row, Tx
from trunkline.core.storage.list_query import ListQuery, WalkResult
from trunkline.core.storage.removal import Removal, RemovalGroup, RemovalPlan
from trunkline.core.storage.walks import walk

MAX_NAME = 64


class ApplicationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of create and update (spec). Those of calls are stored and returned only."""

    friendly_name: Annotated[Given[str], text(0, MAX_NAME, code=20002)] = UNSET
    api_version: Annotated[Given[str], choice("2010-04-01", "2008-08-01")] = UNSET
    voice_url: Annotated[Given[str | None], url(code=21205)] = UNSET
    voice_method: Annotated[Given[str], http_method(21209)] = UNSET
    voice_fallback_url: Annotated[Given[str | None], url(code=21205)] = UNSET
    voice_fallback_method: Annotated[Given[str], http_method(21209)] = UNSET
    voice_caller_id_lookup: Annotated[Given[bool], boolean()] = UNSET
    status_callback: Annotated[Given[str | None], url(code=21205)] = UNSET
    status_callback_method: Annotated[Given[str], http_method(21209)] = UNSET
    sms_url: Annotated[Given[str | None], url(code=21205)] = UNSET
    sms_method: Annotated[Given[str], http_method(21209)] = UNSET
    sms_fallback_url: Annotated[Given[str | None], url(code=21205)] = UNSET
    sms_fallback_method: Annotated[Given[str], http_method(21209)] = UNSET
    sms_status_callback: Annotated[Given[str | None], url(code=21205)] = UNSET
    message_status_callback: Annotated[Given[str | None], url(code=21205)] = UNSET
    public_application_connect_enabled: Annotated[Given[bool], boolean()] = UNSET


class ApplicationFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of list; the name is matched exactly (spec)."""

    friendly_name: Annotated[Given[str | None], text(clears=True)] = UNSET


class TwimlApplication(Row, frozen=True):
    """A row of ``applications``; the defaults are those of a new one (spec; that of the name inferred)."""

    sid: str
    account_sid: str
    date_created: int
    date_updated: int
    friendly_name: str = ""
    api_version: str = "2010-04-01"
    voice_url: str | None = None
    voice_method: str = "POST"
    voice_fallback_url: str | None = None
    voice_fallback_method: str = "POST"
    voice_caller_id_lookup: bool = False
    status_callback: str | None = None
    status_callback_method: str = "POST"
    sms_url: str | None = None
    sms_method: str = "POST"
    sms_fallback_url: str | None = None
    sms_fallback_method: str = "POST"
    sms_status_callback: str | None = None
    message_status_callback: str | None = None
    public_application_connect_enabled: bool = False


_PATH = "/Accounts/{AccountSid}/Applications"


def view(application: TwimlApplication, urls: Urls) -> Json:
    """Return the Application resource (spec)."""
    return {
        "account_sid": application.account_sid,
        "api_version": application.api_version,
        "date_created": rfc2822(application.date_created),
        "date_updated": rfc2822(application.date_updated),
        "friendly_name": application.friendly_name,
        "message_status_callback": application.message_status_callback,
        "sid": application.sid,
        "sms_fallback_method": application.sms_fallback_method,
        "sms_fallback_url": application.sms_fallback_url,
        "sms_method": application.sms_method,
        "sms_status_callback": application.sms_status_callback,
        "sms_url": application.sms_url,
        "status_callback": application.status_callback,
        "status_callback_method": application.status_callback_method,
        "uri": f"/{urls.version}/Accounts/{application.account_sid}/Applications/{application.sid}.json",
        "voice_caller_id_lookup": application.voice_caller_id_lookup,
        "voice_fallback_method": application.voice_fallback_method,
        "voice_fallback_url": application.voice_fallback_url,
        "voice_method": application.voice_method,
        "voice_url": application.voice_url,
        "public_application_connect_enabled": application.public_application_connect_enabled,
    }


async def create_application(tx: Tx, call: Call[ApplicationSettings]) -> TwimlApplication:
    """Create an application."""
    application = TwimlApplication(
        sid=new_sid("AP"),
        account_sid=call.account_sid,
        date_created=tx.now,
        date_updated=tx.now,
        **given(call.input),
    )
    await tx.insert("applications", application)
    return application


async def fetch_application(tx: Tx, call: Call[Empty]) -> TwimlApplication | None:
    """Return one of the account's applications."""
    return await find_application(tx, call.account_sid, call.path["Sid"])


async def page_applications(tx: Tx, call: Call[ApplicationFilters]) -> WalkResult[TwimlApplication]:
    """Return the account's applications, oldest first (inferred)."""
    held, values = ["account_sid = :account_sid"], {"account_sid": call.account_sid}
    if isinstance(call.input.friendly_name, str):
        held.append("friendly_name = :friendly_name")
        values["friendly_name"] = call.input.friendly_name
    query = ListQuery("live_applications", tuple(held))
    return await walk(tx, TwimlApplication, query, call.window.span, **values)


async def update_application(tx: Tx, call: Call[ApplicationSettings]) -> TwimlApplication | None:
    """Change the given settings and no others."""
    changes = given(call.input)
    if changes:
        changes["date_updated"] = tx.now
        await update_row(tx, "applications", call.account_sid, call.path["Sid"], changes)
    return await find_application(tx, call.account_sid, call.path["Sid"])


APPLICATION_REMOVAL = RemovalPlan(
    "applications",
    below=(
        RemovalGroup(
            (
                Removal(
                    "numbers",
                    ("number",),
                    "sms_application_sid = :sid",
                    assign="sms_application_sid = NULL",
                ),
            )
        ),
        RemovalGroup(
            (
                Removal(
                    "numbers",
                    ("number",),
                    "voice_application_sid = :sid",
                    assign="voice_application_sid = NULL",
                ),
            )
        ),
    ),
)
"""The removal of an application, which takes it from the numbers that refer to it."""


async def delete_application(tx: Tx, call: Call[Empty]) -> bool:
    """Delete an application, and remove it from the numbers that refer to it (doc)."""
    return await removals.delete(tx, APPLICATION_REMOVAL, call.account_sid, call.path["Sid"])


async def find_application(tx: Tx, account_sid: str, sid: str) -> TwimlApplication | None:
    """Return the account's application with this SID."""
    return await find_row(tx, TwimlApplication, "live_applications", account_sid, sid)


OPERATIONS = (
    create(_PATH, create_application, view, ApplicationSettings),
    listing(_PATH, "applications", page_applications, view, input=ApplicationFilters),
    fetch(f"{_PATH}/{{Sid}}", fetch_application, view),
    update(f"{_PATH}/{{Sid}}", update_application, view, ApplicationSettings),
    delete(f"{_PATH}/{{Sid}}", delete_application),
)
