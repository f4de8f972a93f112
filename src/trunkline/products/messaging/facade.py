"""Messaging's interface for the rest of Trunkline."""

from __future__ import annotations

from trunkline.core.storage.database import Tx
from trunkline.products.messaging import services
from trunkline.products.messaging.numbers.inventory_changes import MAX_RATE
from trunkline.products.messaging.numbers.number_types import NumberType
from trunkline.products.messaging.numbers.owned_numbers import owned_by_account
from trunkline.products.messaging.numbers.parsing import parse_recipient
from trunkline.products.messaging.receiving.webhooks import service_of, webhooks_of
from trunkline.products.messaging.text.segments import segment
from trunkline.transports.base import Encoding

__all__ = [
    "MAX_RATE",
    "NumberType",
    "count_segments",
    "has_number",
    "owns_number",
    "read_address",
    "service_exists",
    "split_segments",
    "stores_inbound",
]


async def service_exists(tx: Tx, account_sid: str, sid: str) -> bool:
    """Return whether the account has a Messaging Service with this SID."""
    return await services.find_service(tx, account_sid, sid) is not None


def read_address(text: str) -> str | None:
    """Return an address in the form of messages' addresses; None if the text is none."""
    read = parse_recipient(text)
    return None if read is None else read.address


def split_segments(text: str) -> tuple[Encoding, tuple[str, ...]]:
    """Return the alphabet of a text and its segments."""
    segmented = segment(text)
    return segmented.encoding, segmented.parts


def count_segments(text: str) -> int:
    """Return the number of segments of a text."""
    return len(segment(text).parts)


async def stores_inbound(tx: Tx, account_sid: str, address: str) -> bool:
    """Return whether there will be a Message of what a phone sends to the account's number."""
    owned = await owned_by_account(tx, account_sid, address)
    return owned is not None and not (await webhooks_of(tx, owned, await service_of(tx, owned))).drops


_ANY_NUMBER = "SELECT number FROM numbers WHERE account_sid = :account_sid LIMIT 1"


async def owns_number(tx: Tx, account_sid: str, address: str) -> bool:
    """Return whether the account has the number with this address."""
    return await owned_by_account(tx, account_sid, address) is not None


async def has_number(tx: Tx, account_sid: str) -> bool:
    """Return whether the account has a number at all."""
    return await tx.value(_ANY_NUMBER, account_sid=account_sid) is not None
