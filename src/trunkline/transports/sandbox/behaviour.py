"""The behaviour of virtual phones. Pure.

Every number is a phone that receives at once, except those of this table, which behave in a fixed way so that an app
can be tried against it.
"""

from __future__ import annotations

from enum import Enum

import msgspec


class Reaction(Enum):
    """The reaction of the sandbox's network to a message."""

    DELIVER = "deliver"
    UNDELIVERED = "undelivered"
    REJECT = "reject"
    BUSY = "busy"
    """The network is congested for as long as the message is tried."""
    THROTTLE = "throttle"
    """The network refuses the first two tries, then delivers."""
    UNKNOWN = "unknown"
    """The response is lost at the first try, although the phone has the message."""
    SILENT = "silent"
    """No receipt ever comes."""


THROTTLED = 2
"""The tries that a throttling network rejects."""


class Behaviour(msgspec.Struct, frozen=True):
    """The behaviour of a phone: the error code of a failure, the seconds until the receipt, and its ``reply``, or
    with ``echoes`` a reply with the text that it received; ``description`` is for people."""

    reaction: Reaction = Reaction.DELIVER
    error_code: int = 0
    seconds: float = 0
    reply: str = ""
    echoes: bool = False
    description: str = "receives at once"


ORDINARY = Behaviour()

SPECIAL: dict[str, Behaviour] = {
    "+15005552003": Behaviour(Reaction.UNDELIVERED, 30003, description="is switched off: undelivered, 30003"),
    "+15005552004": Behaviour(Reaction.UNDELIVERED, 30004, description="is barred: undelivered, 30004"),
    "+15005552005": Behaviour(Reaction.UNDELIVERED, 30005, description="does not exist: undelivered, 30005"),
    "+15005552006": Behaviour(Reaction.UNDELIVERED, 30006, description="is a landline: undelivered, 30006"),
    "+15005552007": Behaviour(
        Reaction.UNDELIVERED, 30007, description="is behind a filter: undelivered, 30007"
    ),
    "+15005552008": Behaviour(
        Reaction.UNDELIVERED, 30008, description="fails without a reason: undelivered, 30008"
    ),
    "+15005552010": Behaviour(Reaction.REJECT, 30008, description="is refused by the network: failed, 30008"),
    "+15005552011": Behaviour(Reaction.THROTTLE, description="is throttled twice, then receives"),
    "+15005552012": Behaviour(seconds=10, description="receives, the receipt comes after 10 s"),
    "+15005552013": Behaviour(Reaction.SILENT, description="receives, no receipt comes: stays sent"),
    "+15005552014": Behaviour(reply="STOP", description="receives and replies STOP"),
    "+15005552015": Behaviour(echoes=True, description="receives and replies with the same text"),
    "+15005552016": Behaviour(Reaction.UNKNOWN, description="receives, but the response is lost: sent again"),
    "+15005552017": Behaviour(
        Reaction.BUSY, 30017, description="is behind a congested network: failed, 30017"
    ),
    "+15005552018": Behaviour(reply="START", description="receives and replies START"),
}


def behaviour_of(address: str) -> Behaviour:
    """Return the behaviour of the phone with this number, on whatever channel it is reached."""
    return SPECIAL.get(address.rpartition(":")[2], ORDINARY)
