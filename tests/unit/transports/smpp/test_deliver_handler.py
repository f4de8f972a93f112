"""The handling of a deliver_sm, and the response to the SMSC."""

from __future__ import annotations

import asyncio
import struct

import msgspec
import pytest

from trunkline.core.clock import SECOND
from trunkline.transports.base import Receipt, ReceiptState
from trunkline.transports.smpp.commands import CommandStatus, Tag
from trunkline.transports.smpp.deliver_handler import DeliverHandler
from trunkline.transports.smpp.pdu_bodies import DataMessage, ShortMessage
from trunkline.transports.smpp.segment_store import MemorySegmentStore
from unit.transports.smpp.routes import Recorder, route

RECEIPT = ShortMessage(esm_class=4, short_message=b"id:1 stat:DELIVRD")


class World:
    """A route that receives, with a clock of its own."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self.now = 10_000 * SECOND
        self.recorder = recorder or Recorder()
        self.store = MemorySegmentStore()
        self.handler = DeliverHandler(route(), self.recorder, self.store, lambda: self.now, patience=0)

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
def test_a_receipt_that_tells_nothing_is_logged_with_its_octets_and_reported(
    text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    body = ShortMessage(esm_class=4, short_message=text, destination="15005550006", destination_ton=1)
    assert world.handle(body) == CommandStatus.ROK
    assert world.recorder.receipts == []
    assert "cannot be read" in caplog.text
    assert text.hex() in caplog.text
    (problem,) = world.recorder.problems
    assert (problem.carrier, problem.number) == ("main", "+15005550006")
    assert text.hex() in problem.text


def test_the_octets_of_an_unreadable_receipt_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.handle(ShortMessage(esm_class=4, parameters={Tag.MESSAGE_PAYLOAD: b"x" * 60_000}))
    assert len(caplog.text) < 3_000
    assert len(world.recorder.problems[0].text) < 1_000


def test_a_receipt_without_a_state_fails_its_message() -> None:
    world = World()
    assert world.handle(ShortMessage(esm_class=4, short_message=b"id:1 stat:")) == CommandStatus.ROK
    assert [receipt.state for receipt in world.recorder.receipts] == [ReceiptState.UNDELIVERED]


@pytest.mark.parametrize("esm_class", [0x00, 0x08, 0x40])
def test_an_unmarked_receipt_counts_for_an_id_that_is_awaited(esm_class: int) -> None:
    world = World()
    world.recorder.awaited = {"1"}
    body = ShortMessage(
        esm_class=esm_class,
        source="15005550100",
        source_ton=1,
        destination="12345",
        short_message=b"id:0001 stat:UNDELIV err:001",
    )
    assert world.handle(body) == CommandStatus.ROK
    assert world.recorder.addresses == [("+15005550100", "12345")]
    assert [receipt.error_code for receipt in world.recorder.receipts] == [30005]
    assert world.recorder.inbounds == []


def test_a_text_like_a_receipt_is_a_message_for_an_id_that_nobody_awaits() -> None:
    world = World()
    world.recorder.awaited = {"2"}
    world.handle(ShortMessage(short_message=b"id:1 stat:DELIVRD"))
    world.handle(ShortMessage(short_message=b"id: stat: what is that?"))
    world.handle(ShortMessage(esm_class=8, short_message=b"id:1 stat:DELIVRD"))
    assert world.recorder.receipts == []
    assert [one.text for one in world.recorder.inbounds] == ["id:1 stat:DELIVRD", "id: stat: what is that?"]


def test_an_unmarked_receipt_may_overtake_the_response_with_its_id() -> None:
    class Late(Recorder):
        """A receiver that has the id only when it is asked again."""

        async def awaits(self, receipt: Receipt, phone: str, number: str) -> bool:
            known = await super().awaits(receipt, phone, number)
            self.awaited = {"1"}
            return known

    world = World(Late())
    world.handle(ShortMessage(short_message=b"id:1 stat:DELIVRD"))
    assert len(world.recorder.receipts) == 1


def test_a_handsets_acknowledgement_is_acknowledged() -> None:
    world = World()
    assert world.handle(ShortMessage(esm_class=8, short_message=b"read")) == CommandStatus.ROK
    assert world.recorder.calls == 0


@pytest.mark.parametrize("data_coding", range(256))
def test_no_message_is_refused_for_good(data_coding: int) -> None:
    world = World()
    for esm_class in (0x00, 0x40):
        body = ShortMessage(data_coding=data_coding, esm_class=esm_class, short_message=b"\x9a\xffx")
        assert world.handle(body) == CommandStatus.ROK
    assert len(world.recorder.inbounds) == 2
    assert all(one.text for one in world.recorder.inbounds)


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


@pytest.mark.parametrize("numbers", [(3,), (1,), (1, 2, 3), (3, 2, 1, 3), (2, 2)])
def test_parts_sent_again_after_the_message_make_no_second_one(numbers: tuple[int, ...]) -> None:
    world = World()
    for number in (1, 2, 3):
        world.handle(segment(number))
    for number in numbers:
        world.now += SECOND
        assert world.handle(segment(number)) == CommandStatus.ROK
    world.now += 1_000 * SECOND
    asyncio.run(world.handler.flush_stale())
    assert [inbound.text for inbound in world.recorder.inbounds] == [TEXT]
    assert asyncio.run(world.store.stale("main", world.now)) == []


def test_parts_sent_again_after_an_incomplete_message_make_no_second_one() -> None:
    world = World()
    for _ in range(2):
        world.handle(segment(1))
        world.now += 301 * SECOND
        asyncio.run(world.handler.flush_stale())
    assert [inbound.missing for inbound in world.recorder.inbounds] == [True]


def test_a_new_message_with_an_old_reference_is_one() -> None:
    world = World()
    for first, text in ((segment(1, 2), "segment 1. segment 2. "), (segment(9, 9), "")):
        if not text:
            first = msgspec.structs.replace(segment(1, 2), short_message=bytes((5, 0, 3, 7, 2, 1)) + b"\0n")
        world.handle(first)
        world.handle(segment(2, 2))
        world.now += SECOND
    assert [inbound.text for inbound in world.recorder.inbounds] == ["segment 1. segment 2. ", "nsegment 2. "]


def test_a_part_sent_again_does_not_spoil_the_next_message_of_its_reference() -> None:
    world = World()
    for number, letter in ((1, b"A"), (2, b"A"), (2, b"A"), (1, b"B"), (2, b"B")):
        text = bytes((5, 0, 3, 7, 2, number)) + b"\0" + letter + b"\0" + b"%d" % number
        world.handle(msgspec.structs.replace(segment(number, 2), short_message=text))
        world.now += SECOND
    assert [inbound.text for inbound in world.recorder.inbounds] == ["A1A2", "B1B2"]


@pytest.mark.parametrize(("minutes", "messages"), [(1, 1), (4, 1), (12, 2), (61, 2)])
def test_the_same_long_text_is_a_message_again_after_some_minutes(minutes: int, messages: int) -> None:
    world = World()
    for _ in range(2):
        for number in (1, 2):
            world.handle(segment(number, 2))
        world.now += minutes * 60 * SECOND
    sent = [inbound for inbound in world.recorder.inbounds if inbound.sender == "+15005550100"]
    assert [inbound.text for inbound in sent] == ["segment 1. segment 2. "] * messages
    assert len({inbound.id for inbound in sent}) == messages


def test_a_part_sent_again_later_makes_no_message_either() -> None:
    world = World()
    for numbers in ((1, 2), (2,)):
        for number in numbers:
            world.handle(segment(number, 2))
        world.now += 1_200 * SECOND
        asyncio.run(world.handler.flush_stale())
    assert [inbound.text for inbound in world.recorder.inbounds] == ["segment 1. segment 2. "]


def test_a_whole_message_sent_again_while_another_part_waited_is_a_repetition() -> None:
    world = World()
    for number in (1, 2):
        world.handle(segment(number, 2))
    other = bytes((5, 0, 3, 7, 2, 1)) + b"\0n"
    world.handle(msgspec.structs.replace(segment(1, 2), short_message=other))
    for number in (1, 2):
        world.handle(segment(number, 2))
    assert [inbound.text for inbound in world.recorder.inbounds] == ["segment 1. segment 2. "]


def test_what_was_passed_on_is_recognized_for_an_hour() -> None:
    world = World()
    for _ in range(2):
        world.handle(segment(1, 2))
        world.handle(segment(2, 2))
        world.now += 3_601 * SECOND
        other = msgspec.structs.replace(segment(1, 2), source="15005550101")
        world.handle(other)
        world.handle(msgspec.structs.replace(segment(2, 2), source="15005550101"))
    assert [inbound.sender for inbound in world.recorder.inbounds].count("+15005550100") == 2
