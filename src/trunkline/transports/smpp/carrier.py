"""The SMPP carrier: the connectors of a route, and the choice of one for each message.

1. Each bind of the route has a connector with a queue and connections of its own. A message goes to the one that its
   sender and recipient hash to, so that their order is kept while the number of bound connectors is the same.
2. ``submit`` awaits one future, which the connector resolves with the message's outcome. A cancelled caller withdraws
   the segments that are not in flight.
3. One task passes on incomplete inbound messages whose missing segments are overdue; it survives errors of the store.
4. ``stop`` ends that task, and stops all connectors at once, each within 5 s.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from functools import partial
from random import SystemRandom
from typing import Any
from zlib import crc32

import msgspec

from trunkline.core.clock import Clock
from trunkline.core.periodic import PeriodicTask
from trunkline.core.rates import TokenBucket
from trunkline.core.storage.database import LOGGED_ONCE
from trunkline.transports.base import Acceptance, CarrierListener, Deferral, Outcome, Rejection, Submission
from trunkline.transports.smpp.commands import Command
from trunkline.transports.smpp.connection import SmscAddress
from trunkline.transports.smpp.connector import ConnectorContext, SmscConnector
from trunkline.transports.smpp.deliver_handler import DeliverHandler
from trunkline.transports.smpp.pdu import encode_body
from trunkline.transports.smpp.segment_store import MemorySegmentStore, SegmentStore
from trunkline.transports.smpp.settings import SmppRoute
from trunkline.transports.smpp.submit_queue import OutboundMessage
from trunkline.transports.smpp.submit_sm import bodies
from trunkline.transports.smpp.throttling import BURST

log = logging.getLogger("trunkline.smpp")

_RANDOM = SystemRandom().random
_RETRY_SECONDS = 1.0
_REFUSED = 30008
_SWEEPS = 10
"""The checks for overdue segments within ``parts_timeout``."""


class SmppCarrier:
    """A carrier over SMPP. ``segments`` stores those of inbound messages; ``jitter`` returns numbers from 0 to 1."""

    carries_channels = False

    def __init__(
        self,
        route: SmppRoute,
        segments: SegmentStore | None = None,
        *,
        clock: Clock,
        jitter: Callable[[], float] = _RANDOM,
    ) -> None:
        self._route = route
        self._segments = segments or MemorySegmentStore()
        self._clock = clock
        self._jitter = jitter
        self._connectors: list[SmscConnector] = []
        self._flushing: PeriodicTask | None = None

    @property
    def name(self) -> str:
        """The name in the configuration."""
        return self._route.name

    @property
    def ready(self) -> bool:
        """True if a connector is bound and its queue is not full."""
        return any(connector.ready for connector in self._connectors)

    def carries_media(self, recipient: str) -> bool:
        """Return False: SMPP has no MMS."""
        return False

    @property
    def resends_unknown(self) -> bool:
        """True if a message without a response is submitted again."""
        return self._route.unknown == "resend"

    def shown(self) -> dict[str, Any]:
        """Return its address and the state of its binds; ``alarm`` is the fault that the operator has to fix."""
        return {
            "name": self.name,
            "kind": "smpp",
            "ready": self.ready,
            "address": f"{self._route.host}:{self._route.port}",
            "system_id": self._route.system_id,
            "alarm": next((connector.alarm for connector in self._connectors if connector.alarm), ""),
            "binds": [connector.shown() for connector in self._connectors],
        }

    async def start(self, listener: CarrierListener) -> None:
        """Start to bind. Raise OSError if ``ca_file`` cannot be read."""
        route = self._route
        tls = ssl.create_default_context(cafile=route.ca_file or None) if route.tls else None
        handler = DeliverHandler(route, listener, self._segments, self._clock)
        context = ConnectorContext(
            route,
            SmscAddress(route.host, route.port, tls, route.server_name),
            TokenBucket(route.rate, BURST),
            handler,
            route.error_table,
            self._jitter,
        )
        self._connectors = [SmscConnector(context, number) for number in range(1, route.binds + 1)]
        for connector in self._connectors:
            connector.start()
        interval = route.parts_timeout / _SWEEPS
        self._flushing = PeriodicTask(
            "overdue segments",
            partial(self._flush_stale, handler),
            interval,
            interval,
            due_by=self._clock,
            log=log,
        )
        self._flushing.start(at_once=True)

    async def stop(self) -> None:
        """Unbind and close, within 5 s."""
        if self._flushing is not None:
            await self._flushing.stop()
        await asyncio.gather(*(connector.stop() for connector in self._connectors))

    async def submit(self, submission: Submission) -> Outcome:
        """Hand a message to the connector of its sender and recipient."""
        loop = asyncio.get_running_loop()
        connectors = [connector for connector in self._connectors if connector.bound]
        if not connectors:
            return Deferral(_RETRY_SECONDS, self._failure, ids=submission.accepted_ids, counts=False)
        outcome: asyncio.Future[Outcome] = loop.create_future()
        try:
            encoded = [encode_body(Command.SUBMIT_SM, body) for body in bodies(submission, self._route)]
        except ValueError as error:
            return Rejection(_REFUSED, str(error), ids=submission.accepted_ids)
        message = OutboundMessage(
            submission, encoded, loop.time() + self._patience(submission), _resolver(outcome)
        )
        if not message.to_send:
            return self._final(Acceptance(submission.accepted_ids))
        connector = connectors[
            crc32(f"{submission.sender} {submission.recipient}".encode()) % len(connectors)
        ]
        connector.submit(message)
        try:
            return self._final(await outcome)
        except asyncio.CancelledError:
            message.failed(Deferral(_RETRY_SECONDS, "nobody waits for it", counts=False), in_flight=False)
            raise

    def _final(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Acceptance) and self._route.receipts == "none":
            return msgspec.structs.replace(outcome, final=True)
        return outcome

    def _patience(self, submission: Submission) -> float:
        """Return the seconds for which a message may be queued."""
        limit = self._route.response_timeout + self._route.throttle_most
        return limit if submission.valid_for is None else min(limit, submission.valid_for)

    @property
    def _failure(self) -> str:
        return (
            next((connector.failure for connector in self._connectors if connector.failure), "")
            or "the carrier is not bound"
        )

    async def _flush_stale(self, handler: DeliverHandler) -> None:
        try:
            await handler.flush_stale()
        except LOGGED_ONCE:
            pass
        except Exception:
            log.exception("%s: overdue segments could not be handed on", self.name)


def _resolver(outcome: asyncio.Future[Outcome]) -> Callable[[Outcome], None]:
    def resolve(result: Outcome) -> None:
        if not outcome.done():
            outcome.set_result(result)

    return resolve
