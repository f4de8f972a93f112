"""The SMPP codec alone, in turns with that of PyPI ``smpplib``."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import smpplib.smpp

from benchmarks.messaging.server import TEXT
from trunkline.transports.smpp.commands import RESPONSE, Command
from trunkline.transports.smpp.pdu import Pdu, decode, encode
from trunkline.transports.smpp.pdu_bodies import MessageResponse, ShortMessage

OURS, SMPPLIB = "Trunkline", "smpplib"

_MESSAGE = Pdu(
    Command.SUBMIT_SM,
    0,
    7,
    ShortMessage(
        source_ton=1,
        source_npi=1,
        source="15005550006",
        destination_ton=1,
        destination_npi=1,
        destination="15005550100",
        registered_delivery=1,
        short_message=TEXT.encode(),
    ),
)
_WIRE = encode(_MESSAGE)
_ANSWERED = encode(Pdu(Command.SUBMIT_SM | RESPONSE, 0, 7, MessageResponse("0123456789")))

FIELDS = {
    "source_addr_ton": 1,
    "source_addr": "15005550006",
    "dest_addr_ton": 1,
    "destination_addr": "15005550100",
    "short_message": TEXT.encode(),
    "registered_delivery": 1,
}
"""The same message for smpplib."""

_MADE = smpplib.smpp.make_pdu("submit_sm", sequence=0, **FIELDS)

WORK: dict[str, dict[str, Callable[[], object]]] = {
    "encode submit_sm": {OURS: lambda: encode(_MESSAGE), SMPPLIB: _MADE.generate},
    "decode submit_sm": {
        OURS: lambda: decode(_WIRE),
        SMPPLIB: lambda: smpplib.smpp.parse_pdu(_WIRE, sequence=0),
    },
    "decode submit_sm_resp": {
        OURS: lambda: decode(_ANSWERED),
        SMPPLIB: lambda: smpplib.smpp.parse_pdu(_ANSWERED, sequence=0),
    },
}

_IN_A_ROW = 200


def per_second(work: Callable[[], object], seconds: float) -> float:
    """Return the number of times that something can be done in a second."""
    count, begun = 0, perf_counter()
    while (took := perf_counter() - begun) < seconds:
        for _ in range(_IN_A_ROW):
            work()
        count += _IN_A_ROW
    return count / took
