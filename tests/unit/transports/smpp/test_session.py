"""An ESME's session against PDUs that a test writes, with time handed in."""

from __future__ import annotations

import pytest

from trunkline.transports.smpp.commands import MAX_SEQUENCE, RESPONSE, Command, CommandStatus
from trunkline.transports.smpp.pdu import Pdu, decode, encode, frame
from trunkline.transports.smpp.pdu_bodies import (
    BindRequest,
    BindResponse,
    Body,
    DataMessage,
    EmptyBody,
    MessageResponse,
    ShortMessage,
)
from trunkline.transports.smpp.session import (
    GRACE,
    NEVER,
    BindRejection,
    BindSuccess,
    DeliverRequest,
    SessionEnd,
    SessionEvent,
    SessionTimeouts,
    SmppSession,
    SmppSessionState,
    SubmitResult,
)
from trunkline.transports.smpp.stream import Splitter

TIMING = SessionTimeouts(link=10, response=30, silence=60)
BIND = Command.BIND_TRANSCEIVER
ACCEPTED = Command.SUBMIT_SM | RESPONSE
SUBMIT = b"\0" * 33


class Wire:
    """A session, and what an SMSC sees of it."""

    def __init__(self, window: int = 10, *, bound: bool = True) -> None:
        self.now = 100.0
        self.session = SmppSession(BIND, BindRequest("me", "pw"), TIMING, window, self.now)
        if bound:
            assert [pdu.command for pdu in self.sent()] == [BIND]
            assert self.receive(BIND | RESPONSE, 1, BindResponse("SMSC")) == [BindSuccess("SMSC")]

    def sent(self) -> list[Pdu]:
        return [decode(whole) for whole in Splitter().feed(self.session.take_output())]

    def receive(
        self, command: int, sequence: int, body: Body | None = None, status: int = 0
    ) -> list[SessionEvent]:
        return self.session.received(encode(Pdu(command, status, sequence, body or EmptyBody())), self.now)

    def submit(self) -> int:
        sequence = self.session.submit(SUBMIT, self.now)
        assert self.sent() == [decode(frame(Command.SUBMIT_SM, 0, sequence, SUBMIT))]
        return sequence

    def wait(self, seconds: float) -> list[SessionEvent]:
        """Let time pass as its timers require."""
        end, events = self.now + seconds, []
        while self.session.due <= end:
            self.now = max(self.now, self.session.due)
            before = self.session.due
            events += self.session.expire(self.now)
            assert self.session.due > before, "a timer that does nothing rings for ever"
        self.now = end
        return events


def test_it_begins_with_a_bind() -> None:
    wire = Wire(bound=False)
    assert wire.sent() == [Pdu(BIND, 0, 1, BindRequest("me", "pw"))]
    assert (wire.session.state, wire.session.free) == (SmppSessionState.BINDING, 0)
    assert wire.receive(BIND | RESPONSE, 1, BindResponse("SMSC")) == [BindSuccess("SMSC")]
    assert (wire.session.state, wire.session.free) == (SmppSessionState.BOUND, 10)


@pytest.mark.parametrize("command", [BIND | RESPONSE, Command.GENERIC_NACK])
def test_a_refused_bind_ends_it(command: int) -> None:
    wire = Wire(bound=False)
    assert wire.receive(command, 1, status=CommandStatus.RINVPASWD) == [
        BindRejection(CommandStatus.RINVPASWD)
    ]
    assert (wire.session.state, wire.session.due) == (SmppSessionState.CLOSED, NEVER)


def test_a_bind_without_an_answer_ends_it() -> None:
    wire = Wire(bound=False)
    assert wire.wait(9.9) == []
    assert wire.wait(0.2) == [SessionEnd("the bind had no response")]


def test_answers_to_other_binds_are_skipped() -> None:
    wire = Wire(bound=False)
    assert wire.receive(Command.BIND_RECEIVER | RESPONSE, 1, BindResponse("SMSC")) == []
    assert wire.receive(BIND | RESPONSE, 2, BindResponse("SMSC")) == []
    assert wire.session.state is SmppSessionState.BINDING


def test_nothing_is_taken_before_the_bind_is_answered() -> None:
    wire = Wire(bound=False)
    wire.sent()
    assert wire.receive(Command.DELIVER_SM, 1, ShortMessage()) == []
    assert [(pdu.command, pdu.status) for pdu in wire.sent()] == [(0x80000005, CommandStatus.RINVBNDSTS)]


def test_answers_find_their_requests_in_any_order() -> None:
    wire = Wire()
    first, second = wire.submit(), wire.submit()
    assert wire.session.free == 8
    assert wire.receive(ACCEPTED, second, MessageResponse("b")) == [SubmitResult(second, 0, "b")]
    assert wire.receive(ACCEPTED, first, status=0x58) == [SubmitResult(first, 0x58, "")]
    assert wire.session.free == 10


