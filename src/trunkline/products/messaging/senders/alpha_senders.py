"""AlphaSenders of a Service (AI…): texts that recipients see in place of a number, where countries accept them
(spec).
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Operation
from trunkline.api.params import Given, Parser, required
from trunkline.api.views import Json, Urls
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.senders import membership, resource
from trunkline.products.messaging.senders.alpha_rules import is_alpha, is_generic
from trunkline.products.messaging.senders.membership import Member
from trunkline.products.messaging.senders.sender_choice import PoolSenderKind

KIND = PoolSenderKind.ALPHA


def alpha() -> Parser:
    """Return the parser of an alphanumeric sender, which raises ApiError 21709; none at all is 21708 (doc)."""

    def parse(name: str, value: str) -> str:
        if not is_alpha(value):
            raise ApiError(21709)
        return value

    return Parser(parse, clears=True)


class AddAlphaSender(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter of create: 1 to 11 letters, digits, spaces and ``+ - _ &``, with a letter (doc)."""

    alpha_sender: Annotated[Given[str | None], alpha(), required(21708)]


def view(member: Member, urls: Urls) -> Json:
    """Return the AlphaSender resource (spec)."""
    return {**resource.base_view(member, urls), "alpha_sender": member.value}


def check_allowed(text: str, blocked: frozenset[str]) -> None:
    """Raise ApiError 21709 for a generic sender, or one that the operator does not allow (inferred code)."""
    if is_generic(text) or text.lower() in blocked:
        raise ApiError(21709)


async def add_alpha_sender(tx: Tx, call: Call[AddAlphaSender], blocked: frozenset[str]) -> Member | None:
    """Add an alphanumeric sender to the Service. Raise ApiError 21709 for one of ``blocked``, 21710 if the Service
    has it."""
    text = str(call.input.alpha_sender)
    check_allowed(text, blocked)
    return await membership.add_text(tx, call, KIND, new_sid("AI"), (text, None))


def operations(blocked: frozenset[str]) -> tuple[Operation, ...]:
    """Return the operations; ``blocked`` are senders, in lower case, that the operator does not allow."""
    adding = partial(add_alpha_sender, blocked=blocked)
    return resource.operations(KIND, "alpha_senders", view, (adding, AddAlphaSender))
