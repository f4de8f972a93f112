"""The words of delivery states."""

from __future__ import annotations

import json

import pytest

from trunkline.transports.base import ReceiptState
from trunkline.transports.delivery_states import state_of_word
from trunkline.transports.http import protocol
from trunkline.transports.smpp.alphabet import Alphabet
from trunkline.transports.smpp.receipts import Dialect, parse_receipt, read_text

DELIVERED = """DELIVRD|dlvrd|Delivered|DELIVERD|DELIVRED|read|READ|seen|Delivered-To-Handset|DeliveredToTerminal
|displayed|success""".replace("\n", "")
ON_ITS_WAY = """ACCEPTD|accepted|ENROUTE|en_route|En-route|EN ROUTE|in transit|In-Transit|BUFFRED|buffered|pending
|queued|SCHEDULED|SCHEDLD|sending|sent|SUBMITD|submitted|DeliveredToNetwork|MessageWaiting|in_progress""".replace(
    "\n", ""
)
FAILURES = (
    "UNDELIV|undelivered|un_delivered|Not-Delivered|FAILED|EXPIRED|rejected|REJECTD|unread|unseen|not sent"
)

CASES = [
    *((word, ReceiptState.DELIVERED) for word in DELIVERED.split("|")),
    *((word, ReceiptState.ENROUTE) for word in ON_ITS_WAY.split("|")),
    *((word, ReceiptState.UNDELIVERED) for word in FAILURES.split("|")),
]


@pytest.mark.parametrize(("word", "state"), CASES)
def test_a_word_is_the_same_state_for_every_carrier(word: str, state: ReceiptState) -> None:
    assert (state_of_word(word) or ReceiptState.UNDELIVERED) is state
    body = json.dumps({"id": "1", "status": f" {word} "})
    assert protocol.receipt("gate", body.encode()).state is state
    for text in (f"id:1 stat:{word} err:000 text:", f"id:1 stat: {word}"):
        found = parse_receipt(read_text(text.encode(), Alphabet.GSM), {}, Dialect("main"))
        assert found is not None
        assert found.state is state


@pytest.mark.parametrize("word", ["", " ", "\t\n", "\u00a0", "-", "_ _"])
def test_a_blank_word_is_none(word: str) -> None:
    assert state_of_word(word) is None
    with pytest.raises(protocol.BadReport, match="status"):
        protocol.receipt("gate", json.dumps({"id": "1", "status": word}).encode())
