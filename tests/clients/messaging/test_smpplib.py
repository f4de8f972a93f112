"""Another encoder and decoder of SMPP, PyPI ``smpplib``, reads what ours writes and the reverse."""

from __future__ import annotations

from typing import Any

import pytest
import smpplib.smpp
from smpplib.client import Client

from smsc import Smsc, background, delivers_all
from trunkline.transports.smpp.commands import RESPONSE, Command, Tag
from trunkline.transports.smpp.pdu import Pdu, decode, encode
from trunkline.transports.smpp.pdu_bodies import (
    BindRequest,
    BindResponse,
    Body,
    EmptyBody,
    MessageResponse,
    ShortMessage,
)

NUMBERS = {
    "source_addr_ton": 5,
    "dest_addr_ton": 1,
    "dest_addr_npi": 1,
    "esm_class": 0x40,
    "registered_delivery": 1,
    "data_coding": 8,
}
TEXTS = {
    "service_type": "CMT",
    "source_addr": "ACME",
    "destination_addr": "447400123456",
    "validity_period": "000000100000000R",
}
MESSAGE = ShortMessage(
    service_type="CMT",
    source_ton=5,
    source="ACME",
    destination_ton=1,
    destination_npi=1,
    destination="447400123456",
    esm_class=0x40,
    validity="000000100000000R",
    registered_delivery=1,
    data_coding=8,
    short_message=bytes.fromhex("050003070201044f"),
    parameters={Tag.SAR_MSG_REF_NUM: b"\1\2", Tag.USER_MESSAGE_REFERENCE: b"\3\4"},
)
SAMPLES: list[tuple[str, int, Body, dict[str, Any]]] = [
    (
        "bind_transceiver",
        Command.BIND_TRANSCEIVER,
        BindRequest("me", "pw", "VMA", address_range="^1500"),
        {
            "system_id": "me",
            "password": "pw",
            "system_type": "VMA",
            "interface_version": 0x34,
            "address_range": "^1500",
        },
    ),
    (
        "bind_transceiver_resp",
        Command.BIND_TRANSCEIVER | RESPONSE,
        BindResponse("SMSC"),
        {"system_id": "SMSC"},
    ),
    (
        "submit_sm",
        Command.SUBMIT_SM,
        MESSAGE,
        {
            **NUMBERS,
            **TEXTS,
            "short_message": MESSAGE.short_message,
            "sar_msg_ref_num": 0x0102,
            "user_message_reference": 0x0304,
        },
    ),
    ("submit_sm_resp", Command.SUBMIT_SM | RESPONSE, MessageResponse("a1"), {"message_id": "a1"}),
    ("enquire_link", Command.ENQUIRE_LINK, EmptyBody(), {}),
    ("unbind", Command.UNBIND, EmptyBody(), {}),
]


def _text(value: Any) -> Any:
    return value.rstrip(b"\0").decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize(("name", "command", "body", "fields"), SAMPLES)
def test_we_read_what_smpplib_writes(name: str, command: int, body: Body, fields: dict[str, Any]) -> None:
    made = smpplib.smpp.make_pdu(name, sequence=0, **fields)
    made.sequence = 9
    assert decode(made.generate()) == Pdu(command, 0, 9, body)


@pytest.mark.parametrize(("name", "command", "body", "fields"), SAMPLES)
def test_smpplib_reads_what_we_write(name: str, command: int, body: Body, fields: dict[str, Any]) -> None:
    pdu = smpplib.smpp.parse_pdu(encode(Pdu(command, 0, 9, body)), sequence=0)
    assert (pdu.command, pdu.sequence, pdu.status) == (name, 9, 0)
    for field, value in fields.items():
        assert _text(getattr(pdu, field)) == _text(value), field


def test_smpplib_is_served_by_the_smsc_of_the_tests() -> None:
    """Check with an independent client that the SMSC on which other tests rely speaks SMPP."""
    received: list[Any] = []
    with background(Smsc(respond=delivers_all)) as running:
        client = Client("127.0.0.1", running.smsc.port, timeout=10, allow_unknown_opt_params=True)
        client.set_message_sent_handler(lambda pdu: received.append(("sent", pdu.message_id)))
        client.set_message_received_handler(lambda pdu: received.append(("received", pdu.short_message)) or 0)
        client.connect()
        client.bind_transceiver(system_id="trunkline", password="secret")
        client.send_message(source_addr="1", destination_addr="2", short_message=b"hi", registered_delivery=1)
        client.read_once()
        client.read_once()
        client.unbind()
        client.disconnect()
        assert [submit.text for submit in running.smsc.submits] == ["hi"]
    assert received[0] == ("sent", b"1")
    assert received[1][1].startswith(b"id:1 sub:001 dlvrd:001")
