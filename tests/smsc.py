"""A small SMSC for tests and benchmarks: it accepts binds, records each submit, and responds as configured.

``async with Smsc() as smsc`` listens on ``smsc.port``. Everything is event-driven: ``await
smsc.submitted(3)``, ``await smsc.bound(1)``. ``smsc.respond`` decides about each submit; ``deliver`` sends a
deliver_sm and returns the status that came back. ``background`` runs one on a thread, for tests that are not
coroutines.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from trunkline.transports.smpp.commands import RECEIPT, RESPONSE, UDHI, Command, CommandStatus
from trunkline.transports.smpp.pdu import Pdu, decode, encode, encode_body, frame
from trunkline.transports.smpp.pdu_bodies import (
    BindRequest,
    BindResponse,
    Body,
    MessageResponse,
    ShortMessage,
)
from trunkline.transports.smpp.stream import Splitter

T = TypeVar("T")

BINDS = (Command.BIND_RECEIVER, Command.BIND_TRANSMITTER, Command.BIND_TRANSCEIVER)
_ACCEPTED = Command.SUBMIT_SM | RESPONSE


@dataclass(frozen=True)
class Submit:
    """A submit_sm: its number, counted from 1, its connection, and its content."""

    count: int
    connection: Peer
    sequence: int
    body: ShortMessage

    @property
    def text(self) -> str:
        """Its content, read as Latin-1, or as UTF-16 by its data_coding; without a header."""
        octets = self.body.short_message
        if self.body.esm_class & UDHI:
            octets = octets[1 + octets[0] :]
        return octets.decode("utf-16-be" if self.body.data_coding == 8 else "latin-1")


@dataclass(frozen=True)
class Reply:
    """An answer to a submit: a refusal, or an id. With ``receipt``, a state such as ``DELIVRD``, one follows it."""

    status: int = CommandStatus.ROK
    message_id: str = ""
    receipt: str = ""


Responder = Callable[[Submit], Reply | None]
"""A function that decides about a submit; None leaves it without a response."""


def takes_all(submit: Submit) -> Reply:
    """Accept every message, under its number."""
    return Reply(message_id=str(submit.count))


def delivers_all(submit: Submit) -> Reply:
    """Accept every message under its number, and report its delivery."""
    return Reply(message_id=str(submit.count), receipt="DELIVRD")


class Peer(asyncio.Protocol):
    """One connection of an ESME."""

    def __init__(self, smsc: Smsc) -> None:
        self._smsc = smsc
        self._splitter = Splitter()
        self._out: list[bytes] = []
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._sequence = 0
        self.command: Command | None = None
        self.bind = BindRequest()
        self.unanswered = 0
        self.enquiries = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register an ESME that connected."""
        self.transport = cast(asyncio.Transport, transport)
        self._smsc.peers.append(self)

    def data_received(self, data: bytes) -> None:
        """Take what came, and write all answers at once."""
        for whole in self._splitter.feed(data):
            self._take(decode(whole))
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove an ESME that is gone."""
        self._smsc.peers.remove(self)
        for waiting in self._waiting.values():
            waiting.cancel()
        self._smsc.changed()

    def send(self, data: bytes) -> None:
        """Send octets with the next flush."""
        self._out.append(data)

    def flush(self) -> None:
        """Write what is queued."""
        if self._out and not self.transport.is_closing():
            self.transport.write(b"".join(self._out))
        self._out = []

    def request(self, command: Command, body: Body) -> asyncio.Future[int]:
        """Send a request; the future is the status of its answer."""
        self._sequence += 1
        answered = self._waiting[self._sequence] = asyncio.get_running_loop().create_future()
        self.send(encode(Pdu(command, 0, self._sequence, body)))
        self.flush()
        return answered

    def reply(self, submit: Submit, reply: Reply) -> None:
        """Respond to a submit."""
        self.unanswered -= 1
        body = encode_body(_ACCEPTED, MessageResponse(reply.message_id)) if reply.status == 0 else b""
        self.send(frame(_ACCEPTED, reply.status, submit.sequence, body))
        if reply.receipt:
            self._smsc.receiver.request(Command.DELIVER_SM, receipt(submit, reply.message_id, reply.receipt))

    def _take(self, pdu: Pdu) -> None:
        match pdu.body:
            case ShortMessage() as body if pdu.command == Command.SUBMIT_SM:
                self._submit(pdu.sequence, body)
            case BindRequest() as bind:
                self._bind(pdu, bind)
            case _ if pdu.command & RESPONSE:
                if waiting := self._waiting.pop(pdu.sequence, None):
                    waiting.set_result(pdu.status)
                self._smsc.changed()
            case _:
                self.enquiries += pdu.command == Command.ENQUIRE_LINK
                if pdu.command != Command.ENQUIRE_LINK or self._smsc.responds_to_enquiries:
                    self.send(frame(pdu.command | RESPONSE, 0, pdu.sequence))
                self._smsc.changed()
                if pdu.command == Command.UNBIND:
                    self._smsc.unbinds += 1
                    self.flush()
                    self.transport.close()

    def _submit(self, sequence: int, body: ShortMessage) -> None:
        smsc = self._smsc
        smsc.count += 1
        submit = Submit(smsc.count, self, sequence, body)
        if smsc.records:
            smsc.submits.append(submit)
        self.unanswered += 1
        smsc.most_unanswered = max(smsc.most_unanswered, self.unanswered)
        if reply := smsc.respond(submit):
            self.reply(submit, reply)
        smsc.changed()

    def _bind(self, pdu: Pdu, bind: BindRequest) -> None:
        smsc = self._smsc
        status = smsc.refuses.get(pdu.command, CommandStatus.ROK)
        if (bind.system_id, bind.password) != (smsc.system_id, smsc.password):
            status = CommandStatus.RINVPASWD
        smsc.attempts.append((Command(pdu.command), status))
        if not smsc.responds_to_binds:
            return smsc.changed()
        if status == CommandStatus.ROK:
            self.command, self.bind = Command(pdu.command), bind
            self.send(encode(Pdu(pdu.command | RESPONSE, 0, pdu.sequence, BindResponse("SMSC"))))
        else:
            self.send(frame(pdu.command | RESPONSE, status, pdu.sequence))
        return smsc.changed()


@dataclass
class Smsc:
    """An SMSC. Its fields may be changed while it runs: ``refuses`` answers a bind command with a status,
    ``submits`` are what arrived while ``records``, ``attempts`` the binds with their answers."""

    system_id: str = "trunkline"
    password: str = "secret"
    respond: Responder = takes_all
    tls: ssl.SSLContext | None = None
    refuses: dict[int, CommandStatus] = field(default_factory=dict)
    responds_to_binds: bool = True
    responds_to_enquiries: bool = True
    records: bool = True
    submits: list[Submit] = field(default_factory=list)
    attempts: list[tuple[Command, CommandStatus]] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    count: int = 0
    unbinds: int = 0
    most_unanswered: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Smsc:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen on loopback; a second start takes the port of the first."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Peer(self), "127.0.0.1", self.port, ssl=self.tls, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
            self.drop()
            await self._server.wait_closed()
            await self.until(lambda: not self.peers)

    def drop(self) -> None:
        """Reset all connections."""
        for peer in self.peers:
            peer.transport.abort()

    @property
    def receiver(self) -> Peer:
        """A connection that deliver_sm may be sent by. Raise LookupError when there is none."""
        for peer in self.peers:
            if peer.command in (Command.BIND_TRANSCEIVER, Command.BIND_RECEIVER):
                return peer
        raise LookupError("no receiver is bound")

    async def deliver(self, body: Body, command: Command = Command.DELIVER_SM) -> int:
        """Send a deliver_sm or data_sm; return the status of its response."""
        return await self.receiver.request(command, body)

    async def submitted(self, count: int) -> list[Submit]:
        """Wait until so many submits came."""
        await self.until(lambda: self.count >= count)
        return self.submits

    async def bound(self, count: int = 1) -> None:
        """Wait until so many connections are bound."""
        await self.until(lambda: sum(peer.command is not None for peer in self.peers) >= count)

    async def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until something is so. Raise TimeoutError."""
        if not condition():
            future = asyncio.get_running_loop().create_future()
            self._waiters.append((condition, future))
            async with asyncio.timeout(seconds):
                await future

    def changed(self) -> None:
        """Check what is waited for."""
        if self._waiters:
            for condition, future in self._waiters:
                if not future.done() and condition():
                    future.set_result(None)
            self._waiters = [waiter for waiter in self._waiters if not waiter[1].done()]


