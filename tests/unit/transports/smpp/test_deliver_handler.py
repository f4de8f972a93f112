"""The handling of a deliver_sm, and the response to the SMSC."""

from __future__ import annotations

import asyncio
import struct

import pytest

from trunkline.core.clock import SECOND
from trunkline.transports.base import ReceiptState
from trunkline.transports.smpp.commands import CommandStatus, Tag
from trunkline.transports.smpp.deliver_handler import DeliverHandler
from trunkline.transports.smpp.pdu_bodies import DataMessage, ShortMessage
from trunkline.transports.smpp.segment_store import MemorySegmentStore
from unit.transports.smpp.routes import Recorder, route

RECEIPT = ShortMessage(esm_class=4, short_message=b"id:1 stat:DELIVRD")


class World:
    """A route that receives, with a clock of its own."""

    def __init__(self) -> None:
        self.now = 1_000 * SECOND
        self.recorder = Recorder()
        self.handler = DeliverHandler(route(), self.recorder, MemorySegmentStore(), lambda: self.now)

    def handle(self, body: ShortMessage | DataMessage) -> CommandStatus:
        return asyncio.run(self.handler.handle(body))


def segment(number: int, total: int = 3, **more: object) -> ShortMessage:
    udh = bytes((5, 0, 3, 7, total, number))
    fields = {"source_ton": 1, "source": "15005550100", "destination": "12345", "esm_class": 0x40, **more}
    text = f"segment {number}. ".encode("utf-16-be")
    return ShortMessage(data_coding=8, short_message=udh + text, **fields)  # type: ignore[arg-type]


def test_a_receipt_is_told() -> None:
    world = World()
    assert world.handle(RECEIPT) == CommandStatus.ROK
    (receipt,) = world.recorder.receipts
    assert (receipt.carrier, receipt.id, receipt.state) == ("main", "1", ReceiptState.DELIVERED)


def test_a_message_is_told() -> None:
    world = World()
    assert world.handle(ShortMessage(source="1", destination="2", short_message=b"hi")) == CommandStatus.ROK
    (inbound,) = world.recorder.inbounds
    assert (inbound.sender, inbound.recipient, inbound.text, inbound.segments) == ("1", "2", "hi", 1)


@pytest.mark.parametrize("text", [b"", b"garbage", b"id: stat:"])
def test_a_receipt_that_tells_nothing_is_logged_and_acknowledged(
    text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    assert world.handle(ShortMessage(esm_class=4, short_message=text)) == CommandStatus.ROK
    assert world.recorder.receipts == []
    assert "a receipt without id or state" in caplog.text


def test_a_handsets_acknowledgement_is_acknowledged() -> None:
    world = World()
    assert world.handle(ShortMessage(esm_class=8, short_message=b"read")) == CommandStatus.ROK
    assert world.recorder.calls == 0


def test_what_cannot_be_read_is_refused_for_good(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    assert world.handle(ShortMessage(data_coding=0x20, short_message=b"x")) == CommandStatus.RX_P_APPN
    assert "cannot be read" in caplog.text


@pytest.mark.parametrize("body", [RECEIPT, ShortMessage(short_message=b"hi"), segment(1, 2)])
def test_what_cannot_be_kept_is_refused_for_now(body: ShortMessage) -> None:
    world = World()
    if body.esm_class == 0x40:
        assert world.handle(segment(2, 2)) == CommandStatus.ROK
    world.recorder.failures = 1
    assert world.handle(body) == CommandStatus.RX_T_APPN
    assert world.handle(body) == CommandStatus.ROK
    assert len(world.recorder.receipts) + len(world.recorder.inbounds) == 1


TEXT = "segment 1. segment 2. segment 3. "


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (1, 1, 2, 2, 3)])
def test_parts_are_told_as_one(order: tuple[int, ...]) -> None:
    world = World()
    assert [world.handle(segment(number)) for number in order] == [CommandStatus.ROK] * len(order)
    (inbound,) = world.recorder.inbounds
    assert (inbound.text, inbound.segments, inbound.missing) == (TEXT, 3, False)
    assert inbound.sender == "+15005550100"
    world.now += 1_000 * SECOND
    asyncio.run(world.handler.flush_stale())
    assert len(world.recorder.inbounds) == 1, "what was told is forgotten"


def test_parts_by_sar_and_16_bit_references_are_told_as_one() -> None:
    world = World()
    for number in (1, 2):
        parameters = {
            Tag.SAR_MSG_REF_NUM: struct.pack(">H", 300),
            Tag.SAR_TOTAL_SEGMENTS: b"\2",
            Tag.SAR_SEGMENT_SEQNUM: bytes((number,)),
        }
        world.handle(ShortMessage(source="1", short_message=b"s%d" % number, parameters=parameters))
        udh = b"\6\x08\4" + struct.pack(">HBB", 300, 2, number)
        world.handle(ShortMessage(source="2", esm_class=0x40, short_message=udh + b"w%d" % number))
    assert [inbound.text for inbound in world.recorder.inbounds] == ["s1s2", "w1w2"]


def test_parts_of_different_messages_are_kept_apart() -> None:
    world = World()
    for number in (1, 2):
        for source in ("1", "2"):
            world.handle(segment(number, 2, source=source, source_ton=0))
    assert [inbound.sender for inbound in world.recorder.inbounds] == ["1", "2"]


def test_what_is_there_is_told_when_the_rest_does_not_come() -> None:
    world = World()
    world.handle(segment(1))
    world.now += 200 * SECOND
    world.handle(segment(3))
    world.now += 99 * SECOND
    asyncio.run(world.handler.flush_stale())
    assert world.recorder.inbounds == []
    world.now += 2 * SECOND
    asyncio.run(world.handler.flush_stale())
    (inbound,) = world.recorder.inbounds
    assert (inbound.text, inbound.segments, inbound.missing) == ("segment 1. segment 3. ", 3, True)
    asyncio.run(world.handler.flush_stale())
    assert len(world.recorder.inbounds) == 1


def test_parts_sent_again_make_the_same_message() -> None:
    world = World()
    first = f"+15005550100 12345 7 2 {world.now}"
    world.handle(segment(1, 2))
    world.now += SECOND
    world.handle(segment(1, 2))
    world.recorder.failures = 1
    world.handle(segment(2, 2))
    world.now += SECOND
    world.handle(segment(2, 2))
    assert [inbound.id for inbound in world.recorder.inbounds] == [first]
