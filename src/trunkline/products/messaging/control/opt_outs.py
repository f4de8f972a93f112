"""Opt-outs: ``/_trunkline/opt-outs`` lists the recipients who have opted out of an account's messages (GET), adds one
(POST) and removes one (DELETE); ``…/opt-outs/{MG}`` shows (GET) and changes (POST) Advanced Opt-Out of a Service.

They are the account's. An opt-out has a ``Scope``, the SID of a Service or a number outside of Services, and a
``Recipient``. The list is newest first; both names choose, ``PageSize`` and ``PageToken`` page. A Service's ``Sets``
are objects with kind (STOP, START or HELP), keywords, reply, language and country; new ones replace all there are.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api import paging
from trunkline.api.errors import invalid
from trunkline.api.operation import (
    FOR_ACCOUNT,
    Call,
    Empty,
    Operation,
    OperationKind,
    PrepareContext,
    delete,
    fetch,
    update,
)
from trunkline.api.paging import Key, TokenPage
from trunkline.api.params import Given, Parser, boolean, integer, json_struct, many, required, text
from trunkline.api.views import Json, Urls, token_page_view
from trunkline.core.clock import SECOND
from trunkline.core.sids import is_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging import services
from trunkline.products.messaging.numbers.owned_numbers import owned_by_account
from trunkline.products.messaging.numbers.parsing import parse_recipient
from trunkline.products.messaging.opt_outs import advanced, blocks
from trunkline.products.messaging.opt_outs.advanced import MAX_SETS, AdvancedOptOut
from trunkline.products.messaging.opt_outs.blocks import NEWEST, Block
from trunkline.products.messaging.opt_outs.keywords import KeywordError, KeywordSet

MAX_PAGE = 500
_SEPARATOR = " "


_SET = json_struct(KeywordSet, "must be objects with kind, keywords and reply")


def _address() -> Parser:
    """Return the parser of an address in the form in which messages have it; what is none stays as it is."""
    plain = text(1, 64, clears=True)
    return Parser(lambda name, value: _read_address(plain.parse(name, value)) or value, clears=True)


class OptOutChange(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a change."""

    scope: Annotated[Given[str | None], _address(), required()] = UNSET
    recipient: Annotated[Given[str | None], _address(), required()] = UNSET


class OptOutFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of the list."""

    scope: Annotated[Given[str | None], _address()] = UNSET
    recipient: Annotated[Given[str | None], _address()] = UNSET
    page_size: Annotated[Given[int], integer(1, MAX_PAGE)] = UNSET
    page_token: Annotated[Given[str | None], text(clears=True)] = UNSET


class KeywordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a Service's Advanced Opt-Out."""

    enabled: Annotated[Given[bool], boolean()] = UNSET
    sets: Annotated[Given[list[KeywordSet] | None], many(_SET)] = UNSET


class NewOptOut(msgspec.Struct, frozen=True):
    """A requested opt-out; ``recipient`` is None for what is no address."""

    scope: str
    recipient: str | None


class AddedOptOut(msgspec.Struct, frozen=True):
    """An opt-out that there is now; ``new`` is False if it was there before."""

    scope: str
    recipient: str
    new: bool


def view(block: Block, urls: Urls) -> Json:
    """Return an opt-out."""
    return {
        "scope": block.scope,
        "recipient": block.recipient,
        "created_at": block.date_created / SECOND,
    }


async def list_opt_outs(tx: Tx, call: Call[OptOutFilter]) -> TokenPage[Block]:
    """Return a page of the account's opt-outs. Raise ApiError 21481 for a bad token."""
    given, size = call.input, paging.size_of(call.input.page_size)
    start = paging.start_of(given.page_token)
    found = await blocks.page_blocks(
        tx,
        call.account_sid,
        given.scope or None,
        given.recipient or None,
        NEWEST if start is None else _position(start),
        size + 1,
    )
    return paging.token_page(found, size, _key)


async def read_opt_out(_: PrepareContext, call: Call[OptOutChange]) -> NewOptOut:
    """Return the opt-out that a request describes."""
    return NewOptOut(call.input.scope or "", _read_address(call.input.recipient or ""))


