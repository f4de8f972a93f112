"""One bind of a route: makes and keeps its connection or pair of connections, and sends its messages.

1. A link is made again for ever, sooner or later as ``Backoff`` says; refused credentials are told loudly, and tried
   again at the slowest.
2. Segments are sent in the order in which their messages were handed over, within window, rate and what the SMSC's
   throttling leaves.
3. When a connection ends, what was sent without an answer is unknown, and what waits is handed back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trunkline.transports.base import Deferred, Rejected, Unknown
from trunkline.transports.smpp.answers import Action, Verdict, retry_delay, verdict
from trunkline.transports.smpp.bodies import Bind
from trunkline.transports.smpp.commands import Command, Status, status_name
from trunkline.transports.smpp.connection import BindFailed, Binding, BindRefused, Connection, Place, connect
from trunkline.transports.smpp.hearing import Hearing
from trunkline.transports.smpp.outbox import Message, Outbox, Segment
from trunkline.transports.smpp.pace import Backoff, Bucket, Throttle
from trunkline.transports.smpp.receipts import IdBase, response_id
from trunkline.transports.smpp.session import Answered, Asked, Over, State, Timing
from trunkline.transports.smpp.settings import SmppRoute

log = logging.getLogger("trunkline.smpp")

_CREDENTIALS = (Status.RINVPASWD, Status.RINVSYSID, Status.RBINDFAIL)
_NO_TRANSCEIVERS = (Status.RINVCMDID, Status.RBINDFAIL)
_MOST_HEARD = 200
"""Inbound messages of a connection that may be under way; then nothing more is read."""
_LAST_ANSWERS = 3.0
_GOOD_BYE = 1.5
"""Seconds that a stop waits for answers, and then for the answer to its unbind."""
_AGAIN = 1.0


@dataclass(frozen=True)
class Ground:
    """What the links of a route share."""

    route: SmppRoute
    place: Place
    bucket: Bucket
    hearing: Hearing
    errors: Mapping[int, Verdict]
    jitter: Callable[[], float]


@dataclass(frozen=True)
class _Flight:
    segment: Segment
    epoch: int


class Link:
    """A bind. It belongs to one event loop."""

    def __init__(self, ground: Ground, number: int) -> None:
        self._ground = ground
        self._label = f"{ground.route.name}/{number}"
        self._base = IdBase(ground.route.id_base)
        self._outbox = Outbox()
        route = ground.route
        self._throttle = Throttle(route.throttle_first, route.throttle_most, route.rate)
        self._flying: dict[int, _Flight] = {}
        self._sender: Connection | None = None
        self._connections: list[Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._pair = route.bind == "pair"
        self._pump_is_due = False
        self._wake: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._changed = asyncio.Event()
        self._stopping = False
        self.failure = ""
        """Why it is not bound, or was not the last time."""
        self.alarm = ""
        """What the operator has to mend."""

    @property
    def bound(self) -> bool:
        """Whether it can be submitted to."""
        sender = self._sender
        return sender is not None and sender.session.state is State.BOUND and not self._stopping

    @property
    def ready(self) -> bool:
        """Whether it is worth handing it more."""
        # Asked on the storage's thread, too, which has no loop of its own.
        if self._loop is None or not self.bound or self._throttle.paused(self._loop.time()):
            return False
        rate = min((rate for rate in (self._ground.bucket.rate, self._throttle.limit) if rate), default=0)
        window = self._ground.route.window
        return len(self._outbox) < (max(2 * window, 2 * rate) if rate else max(1000, 10 * window))

    def shown(self) -> dict[str, Any]:
        """Its state for the operator."""
        return {
            "bound": self.bound,
            "connections": len(self._connections),
            "waiting": len(self._outbox),
            "unanswered": len(self._flying),
            "throttled_to": round(self._throttle.limit, 1) or None,
            "failure": self.failure,
        }

    def start(self) -> None:
        """Begin to connect."""
        self._loop = asyncio.get_running_loop()
        self._runner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Hand back what waits, hear the last answers, say good-bye, close."""
        self._stopping = True
        self._outbox.empty("the carrier stops", _AGAIN)
        await self._quiet(lambda: not self._flying and not self._tasks, _LAST_ANSWERS)
        for connection in self._connections:
            connection.unbind()
        await self._quiet(lambda: not self._connections, _GOOD_BYE)
        for connection in list(self._connections):
            connection.abort("the carrier stops")
        if self._runner is not None:
            # What was not kept by now was not acknowledged: the SMSC will send it again.
            left = (self._runner, *self._tasks)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def submit(self, message: Message) -> None:
        """Queue a message."""
        self._outbox.add(message)
        self._pump_soon()

    def told(self, connection: Connection, event: Answered | Asked | Over) -> None:
        """Hear what happened on a connection."""
        match event:
            case Answered():
                self._answered(event)
            case Asked():
                self._hear(connection, event)
            case Over():
                self._over(connection, event)

    def turned(self, connection: Connection) -> None:
        """Go on sending."""
        self._pump()

    async def _run(self) -> None:
        route = self._ground.route
        backoff = Backoff(route.reconnect_first, route.reconnect_most, self._ground.jitter)
        loop = asyncio.get_running_loop()
        while not self._stopping:
            lasted, refused = 0.0, False
            self._ended.clear()
            try:
                await self._bind()
                self.failure = self.alarm = ""
                log.info("%s: bound", self._label)
                since = loop.time()
                self._pump()
                await self._ended.wait()
                lasted = loop.time() - since
            except BindRefused as error:
                self.failure = str(error)
                refused = error.status in _CREDENTIALS
            except (OSError, TimeoutError, BindFailed) as error:
                self.failure = str(error) or "the SMSC does not answer"
            finally:
                await self._close()
            if refused:
                self.alarm = self.failure
                log.error("%s: %s; check system_id and password", self._label, self.failure)
            elif not self._stopping:
                log.warning("%s: %s", self._label, self.failure)
            await asyncio.sleep(backoff.slowest() if refused else backoff.after(lasted))

    async def _bind(self) -> None:
        if not self._pair:
            try:
                self._sender = await self._open(Command.BIND_TRANSCEIVER)
            except BindRefused as refused:
                if self._ground.route.bind != "auto" or refused.status not in _NO_TRANSCEIVERS:
                    raise
            else:
                return
        transmitter = await self._open(Command.BIND_TRANSMITTER)
        await self._open(Command.BIND_RECEIVER)
        if self._ended.is_set():
            raise BindFailed(self.failure)
        self._sender = transmitter
        self._pair = True

    async def _open(self, command: Command) -> Connection:
        """A bound connection."""
        route = self._ground.route
        bind = Bind(
            system_id=route.system_id,
            password=route.password,
            system_type=route.system_type,
            addr_ton=route.address_ton,
            addr_npi=route.address_npi,
            address_range=route.address_range,
        )
        timing = Timing(route.link_timeout, route.response_timeout, route.enquire_link)
        binding = Binding(command, bind, timing, route.window)
        connection = await connect(self._ground.place, binding, self)
        self._connections.append(connection)
        await connection.opened
        return connection

    async def _close(self) -> None:
        """Close all connections and forget the link."""
        self._sender = None
        self._outbox.empty(self.failure or "the link is down", _AGAIN)
        for connection in self._connections:
            if connection.session.state is not State.OVER:
                connection.abort("the other connection of the pair is gone")
            await connection.closed
        self._connections.clear()
        self._changed.set()

    def _over(self, connection: Connection, over: Over) -> None:
        self.failure = over.reason
        resend = self._ground.route.unknown == "resend"
        if connection is self._sender:
            self._sender = None
        for sequence in over.lost:
            self._flying.pop(sequence).segment.message.failed(Unknown(over.reason, resend=resend))
        self._ended.set()
        self._changed.set()

    def _pump_soon(self) -> None:
        if not self._pump_is_due:
            self._pump_is_due = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        """Send as much as may be sent now."""
        self._pump_is_due = False
        connection = self._sender
        if connection is None:
            if self._outbox and not self._stopping:
                self._outbox.empty(self.failure or "the link is down", _AGAIN)
            return
        now = asyncio.get_running_loop().time()
        throttle, bucket = self._throttle, self._ground.bucket
        while (segment := self._outbox.peek(now)) is not None and connection.room > 0:
            if wait := max(throttle.wait(now), bucket.wait(now)):
                self._pump_after(min(wait, segment.message.expires - now))
                return
            self._outbox.pop()
            segment.message.sent()
            throttle.spend(now)
            bucket.spend(now)
            self._flying[connection.submit(segment.body)] = _Flight(segment, throttle.epoch)

    def _pump_after(self, seconds: float) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake = asyncio.get_running_loop().call_later(seconds, self._pump)

    def _answered(self, answered: Answered) -> None:
        flight = self._flying.pop(answered.sequence)
        message, now = flight.segment.message, asyncio.get_running_loop().time()
        meant = verdict(answered.status, message.submission.sender_kind, self._ground.errors)
        reason = f"the SMSC answers {status_name(answered.status)}"
        match meant.action:
            case Action.TAKEN:
                self._throttle.answered(flight.epoch, now)
                message.took(flight.segment.place, self._id(answered, flight.segment))
            case Action.THROTTLE:
                self._throttle.throttled(flight.epoch, now)
                self._outbox.again(flight.segment)
            case Action.RETRY:
                after = retry_delay(message.submission.tries)
                message.failed(Deferred(after, reason, meant.error_code))
            case Action.REBIND:
                message.failed(Deferred(_AGAIN, reason, counts=False))
                self._rebind()
            case Action.REFUSED:
                if meant.our_fault:
                    log.error("%s: the SMSC cannot read what it is sent: %s", self._label, reason)
                message.failed(Rejected(meant.error_code, reason))
        if self._stopping:
            self._outbox.empty("the carrier stops", _AGAIN)
            self._changed.set()

    def _id(self, answered: Answered, segment: Segment) -> str:
        """The part's id; of a network that tells none, one that no receipt will have."""
        id = response_id(answered.message_id, self._base)
        return id or f"{segment.message.submission.message_sid}.{segment.place}"

    def _rebind(self) -> None:
        connection, self._sender = self._sender, None
        if connection is not None:
            connection.unbind()

    def _hear(self, connection: Connection, asked: Asked) -> None:
        task = asyncio.create_task(self._hear_one(connection, asked))
        self._tasks.add(task)
        task.add_done_callback(self._heard)
        if len(self._tasks) >= _MOST_HEARD:
            self._hold_reading(True)

    async def _hear_one(self, connection: Connection, asked: Asked) -> None:
        connection.answer(asked, await self._ground.hearing.hear(asked.body))

    def _heard(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if len(self._tasks) == _MOST_HEARD - 1:
            self._hold_reading(False)
        self._changed.set()

    def _hold_reading(self, hold: bool) -> None:
        for connection in self._connections:
            connection.hold_reading(hold)

    async def _quiet(self, done: Callable[[], bool], seconds: float) -> None:
        """Wait until ``done``, or for so long."""
        try:
            async with asyncio.timeout(seconds):
                while not done():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            log.info("%s: the stop does not wait any longer", self._label)
