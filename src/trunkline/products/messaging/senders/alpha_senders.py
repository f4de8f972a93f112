"""AlphaSenders of a Service (AI…): texts that recipients see in place of a number, wherever they are taken (spec)."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.operation import Act, Call, Empty, Operation, create, delete, fetch, listing
from trunkline.api.params import Given, Parser, required
from trunkline.api.views import Json, Urls, iso
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.senders import membership
from trunkline.products.messaging.senders.alpha import is_alpha, is_generic
from trunkline.products.messaging.senders.choice import SenderKind
from trunkline.products.messaging.senders.membership import Member

KIND = SenderKind.ALPHA


def alpha() -> Parser:
    """An alphanumeric sender, else 21709; none at all is 21708 (doc)."""

    def parse(name: str, value: str) -> str:
        if not is_alpha(value):
            raise ApiError(21709)
        return value

    return Parser(parse, clears=True)


class AddAlphaSender(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter of create: 1 to 11 letters, digits, spaces and ``+ - _ &``, with a letter (doc)."""

    alpha_sender: Annotated[Given[str | None], alpha(), required(21708)]


def view(member: Member, urls: Urls) -> Json:
    """The AlphaSender resource (spec)."""
    return {
        "sid": member.sid,
        "account_sid": member.account_sid,
        "service_sid": member.service_sid,
        "date_created": iso(member.date_created),
        "date_updated": iso(member.date_updated),
        "alpha_sender": member.value,
        "capabilities": member.capabilities,
        "url": urls.to("Services", member.service_sid, "AlphaSenders", member.sid),
    }


def check_allowed(text: str, blocked: frozenset[str]) -> None:
    """Raises ApiError 21709 for a sender that says nothing, or that the operator does not allow (inferred code)."""
    if is_generic(text) or text.lower() in blocked:
        raise ApiError(21709)


async def add_alpha_sender(tx: Tx, call: Call[AddAlphaSender], blocked: frozenset[str]) -> Member | None:
    """Put an alphanumeric sender into the Service. Raises ApiError 21709 for one of ``blocked``, 21710 when it has
    it."""
    text = str(call.input.alpha_sender)
    check_allowed(text, blocked)
    return await membership.add_text(tx, call, KIND, new_sid("AI"), (text, None))


async def fetch_alpha_sender(tx: Tx, call: Call[Empty]) -> Member | None:
    """An alphanumeric sender of the Service."""
    return await membership.find_member(tx, call, KIND)


async def page_alpha_senders(tx: Tx, call: Call[Empty]) -> list[Member] | None:
    """The alphanumeric senders of the Service."""
    return await membership.page_members(tx, call, KIND)


async def remove_alpha_sender(tx: Tx, call: Call[Empty]) -> bool:
    """Take an alphanumeric sender out of the Service."""
    return await membership.remove_member(tx, call, KIND)


_LIST = "/Services/{ServiceSid}/AlphaSenders"
_ONE = f"{_LIST}/{{Sid}}"


def operations(blocked: frozenset[str]) -> tuple[Operation, ...]:
    """The operations; ``blocked`` are senders, in small letters, that the operator does not allow."""
    adding: Act = partial(add_alpha_sender, blocked=blocked)
    return (
        create(_LIST, adding, view, AddAlphaSender),
        listing(_LIST, "alpha_senders", page_alpha_senders, view),
        fetch(_ONE, fetch_alpha_sender, view),
        delete(_ONE, remove_alpha_sender),
    )
