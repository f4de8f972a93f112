"""The inbox: ``/_trunkline/inbox``, a page with the virtual phones and what they received.

The page and what it calls take the account's auth token or a main key, and show that account's messages alone:

- ``GET /_trunkline/inbox/messages``: the newest first; ``Phone`` chooses one phone, ``Since`` what came or went at that
  ``date`` or later, ``PageSize`` is at most 1000
- ``POST /_trunkline/inbox/messages`` with JSON ``{"phone", "to", "body", "media"}``: the phone sends a message to a
  number of the account's; ``media`` lists attachments, each with ``content_type`` and base64 ``content``
- ``DELETE /_trunkline/inbox/messages``: forget them
- ``GET /_trunkline/inbox/phones``: the numbers with a behaviour of their own
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec

from trunkline.api.auth import Directory, main_account
from trunkline.api.control import ControlAnswer, ControlRequest
from trunkline.api.errors import ApiError, invalid
from trunkline.api.headers import JSON
from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Database, Tx
from trunkline.transports.base import MAX_MEDIA, InboundMedia
from trunkline.transports.sandbox import phones
from trunkline.transports.sandbox.behaviour import SPECIAL, behaviour_of
from trunkline.transports.sandbox.carrier import Said, send_as_phone
from trunkline.transports.sandbox.phones import SandboxMessage

PATH = "/inbox"
MAX_PAGE = 1000
MAX_BODY = 1600
"""Characters that a phone may send."""

_MAX_ADDRESS = 64
_HTML = b"text/html; charset=utf-8"
_SECONDS = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)


class _Sent(msgspec.Struct, frozen=True):
    phone: str
    to: str
    body: str = ""
    media: tuple[InboundMedia, ...] = ()


class Numbers(Protocol):
    """What the inbox has to know of texts and numbers."""

    def segments(self, text: str) -> int:
        """How many segments a text takes."""
        ...

    def address(self, text: str) -> str:
        """A phone's number as messages to it name it."""
        ...

    async def owned(self, tx: Tx, account_sid: str, text: str) -> str | None:
        """The account's number that ``text`` means; None when it has no such number."""
        ...


class Inbox:
    """Answers the paths of the inbox."""

    def __init__(self, database: Database, directory: Directory, numbers: Numbers) -> None:
        self._database = database
        self._directory = directory
        self._numbers = numbers

    async def __call__(self, request: ControlRequest) -> ControlAnswer | None:
        """The status, content type and body; None for an unknown path. Raises ApiError 20003, 20004 and those of bad
        parameters."""
        if request.path != PATH and not request.path.startswith(PATH + "/"):
            return None
        account_sid = await main_account(self._database, self._directory, request.authorization)
        match request.method, request.path.removeprefix(PATH):
            case "GET", "":
                return 200, _HTML, files(__package__).joinpath("inbox.html").read_bytes()
            case "GET", "/messages":
                return await self._list(account_sid, dict(parse_qsl(request.query)))
            case "POST", "/messages":
                return await self._send(account_sid, request)
            case "DELETE", "/messages":
                await self._database.write(lambda tx: phones.clear(tx, account_sid))
                return 204, JSON, b""
            case "GET", "/phones":
                table = [{"phone": phone, "behaviour": one.what} for phone, one in SPECIAL.items()]
                return 200, JSON, msgspec.json.encode({"phones": table})
            case _, "" | "/phones":
                raise ApiError(20004, headers={"Allow": "GET, HEAD"})
            case _, "/messages":
                raise ApiError(20004, headers={"Allow": "GET, HEAD, POST, DELETE"})
        return None

    async def _list(self, account_sid: str, query: dict[str, str]) -> ControlAnswer:
        size = query.get("PageSize", "100")
        if not size.isascii() or not size.isdigit() or not 1 <= int(size[:9]) <= MAX_PAGE:
            raise invalid("PageSize", f"must be from 1 to {MAX_PAGE}")
        since = query.get("Since", "0")
        if not _SECONDS.fullmatch(since):
            raise invalid("Since", "must be seconds since 1970")
        phone = query.get("Phone", "")
        # A plus sign that was not escaped is a space.
        phone = f"+{phone[1:]}" if phone.startswith(" ") else phone
        if "\0" in phone:
            raise invalid("Phone", "must be a number")
        moment = round(float(since) * SECOND)
        found = await self._database.scan(lambda tx: phones.newest(tx, account_sid, phone, int(size), moment))
        return 200, JSON, msgspec.json.encode({"messages": [_shown(one) for one in found]})

    async def _send(self, account_sid: str, request: ControlRequest) -> ControlAnswer:
        # A form could be sent by a page of another origin; JSON cannot, without leave.
        if request.content_type.partition(";")[0].strip().lower() != "application/json":
            raise ApiError(20001, "The Content-Type of the body must be application/json")
        try:
            sent = msgspec.json.decode(request.body, type=_Sent)
        except (msgspec.DecodeError, RecursionError):
            raise ApiError(20001, "The body must be JSON with phone, to, body and media") from None
        for name, value, low, high in (
            ("phone", sent.phone.strip(), 1, _MAX_ADDRESS),
            ("to", sent.to.strip(), 1, _MAX_ADDRESS),
            ("body", sent.body, 0 if sent.media else 1, MAX_BODY),
        ):
            if not low <= len(value) <= high or "\0" in value:
                raise invalid(name, f"must be {low} to {high} characters long")
        if len(sent.media) > MAX_MEDIA:
            raise invalid("media", f"must be at most {MAX_MEDIA} attachments")
        phone, count = self._numbers.address(sent.phone.strip()), self._numbers.segments(sent.body)

        async def write(tx: Tx) -> str:
            number = await self._numbers.owned(tx, account_sid, sent.to.strip())
            if number is None:
                raise invalid("to", "must be a number of this account")
            said = Said(sent.body, count, sent.media)
            return await send_as_phone(tx, account_sid, phone, number, said)

        id = await self._database.write(write)
        return 202, JSON, msgspec.json.encode({"id": id, "phone": phone})


def _shown(message: SandboxMessage) -> dict[str, Any]:
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
        "behaviour": behaviour_of(message.phone).what,
        "date": message.moment / SECOND,
    }