def test_an_answer_that_comes_twice_or_to_nothing_is_skipped() -> None:
    wire = Wire()
    sequence = wire.submit()
    wire.receive(ACCEPTED, sequence, MessageResponse("a"))
    assert wire.receive(ACCEPTED, sequence, MessageResponse("a")) == []
    assert wire.receive(ACCEPTED, 999, MessageResponse("a")) == []
    assert wire.session.state is SmppSessionState.BOUND


def test_a_nack_answers_a_request() -> None:
    wire = Wire()
    sequence = wire.submit()
    assert wire.receive(Command.GENERIC_NACK, sequence, status=3) == [SubmitResult(sequence, 3, "")]


def test_of_a_malformed_answer_the_status_counts() -> None:
    wire = Wire()
    sequence = wire.submit()
    assert wire.session.received(frame(ACCEPTED, 0, sequence, b"no end"), wire.now) == [
        SubmitResult(sequence, 0, "")
    ]


def test_the_window_is_kept() -> None:
    wire = Wire(window=2)
    first = wire.submit()
    wire.submit()
    assert wire.session.free == 0
    with pytest.raises(AssertionError):
        wire.session.submit(SUBMIT, wire.now)
    wire.receive(ACCEPTED, first, MessageResponse("a"))
    assert wire.session.free == 1


def test_a_request_without_an_answer_ends_it() -> None:
    wire = Wire()
    first = wire.submit()
    wire.now += 20
    second = wire.submit()
    assert wire.wait(9) == []
    assert wire.wait(2) == [SessionEnd("a request had no response", (first, second))]


def test_sequence_numbers_go_round() -> None:
    wire = Wire()
    wire.session._sequence = MAX_SEQUENCE - 1
    assert [wire.submit(), wire.submit()] == [MAX_SEQUENCE, 1]


def test_silence_is_asked_about() -> None:
    wire = Wire()
    assert wire.wait(59) == []
    assert wire.sent() == []
    assert wire.wait(2) == []
    (request,) = wire.sent()
    assert request.command == Command.ENQUIRE_LINK
    wire.receive(Command.ENQUIRE_LINK | RESPONSE, request.sequence)
    assert wire.wait(55) == []
    assert wire.sent() == []


def test_a_silent_peer_ends_it() -> None:
    wire = Wire()
    assert wire.wait(69) == []
    assert wire.wait(2) == [SessionEnd("the SMSC is silent")]


def test_a_pdu_that_does_not_end_ends_it() -> None:
    wire = Wire()
    whole = frame(Command.ENQUIRE_LINK, 0, 5)
    assert wire.session.received(whole[:9], wire.now) == []
    wire.now += 5
    # A further octet is no new beginning.
    assert wire.session.received(whole[9:10], wire.now) == []
    assert wire.wait(6) == [SessionEnd("a PDU did not end")]


def test_each_pdu_has_its_own_time_to_end() -> None:
    wire = Wire()
    whole = frame(Command.ENQUIRE_LINK, 0, 5)
    wire.session.received(whole[:9], wire.now)
    wire.now += 8
    assert wire.session.received(whole[9:] + whole[:9], wire.now) == []
    assert wire.wait(8) == []
    wire.session.received(whole[9:], wire.now)
    assert wire.wait(8) == []


@pytest.mark.parametrize("length", [15, 70_001])
def test_a_length_that_lies_ends_it_behind_what_was_whole(length: int) -> None:
    wire = Wire()
    sequence = wire.submit()
    data = frame(ACCEPTED, 0, sequence, b"id\0") + length.to_bytes(4) + bytes(12)
    events = wire.session.received(data, wire.now)
    assert events[0] == SubmitResult(sequence, 0, "id")
    assert isinstance(events[1], SessionEnd)
    assert [(pdu.command, pdu.status) for pdu in wire.sent()] == [
        (Command.GENERIC_NACK, CommandStatus.RINVCMDLEN)
    ]


@pytest.mark.parametrize(
    ("command", "body"), [(Command.DELIVER_SM, ShortMessage()), (Command.DATA_SM, DataMessage())]
)
def test_what_the_smsc_asks_is_told_and_answered_later(
    command: Command, body: ShortMessage | DataMessage
) -> None:
    wire = Wire()
    (request,) = wire.receive(command, 77, body)
    assert request == DeliverRequest(command, 77, body)
    assert wire.sent() == []
    assert isinstance(request, DeliverRequest)
    wire.session.respond(request, CommandStatus.RX_T_APPN)
    assert wire.sent() == [Pdu(command | RESPONSE, CommandStatus.RX_T_APPN, 77, MessageResponse())]


def test_links_are_confirmed_alerts_taken_and_others_nacked() -> None:
    wire = Wire()
    for command in (Command.ENQUIRE_LINK, Command.ALERT_NOTIFICATION, Command.SUBMIT_SM, Command.OUTBIND):
        shape = {
            Command.SUBMIT_SM: b"\0" * 17,
            Command.ALERT_NOTIFICATION: bytes(6),
            Command.OUTBIND: bytes(2),
        }
        assert wire.session.received(frame(command, 0, 5, shape.get(command, b"")), wire.now) == []
    assert [(pdu.command, pdu.status) for pdu in wire.sent()] == [
        (Command.ENQUIRE_LINK | RESPONSE, 0),
        (Command.GENERIC_NACK, CommandStatus.RINVCMDID),
        (Command.GENERIC_NACK, CommandStatus.RINVCMDID),
    ]


