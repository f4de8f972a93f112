"""The connector of one bind of a route: it keeps a transceiver, or a pair of transmitter and receiver, bound.

1. One task (``_run``) binds, waits until a connection ends, closes what is left, and reconnects for ever after the
   pauses of ``Backoff``. Rejected credentials are logged as an error, reported as a problem, and retried at the
   slowest; every other rejection is retried as a lost connection is.
2. Segments are sent by ``_pump``, which never awaits: in the order in which their messages were submitted, within the
   window, the route's rate and the SMSC's throttling. It runs on each submit, response and expired wait.
3. A response completes its segment or fails its message. When a connection ends, the outcome of the segments without a
   response is unknown, and the queued ones are returned to be submitted again.
4. Each deliver_sm is handled by a task of its own, which responds once its effect is durable. From
   ``_MAX_DELIVERIES`` such tasks on, nothing more is read from the SMSC.
5. ``stop`` returns the queued segments, waits for responses, sends unbind, waits for that, and aborts what is left.
   A deliver_sm without a response by then is sent again by the SMSC.
6. All of it runs on one event loop; ``bound`` and ``ready`` alone may be read on any thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trunkline.core.clock import SECOND
from trunkline.core.late_timers import patient_timeout
from trunkline.core.outages import Outage
from trunkline.core.rates import TokenBucket
from trunkline.transports.base import Deferral, Rejection, UnknownOutcome
from trunkline.transports.smpp.commands import Command, CommandStatus, status_name
from trunkline.transports.smpp.connection import (
    BindFailed,
    Binding,
    BindRefused,
    SmscAddress,
    SmscConnection,
    connect,
)
from trunkline.transports.smpp.deliver_handler import DeliverHandler
from trunkline.transports.smpp.pdu_bodies import BindRequest
from trunkline.transports.smpp.receipts import IdBase, response_id
from trunkline.transports.smpp.session import (
    DeliverRequest,
    SessionEnd,
    SessionTimeouts,
    SmppSessionState,
    SubmitResult,
)
from trunkline.transports.smpp.settings import SmppRoute
from trunkline.transports.smpp.status_rules import StatusAction, StatusRule, retry_delay, rule_for
from trunkline.transports.smpp.submit_queue import OutboundMessage, Segment, SubmitQueue
from trunkline.transports.smpp.throttling import Backoff, Throttle

log = logging.getLogger("trunkline.smpp")

_CREDENTIALS = (CommandStatus.RINVPASWD, CommandStatus.RINVSYSID, CommandStatus.RINVSYSTYP)
"""The refusals of a bind that only the operator can mend; others, such as ESME_RBINDFAIL, may pass."""
_NO_TRANSCEIVERS = (CommandStatus.RINVCMDID, CommandStatus.RBINDFAIL)
_MAX_DELIVERIES = 200
"""InboundMessage messages of a connection that may be under way; then nothing more is read."""
_RESPONSE_SECONDS = 3.0
_UNBIND_SECONDS = 0.5
"""The seconds for which a stop waits for responses, and then for the response to its unbind."""
_RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class ConnectorContext:
    """The state that the connectors of a route share."""

    route: SmppRoute
    address: SmscAddress
    bucket: TokenBucket
    handler: DeliverHandler
    errors: Mapping[int, StatusRule]
    jitter: Callable[[], float]


@dataclass(frozen=True)
class _Flight:
    segment: Segment
    epoch: int


class SmscConnector:
    """One bind of a route."""

    def __init__(self, context: ConnectorContext, number: int) -> None:
        self._context = context
        self._label = f"{context.route.name}/{number}"
        self._base = IdBase(context.route.id_base)
        self._queue = SubmitQueue()
        route = context.route
        self._throttle = Throttle(route.throttle_first, route.throttle_most, route.rate)
        self._in_flight: dict[int, _Flight] = {}
        self._sender: SmscConnection | None = None
        self._connections: list[SmscConnection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._pair = route.bind == "pair"
        self._pump_is_due = False
        self._wake: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._changed = asyncio.Event()
        self._stopping = False
        self._link = Outage(log, calm=0)
        self._refusals = Outage(log, calm=0)
        self._unread = Outage(log)
        self.failure = ""
        """The reason why it is not bound, or was not the last time."""
        self.alarm = ""
        """The fault that the operator has to fix."""

    @property
    def bound(self) -> bool:
        """True if it can be submitted to."""
        sender = self._sender
        return sender is not None and sender.session.state is SmppSessionState.BOUND and not self._stopping

    @property
    def ready(self) -> bool:
        """True if it should be given more messages."""
        # DeliverRequest on the storage's thread, too, which has no loop of its own.
        if self._loop is None or not self.bound or self._throttle.paused(self._loop.time()):
            return False
        rate = min((rate for rate in (self._context.bucket.rate, self._throttle.limit) if rate), default=0)
        window = self._context.route.window
        return len(self._queue) < (max(2 * window, 2 * rate) if rate else max(1000, 10 * window))

    def shown(self) -> dict[str, Any]:
        """Return its state for the operator."""
        return {
            "bound": self.bound,
            "connections": len(self._connections),
            "waiting": len(self._queue),
            "unanswered": len(self._in_flight),
            "throttled_to": round(self._throttle.limit, 1) or None,
            "failure": self.failure,
        }

    def start(self) -> None:
        """Start to connect."""
        self._loop = asyncio.get_running_loop()
        self._runner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Return the queued messages, wait for the last responses, unbind and close."""
        self._stopping = True
        self._queue.empty("the carrier stops", _RETRY_SECONDS)
        await self._wait_until(lambda: not self._in_flight and not self._tasks, _RESPONSE_SECONDS)
        for connection in self._connections:
            connection.unbind()
        await self._wait_until(lambda: not self._connections, _UNBIND_SECONDS)
        for connection in list(self._connections):
            connection.abort("the carrier stops")
        if self._runner is not None:
            # A delivery that is not durable by now has no response: the SMSC will send it again.
            left = (self._runner, *self._tasks)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def submit(self, message: OutboundMessage) -> None:
        """Queue a message."""
        self._queue.add(message)
        self._pump_soon()

    def on_event(self, connection: SmscConnection, event: SubmitResult | DeliverRequest | SessionEnd) -> None:
        """Handle an event of a connection's session."""
        match event:
            case SubmitResult():
                self._responded(event)
            case DeliverRequest():
                self._deliver(connection, event)
            case SessionEnd():
                self._ended_session(connection, event)

    def on_ready(self, connection: SmscConnection) -> None:
        """Continue sending."""
        self._pump()

    async def _run(self) -> None:
        route = self._context.route
        backoff = Backoff(route.reconnect_first, route.reconnect_most, self._context.jitter)
        loop = asyncio.get_running_loop()
        while not self._stopping:
            lasted, rejected = 0.0, False
            self._ended.clear()
            try:
                await self._bind()
                self.failure = self.alarm = ""
                self._bound()
                since = loop.time()
                self._pump()
                await self._ended.wait()
                lasted = loop.time() - since
            except BindRefused as error:
                self.failure = str(error)
                rejected = error.status in _CREDENTIALS
            except (OSError, TimeoutError, BindFailed) as error:
                self.failure = str(error) or "the SMSC does not respond"
            finally:
                await self._close()
            if rejected:
                self.alarm = self.failure
                hint = "check system_id, password and system_type"
                self._refusals.failed("%s: %s; %s", self._label, self.failure, hint, level=logging.ERROR)
                await self._context.handler.report(
                    f"{self.failure}; check system_id, password and system_type"
                )
            elif not self._stopping:
                self._link.failed("%s: %s", self._label, self.failure)
            await asyncio.sleep(backoff.slowest() if rejected else backoff.after(lasted))

    def _bound(self) -> None:
        """Log the bind, which ends an outage if there was one."""
        if not (self._link.lasts or self._refusals.lasts):
            log.info("%s: bound", self._label)
        self._refusals.works("%s: bound, as the SMSC accepts its credentials", self._label)
        self._link.works("%s: bound again", self._label)

    async def _bind(self) -> None:
        if not self._pair:
            try:
                self._sender = await self._open(Command.BIND_TRANSCEIVER)
            except BindRefused as refused:
                if self._context.route.bind != "auto" or refused.status not in _NO_TRANSCEIVERS:
                    raise
            else:
                return
        transmitter = await self._open(Command.BIND_TRANSMITTER)
        await self._open(Command.BIND_RECEIVER)
        if self._ended.is_set():
            raise BindFailed(self.failure)
        self._sender = transmitter
        self._pair = True

    async def _open(self, command: Command) -> SmscConnection:
        """Return a bound connection."""
        route = self._context.route
        bind = BindRequest(
            system_id=route.system_id,
            password=route.password,
            system_type=route.system_type,
            addr_ton=route.address_ton,
            addr_npi=route.address_npi,
            address_range=route.address_range,
        )
        timing = SessionTimeouts(route.link_timeout, route.response_timeout, route.enquire_link)
        binding = Binding(command, bind, timing, route.window)
        connection = await connect(self._context.address, binding, self)
        self._connections.append(connection)
        await connection.bound
        return connection

    async def _close(self) -> None:
        """Close all connections."""
        self._sender = None
        self._queue.empty(self.failure or "the link is down", _RETRY_SECONDS)
        for connection in self._connections:
            if connection.session.state is not SmppSessionState.CLOSED:
                connection.abort("the other connection of the pair is gone")
            await connection.closed
        self._connections.clear()
        self._changed.set()

    def _ended_session(self, connection: SmscConnection, end: SessionEnd) -> None:
        self.failure = end.reason
        resend = self._context.route.unknown == "resend"
        if connection is self._sender:
            self._sender = None
        for sequence in end.lost:
            self._in_flight.pop(sequence).segment.message.failed(UnknownOutcome(end.reason, resend=resend))
        self._ended.set()
        self._changed.set()

    def _pump_soon(self) -> None:
        if not self._pump_is_due:
            self._pump_is_due = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        """Send as many segments as may be sent now."""
        self._pump_is_due = False
        connection = self._sender
        if connection is None:
            if self._queue and not self._stopping:
                self._queue.empty(self.failure or "the link is down", _RETRY_SECONDS)
            return
        now = asyncio.get_running_loop().time()
        micros = int(now * SECOND)
        throttle, bucket = self._throttle, self._context.bucket
        while (segment := self._queue.peek(now)) is not None and connection.free > 0:
            if wait := max(throttle.wait(now), bucket.wait(micros) / SECOND):
                self._pump_after(min(wait, segment.message.expires - now))
                return
            self._queue.pop()
            segment.message.sent()
            throttle.spend(now)
            bucket.spend(1, micros)
            self._in_flight[connection.submit(segment.body)] = _Flight(segment, throttle.epoch)

    def _pump_after(self, seconds: float) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake = asyncio.get_running_loop().call_later(seconds, self._pump)

    def _responded(self, result: SubmitResult) -> None:
        flight = self._in_flight.pop(result.sequence)
        message, now = flight.segment.message, asyncio.get_running_loop().time()
        rule = rule_for(result.status, message.submission.sender_kind, self._context.errors)
        reason = f"the SMSC responds with {status_name(result.status)}"
        match rule.action:
            case StatusAction.ACCEPT:
                self._throttle.accepted(flight.epoch, now)
                self._unread.works("%s: the SMSC accepts messages again", self._label)
                message.accepted(flight.segment.index, self._id(result, flight.segment))
            case StatusAction.THROTTLE:
                self._throttle.throttled(flight.epoch, now)
                self._queue.requeue(flight.segment)
            case StatusAction.RETRY:
                after = retry_delay(message.submission.tries)
                message.failed(Deferral(after, reason, rule.error_code))
            case StatusAction.REBIND:
                message.failed(Deferral(_RETRY_SECONDS, reason, counts=False))
                self._rebind()
            case StatusAction.REJECT:
                if rule.our_fault:
                    text = "%s: the SMSC cannot read what it is sent: %s"
                    self._unread.failed(text, self._label, reason, level=logging.ERROR)
                message.failed(Rejection(rule.error_code, reason))
        if self._stopping:
            self._queue.empty("the carrier stops", _RETRY_SECONDS)
            self._changed.set()

    def _id(self, result: SubmitResult, segment: Segment) -> str:
        """Return the segment's id; without one of the network's, an id that no receipt will have."""
        id = response_id(result.message_id, self._base)
        return id or f"{segment.message.submission.message_sid}.{segment.index}"

    def _rebind(self) -> None:
        connection, self._sender = self._sender, None
        if connection is not None:
            connection.unbind()

    def _deliver(self, connection: SmscConnection, request: DeliverRequest) -> None:
        task = asyncio.create_task(self._respond(connection, request))
        self._tasks.add(task)
        task.add_done_callback(self._delivered)
        if len(self._tasks) >= _MAX_DELIVERIES:
            self._hold_reading(True)

    async def _respond(self, connection: SmscConnection, request: DeliverRequest) -> None:
        connection.respond(request, await self._context.handler.handle(request.body))

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if len(self._tasks) == _MAX_DELIVERIES - 1:
            self._hold_reading(False)
        self._changed.set()

    def _hold_reading(self, hold: bool) -> None:
        for connection in self._connections:
            connection.hold_reading(hold)

    async def _wait_until(self, done: Callable[[], bool], seconds: float) -> None:
        """Wait until ``done``, but no longer than ``seconds``."""
        try:
            async with patient_timeout(seconds):
                while not done():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            log.info("%s: the stop does not wait any longer", self._label)
