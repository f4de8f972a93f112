"""The SMPP carrier: a route's binds, and which of them a message takes."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from random import SystemRandom
from typing import Any
from zlib import crc32

import msgspec

from trunkline.core.clock import Clock, system_clock
from trunkline.transports.base import Deferred, Outcome, Receiver, Rejected, Submission, Submitted
from trunkline.transports.smpp.commands import Command
from trunkline.transports.smpp.connection import Place
from trunkline.transports.smpp.hearing import Hearing
from trunkline.transports.smpp.link import Ground, Link
from trunkline.transports.smpp.outbound import bodies
from trunkline.transports.smpp.outbox import Message
from trunkline.transports.smpp.pace import Bucket
from trunkline.transports.smpp.parts import MemoryParts, PartStore
from trunkline.transports.smpp.pdu import encode_body
from trunkline.transports.smpp.settings import SmppRoute

log = logging.getLogger("trunkline.smpp")

_RANDOM = SystemRandom().random
_AGAIN = 1.0
_REFUSED = 30008
_SWEEPS = 10
"""How often within ``parts_timeout`` waiting parts are looked at."""


class SmppCarrier:
    """Implements ``Carrier``. ``parts`` keeps the parts of inbound messages; ``jitter`` answers numbers from 0 to 1."""

    carries_channels = False

    def __init__(
        self,
        route: SmppRoute,
        parts: PartStore | None = None,
        *,
        clock: Clock = system_clock,
        jitter: Callable[[], float] = _RANDOM,
    ) -> None:
        self._route = route
        self._parts = parts or MemoryParts()
        self._clock = clock
        self._jitter = jitter
        self._links: list[Link] = []
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._route.name

    @property
    def ready(self) -> bool:
        """Whether a bind is up that has room."""
        return any(link.ready for link in self._links)

    def carries_media(self, recipient: str) -> bool:
        """SMPP has no MMS."""
        return False

    @property
    def resends_unknown(self) -> bool:
        """What becomes of a message whose answer never came."""
        return self._route.unknown == "resend"

    def shown(self) -> dict[str, Any]:
        """Where it connects to and how that goes; ``alarm`` is what the operator has to mend."""
        return {
            "name": self.name,
            "kind": "smpp",
            "ready": self.ready,
            "address": f"{self._route.host}:{self._route.port}",
            "system_id": self._route.system_id,
            "alarm": next((link.alarm for link in self._links if link.alarm), ""),
            "binds": [link.shown() for link in self._links],
        }

    async def start(self, receiver: Receiver) -> None:
        """Begin to bind. Raises OSError when ``ca_file`` cannot be read."""
        route = self._route
        context = ssl.create_default_context(cafile=route.ca_file or None) if route.tls else None
        hearing = Hearing(route, receiver, self._parts, self._clock)
        ground = Ground(
            route,
            Place(route.host, route.port, context, route.server_name),
            Bucket(route.rate),
            hearing,
            route.error_table,
            self._jitter,
        )
        self._links = [Link(ground, number) for number in range(1, route.binds + 1)]
        for link in self._links:
            link.start()
        self._sweeper = asyncio.create_task(self._sweep(hearing))

    async def stop(self) -> None:
        """Unbind and close, within 5 s."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        await asyncio.gather(*(link.stop() for link in self._links))

    async def submit(self, submission: Submission) -> Outcome:
        """Hand a message to the bind that its sender and recipient keep to."""
        loop = asyncio.get_running_loop()
        links = [link for link in self._links if link.bound]
        if not links:
            return Deferred(_AGAIN, self._failure, ids=submission.taken, counts=False)
        outcome: asyncio.Future[Outcome] = loop.create_future()
        try:
            encoded = [encode_body(Command.SUBMIT_SM, body) for body in bodies(submission, self._route)]
        except ValueError as error:
            return Rejected(_REFUSED, str(error), ids=submission.taken)
        message = Message(submission, encoded, loop.time() + self._patience(submission), _resolver(outcome))
        if not message.to_send:
            return self._final(Submitted(submission.taken))
        link = links[crc32(f"{submission.sender} {submission.recipient}".encode()) % len(links)]
        link.submit(message)
        try:
            return self._final(await outcome)
        except asyncio.CancelledError:
            message.failed(Deferred(_AGAIN, "nobody waits for it", counts=False), under_way=False)
            raise

    def _final(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Submitted) and self._route.receipts == "none":
            return msgspec.structs.replace(outcome, final=True)
        return outcome

    def _patience(self, submission: Submission) -> float:
        """Seconds that a message may wait for its turn."""
        most = self._route.response_timeout + self._route.throttle_most
        return most if submission.valid_for is None else min(most, submission.valid_for)

    @property
    def _failure(self) -> str:
        return next((link.failure for link in self._links if link.failure), "") or "the carrier is not bound"

    async def _sweep(self, hearing: Hearing) -> None:
        while True:
            try:
                await hearing.give_up_stale()
            except Exception:
                log.exception("%s: parts that wait for too long could not be handed on", self.name)
            await asyncio.sleep(self._route.parts_timeout / _SWEEPS)


def _resolver(outcome: asyncio.Future[Outcome]) -> Callable[[Outcome], None]:
    def resolve(told: Outcome) -> None:
        if not outcome.done():
            outcome.set_result(told)

    return resolve