def receipt(submit: Submit, message_id: str, state: str, error: str = "000") -> ShortMessage:
    """Return the deliver_sm of a receipt."""
    text = (
        f"id:{message_id} sub:001 dlvrd:001 submit date:2611210700 done date:2611210701"
        f" stat:{state} err:{error} text:"
    )
    return ShortMessage(
        source_ton=1,
        source_npi=1,
        source=submit.body.destination,
        destination=submit.body.source,
        esm_class=RECEIPT,
        short_message=text.encode(),
    )


def mobile(sender: str, recipient: str, text: str, **more: Any) -> ShortMessage:
    """Return the deliver_sm of a message from a phone, in UCS-2, between numbers without plus sign."""
    fields: dict[str, Any] = {"data_coding": 8, "short_message": text.encode("utf-16-be"), **more}
    return ShortMessage(
        source_ton=1, source_npi=1, source=sender, destination_ton=1, destination=recipient, **fields
    )


class Background:
    """An SMSC on a thread of its own. ``smsc`` may be read from anywhere; what acts goes through ``run``."""

    def __init__(self, smsc: Smsc, loop: asyncio.AbstractEventLoop) -> None:
        self.smsc = smsc
        self._loop = loop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the SMSC's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)


@contextmanager
def background(smsc: Smsc) -> Iterator[Background]:
    """Run an SMSC beside a test that is no coroutine."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    running = Background(smsc, loop)
    try:
        running.run(smsc.start())
        yield running
        running.run(smsc.stop())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