async def add(tx: Tx, call: Call[NewOptOut]) -> AddedOptOut:
    """Add an opt-out. Raise ApiError 20001 for a scope or a recipient that messages do not have."""
    scope, recipient = call.input.scope, call.input.recipient
    if not await _is_scope(tx, call.account_sid, scope):
        raise invalid("Scope", "must be a Service, or a number outside of Services, of the account")
    if recipient is None:
        raise invalid("Recipient", "must be a number such as +14155550100")
    new = await blocks.block(tx, call.account_sid, scope, recipient)
    return AddedOptOut(scope, recipient, new)


async def remove(tx: Tx, call: Call[OptOutChange]) -> bool:
    """Remove an opt-out; return False if there is none."""
    return await blocks.unblock(tx, call.account_sid, call.input.scope or "", call.input.recipient or "")


async def fetch_keywords(tx: Tx, call: Call[Empty]) -> AdvancedOptOut | None:
    """Return Advanced Opt-Out of a Service."""
    sid = call.path["Sid"]
    if not is_sid(sid, "MG") or await services.find_service(tx, call.account_sid, sid) is None:
        return None
    return await advanced.find(tx, call.account_sid, sid)


async def change_keywords(tx: Tx, call: Call[KeywordSettings]) -> AdvancedOptOut | None:
    """Change Advanced Opt-Out of a Service. Raise ApiError 20001 for bad sets."""
    sid, given = call.path["Sid"], call.input
    if isinstance(given.sets, list) and len(given.sets) > MAX_SETS:
        raise invalid("Sets", f"must be at most {MAX_SETS}")
    if not is_sid(sid, "MG") or await services.find_service(tx, call.account_sid, sid) is None:
        return None
    try:
        return await advanced.change(
            tx,
            call.account_sid,
            sid,
            enabled=given.enabled if isinstance(given.enabled, bool) else None,
            sets=None if given.sets is UNSET else tuple(given.sets or ()),
        )
    except KeywordError as error:
        raise invalid("Sets", str(error)) from None


async def _is_scope(tx: Tx, account_sid: str, scope: str) -> bool:
    """Return whether opt-outs of the account may have this scope: one of its Services, or its number outside of
    Services."""
    if is_sid(scope, "MG"):
        return await services.find_service(tx, account_sid, scope) is not None
    owned = await owned_by_account(tx, account_sid, scope)
    return owned is not None and owned.service_sid is None


def _read_address(text: str) -> str | None:
    read = parse_recipient(text)
    return None if read is None else read.address


def _key(last: Block) -> Key:
    return last.date_created, f"{last.scope}{_SEPARATOR}{last.recipient}"


def _position(key: Key) -> tuple[int, str, str]:
    date_created, rest = key
    scope, _, recipient = rest.partition(_SEPARATOR)
    return date_created, scope, recipient


def _keywords(found: AdvancedOptOut, urls: Urls) -> Json:
    return {
        "service_sid": found.service_sid,
        "enabled": found.enabled,
        "sets": msgspec.Raw(found.sets.encode()),
    }


OPERATIONS: tuple[Operation, ...] = (
    fetch(
        "/opt-outs",
        list_opt_outs,
        token_page_view("opt_outs", view),
        input=OptOutFilter,
        pages=True,
        **FOR_ACCOUNT,
    ),
    Operation(
        OperationKind.CREATE,
        "/opt-outs",
        add,
        lambda added, _urls: {"scope": added.scope, "recipient": added.recipient},
        OptOutChange,
        outcome=lambda added: 201 if added.new else 200,
        prepare=read_opt_out,
        **FOR_ACCOUNT,
    ),
    delete("/opt-outs", remove, input=OptOutChange, **FOR_ACCOUNT),
    fetch("/opt-outs/{Sid}", fetch_keywords, _keywords, **FOR_ACCOUNT),
    update("/opt-outs/{Sid}", change_keywords, _keywords, KeywordSettings, **FOR_ACCOUNT),
)
"""The operations of opt-outs."""
