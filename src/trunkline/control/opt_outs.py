"""Opt-outs: ``/_trunkline/opt-outs`` lists who does not want an account's messages (GET), adds somebody (POST) and
takes somebody away (DELETE); ``…/opt-outs/{MG}`` shows (GET) and changes (POST) Advanced Opt-Out of a Service.

It takes the account's auth token or a main key, and is about that account. An opt-out has a ``Scope``, the SID of a
Service or a number outside of Services, and a ``Recipient``. The list is the last first; both names choose,
``PageSize`` and ``PageToken`` page. A Service's ``Sets`` are objects with kind (STOP, START or HELP), keywords, reply,
language and country; those given replace all that there are.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import UNSET

from trunkline.api import paging, params
from trunkline.api.auth import Directory, main_account
from trunkline.api.control import ControlAnswer, ControlRequest
from trunkline.api.errors import ApiError, invalid
from trunkline.api.headers import JSON
from trunkline.api.params import Given, Parser, boolean, integer, many, required, text
from trunkline.core.clock import SECOND
from trunkline.core.sids import is_sid
from trunkline.core.storage.database import Database, Tx
from trunkline.products.messaging import facade
from trunkline.products.messaging.facade import Advanced, Block, KeywordError, KeywordSet

PATH = "/opt-outs"
MAX_PAGE = 500
_SEPARATOR = " "
_TOKEN = 21481


def _set() -> Parser:
    def parse(name: str, value: str) -> KeywordSet:
        try:
            return msgspec.json.decode(value, type=KeywordSet)
        except (msgspec.DecodeError, RecursionError) as error:
            raise invalid(
                name, f"must be objects with kind, keywords and reply: {str(error)[:200]}"
            ) from None

    return Parser(parse)


def _address() -> Parser:
    """An address in the form in which messages have it; what is none stays as it is."""
    plain = text(1, 64, clears=True)
    return Parser(lambda name, value: facade.read_address(plain.parse(name, value)) or value, clears=True)


class OptOut(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a change."""

    scope: Annotated[Given[str | None], _address(), required()] = UNSET
    recipient: Annotated[Given[str | None], _address(), required()] = UNSET


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of the list."""

    scope: Annotated[Given[str | None], _address()] = UNSET
    recipient: Annotated[Given[str | None], _address()] = UNSET
    page_size: Annotated[Given[int], integer(1, MAX_PAGE)] = UNSET
    page_token: Annotated[Given[str | None], text(clears=True)] = UNSET


class Keywords(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a Service's Advanced Opt-Out."""

    enabled: Annotated[Given[bool], boolean()] = UNSET
    sets: Annotated[Given[list[KeywordSet] | None], many(_set())] = UNSET


class OptOuts:
    """Answers the paths of opt-outs."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory

    async def __call__(self, request: ControlRequest) -> ControlAnswer | None:
        """The status, content type and body; None for an unknown path or Service. Raises ApiError 20001, 20003, 20004
        and 21481."""
        if request.path != PATH and not request.path.startswith(PATH + "/"):
            return None
        account_sid = await main_account(self._database, self._directory, request.authorization)
        sid = request.path.removeprefix(PATH).removeprefix("/")
        query = parse_qsl(request.query, keep_blank_values=True)
        match request.method, sid:
            case "GET", "":
                return await self._list(account_sid, params.read(Filters, query))
            case "POST" | "DELETE", "":
                asked = params.read(OptOut, query, request.fields)
                return await self._change(account_sid, asked, block=request.method == "POST")
            case _, "":
                raise ApiError(20004, headers={"Allow": "GET, HEAD, POST, DELETE"})
        if not is_sid(sid, "MG"):
            return None
        if request.method not in ("GET", "POST"):
            raise ApiError(20004, headers={"Allow": "GET, HEAD, POST"})
        changes = request.method == "POST"
        wanted = params.read(Keywords, (), request.fields if changes else ())
        return await self._service(account_sid, sid, wanted, changes=changes)

    async def _list(self, account_sid: str, asked: Filters) -> ControlAnswer:
        size = asked.page_size if isinstance(asked.page_size, int) else paging.DEFAULT_SIZE
        after = _after(asked.page_token) if isinstance(asked.page_token, str) else facade.NEWEST
        found = await self._database.read(
            lambda tx: facade.page_blocks(
                tx, account_sid, asked.scope or None, asked.recipient or None, after, size + 1
            )
        )
        shown = found[:size]
        token = _token(shown[-1]) if len(found) > size else None
        return _json(200, {"opt_outs": [_shown(one) for one in shown], "next_page_token": token})

    async def _change(self, account_sid: str, asked: OptOut, *, block: bool) -> ControlAnswer | None:
        scope, recipient = asked.scope or "", asked.recipient or ""
        change = facade.block if block else facade.unblock

        async def write(tx: Tx) -> bool:
            if block and not await facade.is_scope(tx, account_sid, scope):
                raise invalid("Scope", "must be a Service, or a number outside of Services, of the account")
            if block and facade.read_address(recipient) is None:
                raise invalid("Recipient", "must be a number such as +14155550100")
            return await change(tx, account_sid, scope, recipient)

        new = await self._database.write(write)
        if block:
            return _json(201 if new else 200, {"scope": scope, "recipient": recipient})
        return (204, JSON, b"") if new else None

    async def _service(
        self, account_sid: str, sid: str, asked: Keywords, *, changes: bool
    ) -> ControlAnswer | None:
        if isinstance(asked.sets, list) and len(asked.sets) > facade.MAX_SETS:
            raise invalid("Sets", f"must be at most {facade.MAX_SETS}")

        async def find(tx: Tx) -> Advanced | None:
            if not await facade.service_exists(tx, account_sid, sid):
                return None
            if not changes:
                return await facade.find_advanced_opt_out(tx, account_sid, sid)
            return await facade.change_advanced_opt_out(
                tx,
                account_sid,
                sid,
                enabled=asked.enabled if isinstance(asked.enabled, bool) else None,
                sets=None if asked.sets is UNSET else tuple(asked.sets or ()),
            )

        try:
            found = await (self._database.write(find) if changes else self._database.read(find))
        except KeywordError as error:
            raise invalid("Sets", str(error)) from None
        if found is None:
            return None
        shown = {"service_sid": sid, "enabled": found.enabled, "sets": msgspec.Raw(found.sets.encode())}
        return _json(200, shown)


def _token(last: Block) -> str:
    return paging.encode(paging.Cursor((last.date_created, f"{last.scope}{_SEPARATOR}{last.recipient}")))


def _after(token: str) -> tuple[int, str, str]:
    number, rest = paging.decode(token, _TOKEN).key
    scope, _, recipient = rest.partition(_SEPARATOR)
    return number, scope, recipient


def _json(status: int, value: Any) -> ControlAnswer:
    return status, JSON, msgspec.json.encode(value)


def _shown(block: Block) -> dict[str, Any]:
    return {
        "scope": block.scope,
        "recipient": block.recipient,
        "created_at": block.date_created / SECOND,
    }
