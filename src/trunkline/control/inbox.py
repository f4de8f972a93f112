"""The inbox: ``/_trunkline/inbox``, a page with the virtual phones and what they received.

The page and the paths that it calls show one account's messages alone:

- ``GET /_trunkline/inbox/messages``: the newest first; ``Phone`` chooses one phone, ``Since`` the messages of that
  ``date`` or later, ``PageSize`` is at most 1000
- ``POST /_trunkline/inbox/messages`` with JSON ``{"phone", "to", "body", "media"}``: the phone sends a message to a
  number of the account's; ``media`` lists attachments, each with ``content_type`` and base64 ``content``
- ``DELETE /_trunkline/inbox/messages``: delete them
- ``GET /_trunkline/inbox/phones``: the numbers with a behaviour of their own

``note`` in the list, and on the page, is the reason why a message may be missing: it left over a carrier, or the
account has no number. Without the sandbox there are no phones, which could receive or write.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError, invalid
from trunkline.api.execution import Response
from trunkline.api.operation import (
    FOR_ACCOUNT,
    Call,
    Empty,
    Operation,
    OperationKind,
    PrepareContext,
    create,
    delete,
    fetch,
    handled,
)
from trunkline.api.params import Given, Parser, integer, sid, text
from trunkline.api.views import Json
from trunkline.control.html_pages import html_response, read_file
from trunkline.control.login import PageLogin, PageSession
from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Tx
from trunkline.core.strict_json import BadJson, decode_json
from trunkline.products.messaging import facade as messaging
from trunkline.transports.base import MAX_MEDIA, InboundMedia
from trunkline.transports.sandbox import phones
from trunkline.transports.sandbox.behaviour import SPECIAL, behaviour_of
from trunkline.transports.sandbox.carrier import PhoneText, send_as_phone
from trunkline.transports.sandbox.phones import SandboxMessage

MAX_PAGE = 1000
DEFAULT_PAGE = 100
MAX_BODY = 1600
"""Characters that a phone may send."""
MAX_UPLOAD = 8 * 1024 * 1024
"""The bytes of a message from a phone, attachments included."""

NO_NUMBER = "the account has no number: `trunkline number add +15005550006 --account SID` gives it one"
"""The remedy for an account without numbers."""

_MAX_ADDRESS = 64
_SECONDS = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)


class InboxCarriers(msgspec.Struct, frozen=True):
    """The carriers of the node: whether the sandbox is among them, and the names of the others."""

    sandbox: bool = True
    others: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """The reason why messages are missing; empty if every message is in the inbox."""
        names = ", ".join(self.others)
        if not self.sandbox:
            return (
                f"There are no virtual phones: messages leave over the carriers that are configured ({names}) and do "
                "not appear here. `trunkline carrier list` shows the routes."
            )
        if self.others:
            return (
                f"Messages that leave over other carriers ({names}) do not appear here, only those of the sandbox. "
                "`trunkline carrier list` shows the routes."
            )
        return ""


class ListedMessages(msgspec.Struct, frozen=True):
    """The messages of the list, and whether the account has a number."""

    messages: list[SandboxMessage]
    has_number: bool


class InboxFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of the list."""

    phone: Annotated[Given[str], text()] = UNSET
    since: Annotated[Given[str], text()] = UNSET
    page_size: Annotated[Given[int | None], Parser(integer(1, MAX_PAGE).parse, clears=True)] = UNSET


class PhoneMedia(InboundMedia, frozen=True, forbid_unknown_fields=True):
    """An attachment in the JSON of a message that a phone sends."""


class PhoneMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of a message that a phone sends."""

    phone: str
    to: str
    body: str = ""
    media: tuple[PhoneMedia, ...] = ()


class ComposedMessage(msgspec.Struct, frozen=True):
    """A message that a phone sends, parsed and counted: ``phone`` and ``to`` are addresses as messages have them, or
    as they were written."""

    phone: str
    to: str
    content: PhoneText


class SentMessage(msgspec.Struct, frozen=True):
    """A message that a phone has sent: its id, the SID that its Message gets, None if the owner of the number drops it,
    and the phone's number as messages name it."""

    id: str
    message_sid: str | None
    phone: str


