"""The stream of PDUs: cut at every octet, and lengths that lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.smpp.commands import Command, CommandStatus
from trunkline.transports.smpp.pdu import Fault, frame
from trunkline.transports.smpp.stream import MAX_LENGTH, Splitter

PDUS = [
    frame(Command.ENQUIRE_LINK, 0, 1),
    frame(Command.DATA_SM, 0, 2, bytes(300)),
    frame(Command.UNBIND, 0, 3),
]
STREAM = b"".join(PDUS)


@pytest.mark.parametrize("at", range(len(STREAM) + 1))
def test_a_stream_may_be_cut_at_every_octet(at: int) -> None:
    splitter = Splitter()
    assert splitter.feed(STREAM[:at]) + splitter.feed(STREAM[at:]) == PDUS
    assert not splitter.begun


def test_a_stream_may_come_octet_by_octet() -> None:
    splitter = Splitter()
    found = [pdu for octet in STREAM for pdu in splitter.feed(bytes((octet,)))]
    assert found == PDUS


@given(st.lists(st.integers(1, 40), max_size=30))
def test_a_stream_may_be_cut_anywhere(sizes: list[int]) -> None:
    splitter, found, at = Splitter(), [], 0
    for size in sizes:
        found += splitter.feed(STREAM[at : at + size])
        at += size
    assert found + splitter.feed(STREAM[at:]) == PDUS


def test_a_begun_pdu_is_known() -> None:
    splitter = Splitter()
    assert splitter.feed(STREAM[:17]) == PDUS[:1]
    assert splitter.begun


@pytest.mark.parametrize("length", [0, 4, 15, MAX_LENGTH + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_lie_breaks_the_stream_behind_what_was_whole(length: int) -> None:
    splitter = Splitter()
    assert splitter.feed(PDUS[0] + length.to_bytes(4) + bytes(30)) == PDUS[:1]
    assert splitter.broken is not None
    assert (splitter.broken.fault, splitter.broken.status) == (Fault.HEADER, CommandStatus.RINVCMDLEN)
    assert splitter.feed(STREAM) == []


@pytest.mark.parametrize("length", [16, MAX_LENGTH])
def test_the_limits_are_lengths_that_can_be(length: int) -> None:
    whole = frame(Command.DATA_SM, 0, 1, bytes(length - 16))
    assert Splitter().feed(whole) == [whole]
