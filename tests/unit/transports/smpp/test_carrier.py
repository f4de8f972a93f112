"""The carrier over real sockets, against an SMSC that behaves and misbehaves as each test requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from smsc import Reply, Smsc, Submit, delivers_all, mobile, receipt, takes_all
from trunkline.core.clock import system_clock
from trunkline.transports.base import Acceptance, Deferral, Outcome, ReceiptState, Rejection, UnknownOutcome
from trunkline.transports.smpp.carrier import SmppCarrier
from trunkline.transports.smpp.commands import Command, CommandStatus, Tag
from trunkline.transports.smpp.pdu_bodies import DataMessage, EmptyBody
from unit.transports.smpp.routes import Recorder, route, running, submission, turns

TRANSCEIVER, TRANSMITTER, RECEIVER = (
    Command.BIND_TRANSCEIVER,
    Command.BIND_TRANSMITTER,
    Command.BIND_RECEIVER,
)
Scenario = Callable[[SmppCarrier, Recorder, Smsc], Coroutine[Any, Any, None]]


def play(scenario: Scenario, smsc: Smsc | None = None, *, ready: bool = True, **options: Any) -> Smsc:
    """Run a scenario with a carrier that is bound, unless it is not to be waited for."""

    async def run(smsc: Smsc) -> None:
        async with smsc, running(smsc.port, **options) as (carrier, recorder):
            if ready:
                await turns(lambda: carrier.ready)
            await scenario(carrier, recorder, smsc)

    smsc = smsc or Smsc()
    asyncio.run(run(smsc))
    return smsc


def submitting(
    *messages: tuple[str, ...], respond: Callable[[Submit], Reply | None], **options: Any
) -> list[Outcome]:
    """Return the outcomes of messages that are handed over at once."""
    outcomes: list[Outcome] = []

    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        handed = [submission(*parts, message_sid=f"SM{at}") for at, parts in enumerate(messages)]
        outcomes.extend(await asyncio.gather(*map(carrier.submit, handed)))

    play(scenario, Smsc(respond=respond), **options)
    return outcomes


def first_refused(count: int, status: int) -> Callable[[Submit], Reply]:
    return lambda submit: Reply(status) if submit.count <= count else takes_all(submit)


def test_messages_are_taken_in_their_order() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        texts = [f"message {number}" for number in range(200)]
        outcomes = await asyncio.gather(*(carrier.submit(submission(text)) for text in texts))
        assert outcomes == [Acceptance((str(number),)) for number in range(1, 201)]
        assert [submit.text for submit in smsc.submits] == texts

    play(scenario)


def test_every_part_has_its_id() -> None:
    assert submitting(("a" * 153, "b"), ("c",), respond=takes_all) == [
        Acceptance(("1", "2")),
        Acceptance(("3",)),
    ]


def test_only_parts_that_were_not_taken_are_sent() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        message = submission("a", "b", "c", accepted_ids=("x", "", "z"))
        assert await carrier.submit(message) == Acceptance(("x", "1", "z"))
        assert [submit.text for submit in smsc.submits] == ["b"]
        everything = submission("a", accepted_ids=("x",))
        assert await carrier.submit(everything) == Acceptance(("x",))
        assert smsc.count == 1

    play(scenario)


def test_without_receipts_being_taken_is_the_end() -> None:
    assert submitting(("a",), respond=takes_all, receipts="none") == [Acceptance(("1",), final=True)]


def test_a_network_that_tells_no_id_still_took_it() -> None:
    (outcome,) = submitting(("a", "b"), respond=lambda submit: Reply())
    assert outcome == Acceptance(("SM0.0", "SM0.1"))


@pytest.mark.parametrize(("base", "id"), [("as_is", "00AB"), ("response_hex", "AB")])
def test_ids_come_in_the_routes_form(base: str, id: str) -> None:
    (outcome,) = submitting(("a",), respond=lambda submit: Reply(message_id=id), id_base=base)
    assert outcome == Acceptance(("ab" if base == "as_is" else "171",))


@pytest.mark.parametrize("window", [1, 10])
def test_the_window_is_kept(window: int) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        held: list[Submit] = []
        smsc.respond = held.append  # type: ignore[assignment]
        handed = [asyncio.create_task(carrier.submit(submission(str(number)))) for number in range(30)]
        while len(smsc.submits) < 30:
            await smsc.until(lambda: len(held) == min(window, 30 - len(smsc.submits) + len(held)))
            for submit in held:
                submit.connection.reply(submit, Reply(message_id="1"))
            held.clear()
            smsc.peers[0].flush()
        for submit in held:
            submit.connection.reply(submit, Reply(message_id="1"))
        smsc.peers[0].flush()
        await asyncio.gather(*handed)
        assert smsc.most_unanswered == window

    play(scenario, window=window)


def test_the_rate_is_kept() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        clock = asyncio.get_running_loop().time
        begun = clock()
        await asyncio.gather(*(carrier.submit(submission("a", "b")) for _ in range(3)))
        assert clock() - begun >= 5 / 40

    play(scenario, rate=40)


def test_what_is_throttled_is_sent_again_in_order() -> None:
    texts = [(f"{number:02}",) for number in range(40)]
    seen: list[str] = []

    def respond(submit: Submit) -> Reply:
        if submit.count <= 20:
            return Reply(CommandStatus.RTHROTTLED)
        seen.append(submit.text)
        return takes_all(submit)

    outcomes = submitting(
        *texts, respond=respond, window=1, rate=100_000, throttle_first=0.001, throttle_most=0.001
    )
    assert outcomes == [Acceptance((str(number),)) for number in range(21, 61)]
    assert seen == [text for (text,) in texts]


def test_throttling_pauses_the_bind_and_halves_its_rate() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        handed = asyncio.create_task(carrier.submit(submission()))
        await turns(lambda: carrier.shown()["binds"][0]["throttled_to"])
        assert not carrier.ready
        assert carrier.shown()["binds"][0]["throttled_to"] == 50
        assert await handed == Acceptance(("2",))

    play(
        scenario,
        Smsc(respond=first_refused(1, CommandStatus.RTHROTTLED)),
        rate=100,
        throttle_first=0.05,
        throttle_most=1,
    )


def test_a_message_that_waits_for_too_long_is_handed_back() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        outcomes = await asyncio.gather(
            carrier.submit(submission("a", valid_for=0.02)), carrier.submit(submission("b", valid_for=60.0))
        )
        assert outcomes[0] == Deferral(1.0, "it waited too long for its turn", counts=False)
        assert isinstance(outcomes[1], Acceptance)

    slow = {"throttle_first": 0.1, "throttle_most": 0.1}
    play(scenario, Smsc(respond=first_refused(2, CommandStatus.RTHROTTLED)), **slow)


@pytest.mark.parametrize(
    ("status", "error_code"),
    [(CommandStatus.RMSGQFUL, 30017), (CommandStatus.RSYSERR, 30008), (CommandStatus.RX_T_APPN, 30008)],
)
def test_a_busy_network_is_tried_later_and_ever_later(status: CommandStatus, error_code: int) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        for tries, after in enumerate((5.0, 30.0, 60.0, 60.0)):
            outcome = await carrier.submit(submission(tries=tries))
            assert isinstance(outcome, Deferral)
            assert (outcome.after, outcome.error_code, outcome.counts) == (after, error_code, True)

    play(scenario, Smsc(respond=lambda submit: Reply(status)))


def test_a_refused_part_fails_the_message_and_tells_what_was_taken() -> None:
    def respond(submit: Submit) -> Reply:
        return Reply(CommandStatus.RINVDSTADR) if submit.text == "b" else takes_all(submit)

    (outcome,) = submitting(("a", "b", "c"), respond=respond, window=1)
    assert outcome == Rejection(30005, "the SMSC responds with ESME_RINVDSTADR (0x0B)", ids=("1",))


def test_the_operators_table_decides() -> None:
    (outcome,) = submitting(("a",), respond=lambda submit: Reply(0x411), errors={"0x411": 30007})
    assert outcome == Rejection(30007, "the SMSC responds with status 0x411")


def test_what_the_smsc_cannot_read_raises_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    (outcome,) = submitting(("a",), respond=lambda submit: Reply(CommandStatus.RINVESMCLASS))
    assert isinstance(outcome, Rejection)
    assert any(record.levelno == logging.ERROR for record in caplog.records)


def test_what_cannot_be_written_is_refused() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        outcome = await carrier.submit(submission(recipient="+" + "1" * 40))
        assert isinstance(outcome, Rejection)
        assert smsc.count == 0

    play(scenario)


@pytest.mark.parametrize("policy", ["resend", "fail"])
def test_a_reset_before_the_answer_leaves_it_unknown(policy: str) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        held: list[Submit] = []
        smsc.respond = held.append  # type: ignore[assignment]
        handed = asyncio.gather(*(carrier.submit(submission(str(number), "b")) for number in range(3)))
        await smsc.submitted(1)
        smsc.drop()
        first, second, third = await handed
        assert isinstance(first, UnknownOutcome)
        assert first.resend is (policy == "resend") is carrier.resends_unknown
        assert {type(one) for one in (second, third)} <= {UnknownOutcome, Deferral}
        smsc.respond = takes_all
        await turns(lambda: carrier.ready)
        assert isinstance(await carrier.submit(submission()), Acceptance)

    play(scenario, unknown=policy)


def test_what_waits_when_the_link_is_lost_is_handed_back() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        smsc.respond = lambda submit: None
        handed = asyncio.gather(*(carrier.submit(submission(str(number))) for number in range(3)))
        await smsc.submitted(1)
        smsc.responds_to_binds = False
        smsc.drop()
        first, *others = await handed
        assert isinstance(first, UnknownOutcome)
        assert [(type(one), getattr(one, "counts", None)) for one in others] == [(Deferral, False)] * 2

    play(scenario, window=1)


def test_a_silent_smsc_leaves_it_unknown_and_is_bound_to_anew() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        smsc.respond = lambda submit: None
        outcome = await carrier.submit(submission())
        assert outcome == UnknownOutcome("a request had no response")
        await smsc.until(lambda: len(smsc.attempts) == 2)

    play(scenario, response_timeout=0.02)


def test_an_answer_that_comes_twice_does_no_harm() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        def twice(submit: Submit) -> Reply:
            submit.connection.reply(submit, Reply(message_id="1"))
            return Reply(message_id="2")

        smsc.respond = twice
        assert await carrier.submit(submission()) == Acceptance(("1",))
        assert await carrier.submit(submission()) == Acceptance(("1",))
        assert len(smsc.attempts) == 1

    play(scenario)


def test_a_broken_session_is_bound_anew() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        outcomes = await asyncio.gather(carrier.submit(submission("a")), carrier.submit(submission("b")))
        assert isinstance(outcomes[0], Deferral)
        assert not outcomes[0].counts
        assert isinstance(outcomes[1], Acceptance)
        await turns(lambda: carrier.ready and len(smsc.attempts) == 2)
        assert smsc.unbinds == 1

    play(scenario, Smsc(respond=first_refused(1, CommandStatus.RINVBNDSTS)))


def test_the_smscs_unbind_is_answered_and_bound_anew() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        assert await smsc.receiver.request(Command.UNBIND, EmptyBody()) == 0
        await smsc.until(lambda: len(smsc.attempts) == 2)
        await turns(lambda: carrier.ready)

    play(scenario)


def test_a_lost_connection_is_made_again() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        for attempts in (2, 3):
            smsc.drop()
            await smsc.until(lambda attempts=attempts: len(smsc.attempts) == attempts)  # type: ignore[misc]
            await turns(lambda: carrier.ready)

    play(scenario)


def test_before_it_is_bound_messages_are_handed_back() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        assert not carrier.ready
        outcome = await carrier.submit(submission(accepted_ids=("x",)))
        assert outcome == Deferral(1.0, "the carrier is not bound", ids=("x",), counts=False)

    play(scenario, Smsc(responds_to_binds=False), ready=False)


def test_an_smsc_that_does_not_answer_the_bind_is_tried_again_and_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        await smsc.until(lambda: len(smsc.attempts) == 5)
        assert carrier.shown()["binds"][0]["failure"] == "the bind had no response"
        smsc.responds_to_binds = True
        await turns(lambda: carrier.ready)
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("WARNING", "main/1: the bind had no response"),
            ("WARNING", "main/1: bound again"),
        ]

    play(scenario, Smsc(responds_to_binds=False), ready=False, link_timeout=0.02)


def test_an_smsc_that_is_not_there_is_tried_again() -> None:
    async def scenario() -> None:
        smsc = Smsc()
        async with smsc:
            pass
        async with running(smsc.port) as (carrier, _):
            await turns(lambda: carrier.shown()["binds"][0]["failure"])
            await smsc.start()
            await turns(lambda: carrier.ready)
            await smsc.stop()

    asyncio.run(scenario())


def test_wrong_credentials_raise_an_alarm_and_are_tried_at_the_slowest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        clock = asyncio.get_running_loop().time
        await smsc.until(lambda: len(smsc.attempts) == 1)
        begun = clock()
        await turns(lambda: carrier.shown()["alarm"])
        assert carrier.shown()["alarm"] == "the SMSC refuses the bind: ESME_RINVPASWD (0x0E)"
        assert "check system_id, password and system_type" in caplog.text
        await recorder.until(lambda: bool(recorder.problems))
        assert "ESME_RINVPASWD (0x0E); check system_id, password" in recorder.problems[0].text
        assert "wrong" not in caplog.text + str(carrier.shown())
        await smsc.until(lambda: len(smsc.attempts) == 2)
        assert clock() - begun >= 0.05
        smsc.password = "wrong"
        await turns(lambda: carrier.ready)
        assert carrier.shown()["alarm"] == ""

    play(scenario, ready=False, password="wrong", reconnect_most=0.12)


@pytest.mark.parametrize("status", [CommandStatus.RINVSYSID, CommandStatus.RINVSYSTYP])
def test_other_faults_of_the_options_raise_an_alarm(status: CommandStatus) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        await recorder.until(lambda: bool(recorder.problems))
        assert carrier.shown()["alarm"]

    play(scenario, Smsc(refuses={TRANSCEIVER: status}), ready=False, bind="transceiver")


@pytest.mark.parametrize(
    "status",
    [
        CommandStatus.RBINDFAIL,
        CommandStatus.RSYSERR,
        CommandStatus.RMSGQFUL,
        CommandStatus.RTHROTTLED,
        CommandStatus.RALYBND,
        0x0412,
    ],
)
def test_a_refusal_that_may_pass_is_tried_again_soon(status: int) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        await smsc.until(lambda: len(smsc.attempts) == 3)
        smsc.refuses.clear()
        await turns(lambda: carrier.ready)
        assert carrier.shown()["alarm"] == ""
        assert recorder.problems == []

    # At the slowest the next try would come after the test.
    play(scenario, Smsc(refuses={TRANSCEIVER: status}), ready=False, bind="transceiver", reconnect_most=3_600)


def test_a_problem_that_cannot_be_reported_does_not_end_the_binds(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        recorder.failures = 1
        await smsc.until(lambda: len(smsc.attempts) == 3)
        assert "a problem could not be reported" in caplog.text

    play(scenario, Smsc(refuses={TRANSCEIVER: CommandStatus.RINVSYSID}), ready=False, bind="transceiver")


@pytest.mark.parametrize("status", [CommandStatus.RINVCMDID, CommandStatus.RBINDFAIL])
def test_without_transceivers_a_pair_is_bound(status: CommandStatus) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        assert [command for command, _ in smsc.attempts] == [TRANSCEIVER, TRANSMITTER, RECEIVER]
        assert await carrier.submit(submission()) == Acceptance(("1",))
        assert smsc.submits[0].connection.command == TRANSMITTER
        await recorder.until(lambda: len(recorder.receipts) == 1)
        smsc.receiver.transport.abort()
        await smsc.until(lambda: len(smsc.attempts) == 5)
        assert [command for command, _ in smsc.attempts[3:]] == [TRANSMITTER, RECEIVER]

    play(scenario, Smsc(refuses={TRANSCEIVER: status}, respond=delivers_all))


def test_a_pair_may_be_asked_for() -> None:
    smsc = play(_nothing, bind="pair")
    assert [command for command, _ in smsc.attempts] == [TRANSMITTER, RECEIVER]
    assert smsc.unbinds == 2


def test_a_refused_receiver_closes_its_transmitter() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        await smsc.until(lambda: len(smsc.attempts) == 4)
        assert not carrier.ready
        await smsc.until(lambda: not smsc.peers)

    play(scenario, Smsc(refuses={RECEIVER: CommandStatus.RALYBND}), bind="pair", ready=False)


def test_a_transceiver_may_be_insisted_on() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        await smsc.until(lambda: len(smsc.attempts) == 3)
        assert {command for command, _ in smsc.attempts} == {TRANSCEIVER}

    play(scenario, Smsc(refuses={TRANSCEIVER: CommandStatus.RINVCMDID}), bind="transceiver", ready=False)


def test_the_bind_says_who_we_are() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        bind = smsc.peers[0].bind
        assert (bind.system_type, bind.interface_version) == ("VMA", 0x34)
        assert (bind.addr_ton, bind.addr_npi, bind.address_range) == (1, 2, "^1500")

    play(scenario, system_type="VMA", address_ton=1, address_npi=2, address_range="^1500")


def test_several_binds_share_the_work_and_keep_conversations_together() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        await turns(lambda: all(bind["bound"] for bind in carrier.shown()["binds"]))
        phones = [f"+1500555{number:04}" for number in range(40)]
        await asyncio.gather(*(carrier.submit(submission(recipient=phone)) for phone in phones * 2))
        used = {submit.body.destination: set[int]() for submit in smsc.submits}
        for submit in smsc.submits:
            used[submit.body.destination].add(id(submit.connection))
        assert all(len(connections) == 1 for connections in used.values())
        assert len(set.union(*used.values())) == 3

    play(scenario, binds=3)


def test_a_silent_link_is_asked_about() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        await smsc.until(lambda: smsc.peers[0].enquiries == 2)
        smsc.responds_to_enquiries = False
        await smsc.until(lambda: len(smsc.attempts) == 2)

    play(scenario, enquire_link=0.02, link_timeout=0.05)


def test_a_receipt_may_come_before_the_answer_twice_and_late() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        held: list[Submit] = []
        smsc.respond = held.append  # type: ignore[assignment]
        handed = asyncio.create_task(carrier.submit(submission()))
        await smsc.submitted(1)
        for _ in range(2):
            assert await smsc.deliver(receipt(held[0], "0A1", "DELIVRD")) == CommandStatus.ROK
        held[0].connection.reply(held[0], Reply(message_id="a1"))
        held[0].connection.flush()
        outcome = await handed
        assert await smsc.deliver(receipt(held[0], "A1", "UNDELIV", "001")) == CommandStatus.ROK
        assert isinstance(outcome, Acceptance)
        assert [one.id for one in recorder.receipts] == ["a1"] * 3 == list(outcome.ids) * 3
        assert recorder.receipts[-1].state is ReceiptState.UNDELIVERED
        assert recorder.receipts[-1].error_code == 30005

    play(scenario)


def test_what_could_not_be_kept_is_sent_again_by_the_smsc() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        recorder.failures = 1
        message = mobile("15005550100", "15005550006", "Hallo")
        assert await smsc.deliver(message) == CommandStatus.RX_T_APPN
        assert await smsc.deliver(message) == CommandStatus.ROK
        (inbound,) = recorder.inbounds
        assert (inbound.sender, inbound.recipient, inbound.text) == ("+15005550100", "+15005550006", "Hallo")

    play(scenario)


def test_an_inbound_message_is_acknowledged_when_it_is_kept() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        recorder.gate = asyncio.Event()
        answered = asyncio.ensure_future(smsc.deliver(mobile("1", "2", "Hallo")))
        await recorder.until(lambda: recorder.calls == 1)
        # What else is on the connection goes on meanwhile.
        assert await carrier.submit(submission()) == Acceptance(("1",))
        assert not answered.done()
        recorder.gate.set()
        assert await answered == CommandStatus.ROK

    play(scenario)


def test_a_flood_of_inbound_messages_is_held_up() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        recorder.gate = asyncio.Event()
        # Each is longer than what one read brings, so that reading stops in between.
        body = mobile("1", "2", "", parameters={Tag.MESSAGE_PAYLOAD: b"x" * 60_000})
        responses = [asyncio.ensure_future(smsc.deliver(body)) for _ in range(500)]
        await recorder.until(lambda: recorder.calls >= 200)
        # Turns enough to read everything, if it were read.
        for _ in range(3000):
            await asyncio.sleep(0)
        assert 200 <= recorder.calls < 250
        recorder.gate.set()
        assert set(await asyncio.gather(*responses)) == {CommandStatus.ROK}
        assert len(recorder.inbounds) == 500

    play(scenario)


def test_a_data_sm_is_heard_too() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        body = DataMessage(source="1", destination="2", parameters={Tag.MESSAGE_PAYLOAD: b"hi"})
        assert await smsc.deliver(body, Command.DATA_SM) == CommandStatus.ROK
        assert recorder.inbounds[0].text == "hi"

    play(scenario)


def test_parts_that_wait_too_long_are_told_without_the_others() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        octets = b"\5\0\3\7\2\1" + "halb".encode("utf-16-be")
        assert (
            await smsc.deliver(mobile("1", "2", "", short_message=octets, esm_class=0x40))
            == CommandStatus.ROK
        )
        await recorder.until(lambda: bool(recorder.inbounds))
        assert (recorder.inbounds[0].text, recorder.inbounds[0].missing) == ("halb", True)

    play(scenario, parts_timeout=0.05)


def test_a_sweep_that_fails_is_done_again(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        octets = b"\5\0\3\7\2\1" + "halb".encode("utf-16-be")
        await smsc.deliver(mobile("1", "2", "", short_message=octets, esm_class=0x40))
        recorder.failures = 1
        await recorder.until(lambda: bool(recorder.inbounds))
        assert "could not be handed on" in caplog.text

    play(scenario, parts_timeout=0.05)


async def _nothing(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
    """Check that the carrier is bound, and stopped."""


def test_a_stop_says_good_bye() -> None:
    smsc = play(_nothing)
    assert (smsc.unbinds, smsc.peers) == (1, [])


def test_a_stop_hears_the_last_answers_and_hands_back_the_rest() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        held: list[Submit] = []
        smsc.respond = held.append  # type: ignore[assignment]
        handed = asyncio.gather(*(carrier.submit(submission(str(number))) for number in range(3)))
        await smsc.submitted(1)
        stopped = asyncio.create_task(carrier.stop())
        await turns(lambda: not carrier.ready)
        for _ in range(20):
            await asyncio.sleep(0)
        assert smsc.unbinds == 0
        held[0].connection.reply(held[0], Reply(message_id="1"))
        held[0].connection.flush()
        await stopped
        assert await handed == [
            Acceptance(("1",)),
            *[Deferral(1.0, "the carrier stops", counts=False)] * 2,
        ]
        assert smsc.unbinds == 1

    play(scenario, window=1)


def test_what_is_throttled_during_a_stop_is_handed_back() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        held: list[Submit] = []
        smsc.respond = held.append  # type: ignore[assignment]
        handed = asyncio.create_task(carrier.submit(submission()))
        await smsc.submitted(1)
        stopped = asyncio.create_task(carrier.stop())
        await turns(lambda: not carrier.ready)
        held[0].connection.reply(held[0], Reply(CommandStatus.RTHROTTLED))
        held[0].connection.flush()
        await turns(handed.done)
        assert not stopped.done(), "it was handed back before the link is closed"
        assert await handed == Deferral(1.0, "the carrier stops", counts=False)
        await stopped
        assert smsc.count == 1

    play(scenario)


def test_a_stop_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        smsc.respond = lambda submit: None
        handed = asyncio.create_task(carrier.submit(submission()))
        await smsc.submitted(1)
        smsc.receiver.transport.pause_reading()
        await carrier.stop()
        assert await handed == UnknownOutcome("the carrier stops")

    monkeypatch.setattr("trunkline.transports.smpp.connector._RESPONSE_SECONDS", 0.02)
    monkeypatch.setattr("trunkline.transports.smpp.connector._UNBIND_SECONDS", 0.02)
    play(scenario)


def test_a_stop_does_not_wait_for_ever_for_what_is_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        recorder.gate = asyncio.Event()
        answered = asyncio.ensure_future(smsc.deliver(mobile("1", "2", "Hallo")))
        await recorder.until(lambda: recorder.calls == 1)
        await carrier.stop()
        with pytest.raises(asyncio.CancelledError):
            await answered

    monkeypatch.setattr("trunkline.transports.smpp.connector._RESPONSE_SECONDS", 0.02)
    play(scenario)


def test_a_message_that_nobody_waits_for_is_not_sent() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        held: list[Submit] = []
        smsc.respond = held.append  # type: ignore[assignment]
        first = asyncio.create_task(carrier.submit(submission("first")))
        never = asyncio.create_task(carrier.submit(submission("never")))
        await smsc.submitted(1)
        never.cancel()
        await turns(never.done)
        last = asyncio.create_task(carrier.submit(submission("last")))
        smsc.respond = takes_all
        held[0].connection.reply(held[0], Reply(message_id="1"))
        held[0].connection.flush()
        assert await asyncio.gather(first, last) == [Acceptance(("1",)), Acceptance(("2",))]
        assert [submit.text for submit in smsc.submits] == ["first", "last"]
        with pytest.raises(asyncio.CancelledError):
            await never

    play(scenario, window=1)


def test_its_state_is_shown_without_secrets() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, smsc: Smsc) -> None:
        assert carrier.shown() == {
            "name": "main",
            "kind": "smpp",
            "ready": True,
            "address": f"127.0.0.1:{smsc.port}",
            "system_id": "trunkline",
            "alarm": "",
            "binds": [
                {
                    "bound": True,
                    "connections": 1,
                    "waiting": 0,
                    "unanswered": 0,
                    "throttled_to": None,
                    "failure": "",
                }
            ],
        }

    play(scenario)


def test_a_carrier_that_was_not_started_can_be_stopped() -> None:
    carrier = SmppCarrier(route(), clock=system_clock)
    assert (carrier.name, carrier.ready, carrier.carries_media("+15005550100")) == ("main", False, False)
    asyncio.run(carrier.stop())
