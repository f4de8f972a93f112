"""The SMPP carrier against npm ``smpp`` as the SMSC, which behaves, misbehaves and speaks dialects."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contract import require_node
from trunkline.transports.base import (
    Acceptance,
    Deferral,
    Encoding,
    ReceiptState,
    Rejection,
    SenderKind,
    UnknownOutcome,
)
from trunkline.transports.smpp.carrier import SmppCarrier
from unit.transports.smpp.routes import Recorder, running, submission, turns

PROGRAM = Path(__file__).with_name("smsc.cjs")
SECONDS = 30
TRANSCEIVER, TRANSMITTER, RECEIVER = "bind_transceiver", "bind_transmitter", "bind_receiver"


class Peer:
    """The SMSC's process. ``seen`` is everything that it reported, by event."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.seen: dict[str, list[dict[str, Any]]] = {}

    async def until(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until it reported an event so many times."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SECONDS):
            while len(self.seen.get(event, [])) < count:
                line = await self._process.stdout.readline()
                assert line, "the SMSC ended"
                report = json.loads(line)
                self.seen.setdefault(report["event"], []).append(report)
        return self.seen[event]

    def do(self, what: str, **more: Any) -> None:
        """Send it a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **more}).encode() + b"\n")


@asynccontextmanager
async def peer(**options: Any) -> AsyncIterator[Peer]:
    """Yield an SMSC with these options."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(PROGRAM),
        str(require_node()),
        json.dumps(options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Peer(process)
    finally:
        await process.communicate(b"")


Scenario = Callable[[SmppCarrier, Recorder, Peer], Coroutine[Any, Any, None]]


def play(
    scenario: Scenario, smsc: dict[str, Any] | None = None, *, ready: bool = True, **options: Any
) -> None:
    """Run a scenario with a carrier that is bound, unless it is not to be waited for."""

    async def run() -> None:
        async with peer(**smsc or {}) as sim:
            port = (await sim.until("listening"))[0]["port"]
            async with running(port, **options) as (carrier, recorder):
                if ready:
                    await turns(lambda: carrier.ready)
                await scenario(carrier, recorder, sim)

    # The loop that servers run on; the unit tests run on the other one.
    uvloop.run(run())


def test_a_message_and_its_receipt() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        assert await carrier.submit(submission("Hi € |^{}[]~\\ @£ÄÖ")) == Acceptance(("1",))
        (submitted,) = await sim.until("submit")
        assert (submitted["source"], submitted["destination"]) == (
            [1, 1, "15005550006"],
            [1, 1, "15005550100"],
        )
        assert (submitted["coding"], submitted["esm"], submitted["registered"], submitted["validity"]) == (
            0,
            0,
            1,
            "",
        )
        assert submitted["text"] == "Hi € |^{}[]~\\ @£ÄÖ"
        assert (await sim.until("receipted"))[0]["status"] == 0
        (receipt,) = recorder.receipts
        assert (receipt.id, receipt.state, receipt.done_date) == ("1", ReceiptState.DELIVERED, "2611210700")
        assert (await sim.until("bind"))[0]["version"] == 0x34

    play(scenario, {"receipts": ["DELIVRD"]})


@pytest.mark.parametrize(
    ("parts", "encoding"),
    [(("a" * 153, "b" * 153, "€"), Encoding.GSM7), (("я" * 67, "😀" * 33), Encoding.UCS2)],
)
def test_long_messages_are_read_by_the_peer(parts: tuple[str, ...], encoding: Encoding) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        outcome = await carrier.submit(submission(*parts, encoding=encoding, reference=9))
        assert outcome == Acceptance(tuple(str(number) for number in range(1, len(parts) + 1)))
        submitted = await sim.until("submit", len(parts))
        assert [one["text"] for one in submitted] == list(parts)
        assert [one["udh"] for one in submitted] == [
            [f"000309{len(parts):02x}{number:02x}"] for number in range(1, len(parts) + 1)
        ]
        await recorder.until(lambda: len(recorder.receipts) == len(parts))

    play(scenario, {"receipts": ["DELIVRD"]})


def test_the_other_ways_to_send_long_messages() -> None:
    async def sar(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        await carrier.submit(submission("a" * 153, "b", reference=9))
        assert [one["sar"] for one in await sim.until("submit", 2)] == [[9, 2, 1], [9, 2, 2]]

    async def payload(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        assert await carrier.submit(submission("a" * 153, "€")) == Acceptance(("1",))
        assert (await sim.until("submit"))[0]["payload"] == "a" * 153 + "€"

    play(sar, concatenation="sar")
    play(payload, concatenation="payload")


def test_validity_and_senders() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        for kind, sender in ((SenderKind.SHORT_CODE, "12345"), (SenderKind.ALPHANUMERIC, "ACME")):
            await carrier.submit(submission("ü", sender=sender, sender_kind=kind, valid_for=36_000.0))
        submitted = await sim.until("submit", 2)
        assert [one["source"] for one in submitted] == [[3, 0, "12345"], [5, 0, "ACME"]]
        assert {(one["coding"], one["text"]) for one in submitted} == {(3, "ü")}
        assert {one["validity"] for one in submitted} != {""}

    play(scenario, send_validity=True, text_coding="latin1")


def test_throttling_loses_and_doubles_nothing() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        texts = [f"{number:03}" for number in range(60)]
        outcomes = await asyncio.gather(*(carrier.submit(submission(text)) for text in texts))
        assert sorted(int(one.ids[0]) for one in outcomes if isinstance(one, Acceptance)) == list(
            range(1, 61)
        )
        submitted = [one["text"] for one in await sim.until("submit", 80)]
        assert sorted(submitted[20:]) == texts

    play(scenario, {"throttle": 20}, rate=10_000)


def test_a_full_queue_is_tried_later() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        outcome = await carrier.submit(submission())
        assert isinstance(outcome, Deferral)
        assert (outcome.after, outcome.error_code) == (5.0, 30017)

    play(scenario, {"status": 0x14})


def test_a_refused_recipient() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        outcome = await carrier.submit(submission("a", "b"))
        assert isinstance(outcome, Rejection)
        assert outcome.error_code == 30005

    play(scenario, {"status": 0x0B})


def test_a_silent_smsc() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        assert await carrier.submit(submission()) == UnknownOutcome("a request had no response")
        await sim.until("bind", 2)

    play(scenario, {"silent": True}, response_timeout=0.2)


def test_a_reset_between_submit_and_answer() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        assert await carrier.submit(submission("one")) == Acceptance(("1",))
        outcome = await carrier.submit(submission("two"))
        assert isinstance(outcome, UnknownOutcome)
        await sim.until("bind", 2)
        await turns(lambda: carrier.ready)
        assert await carrier.submit(submission("two")) == Acceptance(("3",))

    play(scenario, {"resetAt": 2})


def test_an_unbind_by_the_smsc() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        sim.do("unbind")
        await sim.until("unbound")
        await sim.until("bind", 2)
        await turns(lambda: carrier.ready)
        assert isinstance(await carrier.submit(submission()), Acceptance)

    play(scenario)


def test_receipts_before_the_answer_and_twice() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        assert await carrier.submit(submission()) == Acceptance(("1",))
        await sim.until("receipted", 2)
        assert [receipt.id for receipt in recorder.receipts] == ["1", "1"]

    play(scenario, {"early": True, "receipts": ["DELIVRD", "DELIVRD"]})


def test_garbage_receipts_are_acknowledged_and_reported() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        await carrier.submit(submission())
        receipts = await sim.until("receipted", 5)
        assert {one["status"] for one in receipts} == {0}
        assert [(receipt.id, receipt.state) for receipt in recorder.receipts] == [
            ("1", ReceiptState.DELIVERED)
        ]

        assert len(recorder.problems) == len(garbage)

    garbage = ["garbage", "stat:DELIVRD", "id: stat:DELIVRD", "\x01\x02"]
    play(scenario, {"garbage": garbage, "receipts": ["DELIVRD"]})


def test_half_the_parts_are_reported() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        outcome = await carrier.submit(submission("a", "b", "c", "d"))
        assert outcome == Acceptance(("1", "2", "3", "4"))
        await recorder.until(lambda: len(recorder.receipts) == 2)
        assert [receipt.id for receipt in recorder.receipts] == ["2", "4"]

    play(scenario, {"halfOf": True, "receipts": ["DELIVRD"]})


def test_hexadecimal_ids_find_their_decimal_receipts() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        outcomes = await asyncio.gather(*(carrier.submit(submission()) for _ in range(30)))
        await recorder.until(lambda: len(recorder.receipts) == 30)
        ids = [one.ids[0] for one in outcomes if isinstance(one, Acceptance)]
        assert ids == [receipt.id for receipt in recorder.receipts]
        assert ids[25] == "26"

    play(scenario, {"hex": True, "receipts": ["DELIVRD"]}, id_base="response_hex")


@pytest.mark.parametrize("window", [1, 10])
def test_the_window_is_honoured(window: int) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        await asyncio.gather(*(carrier.submit(submission(str(number))) for number in range(40)))
        submitted = await sim.until("submit", 40)
        # The peer answers only when the window is full: it was never wider, and never narrower.
        assert submitted[-1]["most"] == window

    play(scenario, {"hold": window}, window=window)


def test_a_wrong_password() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        await sim.until("bind", 2)
        await turns(lambda: carrier.shown()["alarm"])
        assert "ESME_RINVPASWD" in carrier.shown()["alarm"]
        assert isinstance(await carrier.submit(submission()), Deferral)

    play(scenario, ready=False, password="wrong")


def test_without_transceivers_a_pair_is_bound() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        binds = await sim.until("bind", 3)
        assert [one["command"] for one in binds] == [TRANSCEIVER, TRANSMITTER, RECEIVER]
        assert await carrier.submit(submission()) == Acceptance(("1",))

    play(scenario, {"refuse": {TRANSCEIVER: 0x03}})


def test_the_link_is_asked_about() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        await sim.until("enquire_link", 2)
        assert "closed" not in sim.seen

    play(scenario, enquire_link=0.05)


@pytest.mark.parametrize("length", ["0000000f", "00011171"])
def test_a_length_that_lies_ends_the_session(length: str) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        sim.do("raw", hex=length + "00" * 12)
        await sim.until("closed")
        await sim.until("bind", 2)

    play(scenario)


def test_pdus_that_come_octet_by_octet() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        for octet in bytes.fromhex("00000010000000150000000000000007" * 3):
            sim.do("raw", hex=f"{octet:02x}")
        sim.do("deliver", pdu={"source_addr": "1", "destination_addr": "2", "text": "behind"})
        await sim.until("delivered")
        assert [inbound.text for inbound in recorder.inbounds] == ["behind"]
        assert "closed" not in sim.seen

    play(scenario)


def inbound_part(number: int) -> dict[str, Any]:
    udh = f"05000307{3:02x}{number:02x}"
    return {
        "source_addr": "15005550100",
        "source_addr_ton": 1,
        "destination_addr": "15005550006",
        "dest_addr_ton": 1,
        "esm_class": 0x40,
        "data_coding": 8,
        "udh": udh,
        "text": f"часть {number}. ",
    }


def test_inbound_parts_are_one_message() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        for number in (2, 3, 1):
            sim.do("deliver", pdu=inbound_part(number))
        assert {one["status"] for one in await sim.until("delivered", 3)} == {0}
        (inbound,) = recorder.inbounds
        assert (inbound.sender, inbound.recipient) == ("+15005550100", "+15005550006")
        assert (inbound.text, inbound.segments, inbound.missing) == ("часть 1. часть 2. часть 3. ", 3, False)

    play(scenario)


def test_an_inbound_payload_and_a_part_that_stays_alone() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        sim.do("data", pdu={"source_addr": "1", "destination_addr": "2", "text": "z" * 300})
        sim.do("deliver", pdu=inbound_part(2))
        await sim.until("delivered", 2)
        await recorder.until(lambda: len(recorder.inbounds) == 2)
        assert recorder.inbounds[0].text == "z" * 300
        assert (recorder.inbounds[1].text, recorder.inbounds[1].missing) == ("часть 2. ", True)

    play(scenario, parts_timeout=0.1)


def test_what_could_not_be_kept_is_refused_for_now() -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        recorder.failures = 1
        for _ in range(2):
            sim.do("deliver", pdu={"source_addr": "1", "destination_addr": "2", "text": "hi"})
        assert [one["status"] for one in await sim.until("delivered", 2)] == [0x64, 0]

    play(scenario)


def certificate(folder: Path) -> tuple[Path, str, str]:
    """Return a certificate of its own for 127.0.0.1: its file, its text and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an SMSC of a test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("smsc.test")]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    file = folder / "ca.pem"
    file.write_text(pem)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return file, pem, private.decode()


@pytest.mark.parametrize("server_name", ["", "smsc.test"])
def test_tls(tmp_path: Path, server_name: str) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        assert await carrier.submit(submission()) == Acceptance(("1",))
        await recorder.until(lambda: len(recorder.receipts) == 1)

    ca_file, cert, key = certificate(tmp_path)
    smsc = {"key": key, "cert": cert, "receipts": ["DELIVRD"]}
    play(scenario, smsc, tls=True, ca_file=str(ca_file), server_name=server_name)


@pytest.mark.parametrize("options", [{}, {"ca_file": "ca.pem", "server_name": "another.test"}])
def test_tls_with_a_certificate_that_is_not_trusted(tmp_path: Path, options: dict[str, str]) -> None:
    async def scenario(carrier: SmppCarrier, recorder: Recorder, sim: Peer) -> None:
        await turns(lambda: "CERTIFICATE_VERIFY_FAILED" in carrier.shown()["binds"][0]["failure"])
        assert not carrier.ready
        assert "bind" not in sim.seen

    ca_file, cert, key = certificate(tmp_path)
    if options:
        options = {**options, "ca_file": str(ca_file)}
    play(scenario, {"key": key, "cert": cert}, ready=False, tls=True, **options)