def test_malformed_and_unknown_requests_are_answered_and_passed_over() -> None:
    wire = Wire()
    assert wire.session.received(frame(Command.DELIVER_SM, 0, 5) + frame(0x77, 0, 6), wire.now) == []
    assert [(pdu.command, pdu.status, pdu.sequence) for pdu in wire.sent()] == [
        (Command.DELIVER_SM | RESPONSE, CommandStatus.RINVCMDLEN, 5),
        (Command.GENERIC_NACK, CommandStatus.RINVCMDID, 6),
    ]
    assert wire.session.state is SmppSessionState.BOUND


def test_unknown_answers_are_not_nacked() -> None:
    wire = Wire()
    assert wire.session.received(frame(0x80000077, 0, 6), wire.now) == []
    assert wire.sent() == []


def test_we_say_good_bye() -> None:
    wire = Wire()
    sequence = wire.submit()
    assert wire.session.unbind(wire.now) == []
    (unbind,) = wire.sent()
    assert (unbind.command, wire.session.free) == (Command.UNBIND, 0)
    assert wire.receive(ACCEPTED, sequence, MessageResponse("a")) == [SubmitResult(sequence, 0, "a")]
    assert wire.receive(Command.DELIVER_SM, 5, ShortMessage()) == []
    assert [pdu.status for pdu in wire.sent()] == [CommandStatus.RX_T_APPN]
    assert wire.receive(Command.UNBIND | RESPONSE, unbind.sequence) == [SessionEnd("unbound")]


def test_a_good_bye_does_not_wait_for_ever() -> None:
    wire = Wire()
    sequence = wire.submit()
    wire.session.unbind(wire.now)
    assert wire.wait(GRACE - 0.1) == []
    assert wire.wait(0.2) == [SessionEnd("unbound", (sequence,))]


def test_a_stop_while_binding_ends_it() -> None:
    wire = Wire(bound=False)
    assert wire.session.unbind(wire.now) == [SessionEnd("stopped while binding")]


def test_the_smsc_says_good_bye() -> None:
    wire = Wire()
    assert wire.receive(Command.UNBIND, 9) == [SessionEnd("the SMSC unbound")]
    assert wire.sent() == [Pdu(Command.UNBIND | RESPONSE, 0, 9)]


def test_answers_may_follow_the_smscs_good_bye() -> None:
    wire = Wire()
    first, second = wire.submit(), wire.submit()
    assert wire.receive(Command.UNBIND, 9) == []
    assert wire.session.free == 0
    assert wire.receive(ACCEPTED, first, MessageResponse("a")) == [SubmitResult(first, 0, "a")]
    assert wire.wait(GRACE) == [SessionEnd("unbound", (second,))]


def test_a_broken_connection_tells_what_is_unknown() -> None:
    wire = Wire()
    sequence = wire.submit()
    assert wire.session.lost("reset") == [SessionEnd("reset", (sequence,))]
    assert wire.session.lost("reset") == []
    assert wire.session.expire(wire.now + 1000) == []
    request = DeliverRequest(Command.DELIVER_SM, 1, ShortMessage())
    wire.session.respond(request, 0)
    assert wire.sent() == []


def test_what_follows_the_end_is_not_heard() -> None:
    wire = Wire()
    data = frame(Command.UNBIND, 0, 9) + frame(Command.ENQUIRE_LINK, 0, 10)
    assert wire.session.received(data, wire.now) == [SessionEnd("the SMSC unbound")]
    assert [pdu.command for pdu in wire.sent()] == [Command.UNBIND | RESPONSE]


def test_an_unbind_before_the_bind_is_answered_ends_it() -> None:
    wire = Wire(bound=False)
    assert wire.receive(Command.UNBIND, 9) == [SessionEnd("the SMSC unbound")]


def test_an_unbind_response_that_nobody_requested_is_skipped() -> None:
    wire = Wire()
    assert wire.receive(Command.UNBIND | RESPONSE, 9) == []
    assert wire.session.state is SmppSessionState.BOUND


def test_a_pdu_may_come_in_pieces() -> None:
    wire = Wire()
    whole = frame(Command.ENQUIRE_LINK, 0, 9)
    for end in range(4, len(whole) + 4, 4):
        assert wire.session.received(whole[end - 4 : end], wire.now) == []
    assert [pdu.command for pdu in wire.sent()] == [Command.ENQUIRE_LINK | RESPONSE]


def test_nothing_is_due_on_a_busy_connection() -> None:
    wire = Wire()
    assert wire.session.expire(wire.now + 1) == []
    assert wire.sent() == []


def test_a_second_unbind_sends_nothing() -> None:
    wire = Wire()
    wire.submit()
    assert wire.session.unbind(wire.now) == []
    assert [pdu.command for pdu in wire.sent()] == [Command.UNBIND]
    assert wire.session.unbind(wire.now) == []
    assert wire.sent() == []
