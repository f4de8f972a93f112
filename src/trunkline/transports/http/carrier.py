"""The HTTP carrier: hands messages to a gateway and takes what it tells.

A gateway that asks for a pause, or that is not there, is left alone for a while by all messages.
"""

from __future__ import annotations

import asyncio
import hmac
from time import monotonic
from typing import Any

from trunkline.core.egress.client import Egress
from trunkline.core.egress.failure import EgressError
from trunkline.core.egress.message import EgressRequest, EgressResponse, Timeouts
from trunkline.transports.base import CarrierListener, Deferral, Outcome, Submission, UnknownOutcome
from trunkline.transports.http import protocol
from trunkline.transports.http.settings import HttpRoute

_CONNECT = 5.0


class HttpCarrier:
    """Implements ``Carrier``. ``egress`` is its own client, which may reach the operator's network."""

    carries_channels = True

    def __init__(self, route: HttpRoute, egress: Egress) -> None:
        self._route = route
        self._egress = egress
        self._receiver: CarrierListener | None = None
        self._room = asyncio.Semaphore(route.window)
        self._failure = ""
        self._resumes = 0.0
        self._stopping = False

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._route.name

    def carries_media(self, recipient: str) -> bool:
        """Whether the gateway carries MMS."""
        return self._route.media

    @property
    def resends_unknown(self) -> bool:
        """What becomes of a message whose answer never came."""
        return self._route.unknown == "resend"

    @property
    def ready(self) -> bool:
        """Whether the gateway may be asked: not while it is left alone. Any thread may ask this."""
        return not self._stopping and monotonic() >= self._resumes

    def shown(self) -> dict[str, Any]:
        """Its address, and how the last message failed, if it did."""
        return {
            "name": self.name,
            "kind": "http",
            "ready": self.ready,
            "url": self._route.address,
            "failure": self._failure,
        }

    async def start(self, receiver: CarrierListener) -> None:
        """Take what the gateway tells for ``receiver``."""
        self._receiver = receiver

    async def stop(self) -> None:
        """Break off what is under way, which is then unknown, and close the connections."""
        self._stopping = True
        await self._egress.close()

    async def submit(self, submission: Submission) -> Outcome:
        """Post the message. What fails before the gateway has it is tried again; what fails after is unknown."""
        most, valid_for = self._route.timeout, submission.valid_for
        try:
            async with asyncio.timeout(most if valid_for is None else min(most, valid_for)):
                await self._room.acquire()
        except TimeoutError:
            return Deferral(protocol.PAUSE, "the gateway is slow", counts=False)
        try:
            if not self.ready:
                reason = self._failure or "the carrier is stopped"
                return Deferral(max(self._resumes - monotonic(), protocol.PAUSE), reason, counts=False)
            return await self._post(submission)
        finally:
            self._room.release()

    async def _post(self, submission: Submission) -> Outcome:
        route = self._route
        headers = [("Content-Type", "application/json"), ("Idempotency-Key", submission.message_sid)]
        try:
            answer = await self._send("POST", headers, protocol.request(submission))
        except EgressError as error:
            reason = "the carrier was stopped"
            if not self._stopping:
                reason = self._failure = error.message
            if error.failure.before_request:
                self._leave_alone(protocol.PAUSE)
                return Deferral(protocol.PAUSE, reason, counts=False)
            return UnknownOutcome(reason, resend=self.resends_unknown)
        outcome = protocol.outcome(
            answer.status,
            answer.body,
            answer.header("retry-after") or "",
            receipts=route.receipts,
            resend=self.resends_unknown,
        )
        self._failure = "" if 200 <= answer.status < 300 else f"the gateway answered {answer.status}"
        if isinstance(outcome, Deferral):
            self._leave_alone(outcome.after)
        return outcome

    async def knock(self) -> int:
        """Ask the gateway for its options, to see that it is there; answers the status. Raises EgressError."""
        return (await self._send("OPTIONS", [])).status

    async def _send(
        self, method: str, headers: list[tuple[str, str]], body: bytes | None = None
    ) -> EgressResponse:
        route = self._route
        if route.authorization:
            headers.append(("Authorization", route.authorization))
        timeouts = Timeouts(min(_CONNECT, route.timeout), route.timeout, route.timeout)
        # What a connection took with it when it was lost is unknown, and not sent again in silence.
        outgoing = EgressRequest(method, route.url, tuple(headers), body, timeouts, once=True)
        return await self._egress.send(outgoing)

    def _leave_alone(self, seconds: float) -> None:
        self._resumes = max(self._resumes, monotonic() + seconds)

    def trusts(self, authorization: str) -> bool:
        """Whether a request shows the gateway's secret."""
        return hmac.compare_digest(authorization.encode(), f"Bearer {self._route.secret}".encode())

    async def report(self, what: str, body: bytes) -> bool:
        """Take a report of the gateway: ``receipts`` or ``messages``; answers False for another word. It returns when
        the report is durable. Raises BadReport."""
        assert self._receiver is not None, "the carrier was not started"
        if what == "receipts":
            await self._receiver.receipt(protocol.receipt(self.name, body))
        elif what == "messages":
            await self._receiver.inbound(protocol.inbound(self.name, body))
        else:
            return False
        return True