class InboxPage(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter of the page, by which the operator, or the parent of a subaccount, names the account."""

    account_sid: Annotated[Given[str], sid("AC", clears=False)] = UNSET

    @property
    def query(self) -> str:
        """The query of the page's address."""
        return f"?AccountSid={self.account_sid}" if self.account_sid else ""


async def list_phones(call: Call[Empty]) -> list[dict[str, str]]:
    """Return the numbers with a behaviour of their own."""
    return [{"phone": phone, "behaviour": one.description} for phone, one in SPECIAL.items()]


async def list_messages(tx: Tx, call: Call[InboxFilter]) -> ListedMessages:
    """Return the account's newest messages. Raise ApiError 20001 for a bad filter."""
    size = call.input.page_size or DEFAULT_PAGE
    since = call.input.since or "0"
    if not _SECONDS.fullmatch(since):
        raise invalid("Since", "must be seconds since 1970")
    phone = call.input.phone or ""
    # A plus sign that was not escaped is a space.
    phone = f"+{phone[1:]}" if phone.startswith(" ") else phone
    found = await phones.newest(tx, call.account_sid, phone, size, round(float(since) * SECOND))
    return ListedMessages(found, bool(found) or await messaging.has_number(tx, call.account_sid))


async def compose_message(_: PrepareContext, call: Call[Empty]) -> ComposedMessage:
    """Return the message of the body. Raise ApiError 20001 for a body that is not such JSON, naming the field."""
    # A page of another origin may send a form, but no JSON without permission.
    content_type = call.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise ApiError(20001, "The Content-Type of the body must be application/json")
    assert call.upload is not None
    body = await call.upload.read()
    try:
        sent = decode_json(body, PhoneMessage)
    except BadJson as error:
        if error.field:
            raise invalid(error.field, error.why) from None
        raise ApiError(20001, f"The body must be JSON with phone, to, body and media: it {error}") from None
    for name, value, low, high in (
        ("phone", sent.phone.strip(), 1, _MAX_ADDRESS),
        ("to", sent.to.strip(), 1, _MAX_ADDRESS),
        ("body", sent.body, 0 if sent.media else 1, MAX_BODY),
    ):
        if not low <= len(value) <= high or "\0" in value:
            raise invalid(name, f"must be {low} to {high} characters long")
    if len(sent.media) > MAX_MEDIA:
        raise invalid("media", f"must be at most {MAX_MEDIA} attachments")
    return ComposedMessage(
        _address(sent.phone),
        _address(sent.to),
        PhoneText(sent.body, messaging.count_segments(sent.body), sent.media),
    )


async def send_message(tx: Tx, call: Call[ComposedMessage]) -> SentMessage:
    """Send a message from a phone to a number of the account's. Raise ApiError 20001 if it has no such number."""
    sent = call.input
    if not await messaging.owns_number(tx, call.account_sid, sent.to):
        known = await messaging.has_number(tx, call.account_sid)
        raise invalid("to", "must be a number of this account" + ("" if known else f"; {NO_NUMBER}"))
    row = await send_as_phone(tx, call.account_sid, sent.phone, sent.to, sent.content)
    stored = await messaging.stores_inbound(tx, call.account_sid, sent.to)
    return SentMessage(row.id, row.message_sid if stored else None, sent.phone)


async def clear(tx: Tx, call: Call[Empty]) -> bool:
    """Delete the account's messages."""
    await phones.clear(tx, call.account_sid)
    return True


def _address(text: str) -> str:
    return messaging.read_address(text.strip()) or text.strip()


def entry(message: SandboxMessage) -> Json:
    """Return a message as the list shows it."""
    return {
        "id": message.id,
        "message_sid": message.message_sid or None,
        "phone": message.phone,
        "number": message.peer,
        "direction": "from-phone" if message.outgoing else "to-phone",
        "body": message.body,
        "segments": message.segments,
        "encoding": message.encoding or None,
        "media": msgspec.Raw(message.media.encode()),
        "tries": message.tries,
        "behaviour": behaviour_of(message.phone).description,
        "date": message.moment / SECOND,
    }


def operations(login: PageLogin, carriers: InboxCarriers) -> tuple[Operation, ...]:
    """Return the operations of the inbox of a node with these carriers."""

    async def show_page(call: Call[InboxPage], session: PageSession) -> Response:
        """Return the page."""
        return html_response(read_file("inbox.html").replace("{csrf}", session.csrf))

    async def compose(context: PrepareContext, call: Call[Empty]) -> ComposedMessage:
        if not carriers.sandbox:
            raise ApiError(20001, carriers.note)
        return await compose_message(context, call)

    def listed(found: ListedMessages, _: object) -> Json:
        note = carriers.note or ("" if found.has_number else f"Nothing can be sent or received: {NO_NUMBER}.")
        return {"messages": [entry(one) for one in found.messages], "note": note or None}

    return (
        login.page("/inbox", show_page, InboxPage),
        handled(
            OperationKind.FETCH,
            "/inbox/phones",
            list_phones,
            lambda table, _urls: {"phones": table},
            **FOR_ACCOUNT,
        ),
        fetch("/inbox/messages", list_messages, listed, input=InboxFilter, pages=True, **FOR_ACCOUNT),
        create(
            "/inbox/messages",
            send_message,
            lambda sent, _urls: msgspec.structs.asdict(sent),
            Empty,
            status=202,
            prepare=compose,
            max_upload=MAX_UPLOAD,
            **FOR_ACCOUNT,
        ),
        delete("/inbox/messages", clear, **FOR_ACCOUNT),
    )
