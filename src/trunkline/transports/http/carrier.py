"""The HTTP carrier: posts messages to a gateway, and accepts the gateway's reports.

1. ``submit`` first acquires one of ``window`` slots, then awaits the gateway's response; it holds no lock meanwhile.
2. A request without a connection was not received: its message is deferred. A request whose response is missing is
   unknown, and never sent again silently.
3. A gateway that requests a pause, rejects the credentials or cannot be reached is paused for all messages.
4. ``stop`` closes the client: the requests in flight end as unknown, and the waiting ones as deferred.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from time import monotonic
from typing import Any

from trunkline.core.egress.client import Egress
from trunkline.core.egress.failure import EgressError
from trunkline.core.egress.http_message import EgressRequest, EgressResponse, Timeouts
from trunkline.core.egress.remedies import REMEDIES
from trunkline.core.late_timers import patient_timeout
from trunkline.core.leases import Holds, LeaseLost, always
from trunkline.core.outages import FrequentEvent, Outage
from trunkline.transports.base import (
    CarrierListener,
    CarrierProblem,
    Deferral,
    Outcome,
    Submission,
    UnknownOutcome,
    lease_ended,
)
from trunkline.transports.http import protocol
from trunkline.transports.http.settings import HttpRoute

log = logging.getLogger("trunkline.http")

_CONNECT = 5.0
_SHOWN = 300
"""Bytes of an unreadable report that are logged."""


class HttpCarrier:
    """A carrier over HTTP. ``egress`` is its own client, which may reach the operator's network."""

    carries_channels = True

    def __init__(self, route: HttpRoute, egress: Egress) -> None:
        self._route = route
        self._egress = egress
        self._listener: CarrierListener | None = None
        self._slots = asyncio.Semaphore(route.window)
        self._failure = ""
        self._outage = Outage(log)
        self._unread = FrequentEvent(log)
        self._resumes = 0.0
        self._stopping = False

    @property
    def name(self) -> str:
        """The name in the configuration."""
        return self._route.name

    def carries_media(self, recipient: str) -> bool:
        """Return whether the gateway carries MMS."""
        return self._route.media

    @property
    def resends_unknown(self) -> bool:
        """True if a message without a response is handed over again."""
        return self._route.unknown == "resend"

    @property
    def ready(self) -> bool:
        """True unless the gateway is paused. Any thread may read this."""
        return not self._stopping and monotonic() >= self._resumes

    def shown(self) -> dict[str, Any]:
        """Return its address, and the failure of the last message, if it failed."""
        return {
            "name": self.name,
            "kind": "http",
            "ready": self.ready,
            "url": self._route.address,
            "failure": self._failure,
        }

    async def start(self, listener: CarrierListener) -> None:
        """Start: the gateway's reports go to ``listener``."""
        self._listener = listener

    async def stop(self) -> None:
        """Abort the requests in flight, whose outcome is then unknown, and close the connections."""
        self._stopping = True
        await self._egress.close()

    async def submit(self, submission: Submission) -> Outcome:
        """Post the message. A failure before the gateway has received it defers it; one after that is unknown."""
        limit, valid_for = self._route.timeout, submission.valid_for
        try:
            async with patient_timeout(limit if valid_for is None else min(limit, valid_for)):
                await self._slots.acquire()
        except TimeoutError:
            return Deferral(protocol.PAUSE, "the gateway is slow", counts=False)
        try:
            if not submission.holds():
                return lease_ended(submission.accepted_ids)
            if not self.ready:
                reason = self._failure or "the carrier is stopped"
                return Deferral(max(self._resumes - monotonic(), protocol.PAUSE), reason, counts=False)
            return await self._post(submission)
        finally:
            self._slots.release()

    async def _post(self, submission: Submission) -> Outcome:
        route = self._route
        headers = [("Content-Type", "application/json"), ("Idempotency-Key", submission.message_sid)]
        try:
            response = await self._send("POST", headers, protocol.request(submission), submission.holds)
        except LeaseLost:
            return lease_ended(submission.accepted_ids)
        except EgressError as error:
            reason = "the carrier was stopped"
            if not self._stopping:
                reason = error.message
                self._note(reason, REMEDIES[error.failure])
            if error.failure.before_request:
                self._pause_for(protocol.PAUSE)
                return Deferral(protocol.PAUSE, reason, counts=False)
            return UnknownOutcome(reason, resend=self.resends_unknown)
        outcome = protocol.outcome(
            response.status,
            response.body,
            response.header("retry-after") or "",
            receipts=route.receipts,
            resend=self.resends_unknown,
        )
        works = 200 <= response.status < 300
        failure = "" if works else f"the gateway responded with {response.status}"
        refused = response.status in (401, 403)
        self._note(failure, "correct its authorization" if refused else "see the log of the gateway")
        if isinstance(outcome, Deferral):
            self._pause_for(outcome.after)
        return outcome

    def _note(self, failure: str, remedy: str) -> None:
        """Keep the failure of the last message, if it failed, and log where failures begin and end."""
        if failure:
            text = "%s: messages to %s fail: %s; %s"
            self._outage.failed(text, self.name, self._route.address, failure, remedy)
        else:
            self._outage.works("%s: the gateway accepts messages again", self.name)
        self._failure = failure

    async def probe(self) -> int:
        """Request the gateway's options, and return the status. Raise EgressError if there is no response."""
        return (await self._send("OPTIONS", [])).status

    async def _send(
        self,
        method: str,
        headers: list[tuple[str, str]],
        body: bytes | None = None,
        holds: Holds = always,
    ) -> EgressResponse:
        route = self._route
        if route.authorization:
            headers.append(("Authorization", route.authorization))
        timeouts = Timeouts(min(_CONNECT, route.timeout), route.timeout, route.timeout)
        # The outcome of a request whose connection was lost is unknown: it must not be sent again silently.
        outgoing = EgressRequest(method, route.url, tuple(headers), body, timeouts, once=True, holds=holds)
        return await self._egress.send(outgoing)

    def _pause_for(self, seconds: float) -> None:
        self._resumes = max(self._resumes, monotonic() + seconds)

    def authenticates(self, authorization: str) -> bool:
        """Return whether a request has the gateway's secret."""
        return hmac.compare_digest(authorization.encode(), f"Bearer {self._route.secret}".encode())

    async def report(self, kind: str, body: bytes) -> bool:
        """Handle a report of the gateway, of the kind ``receipts`` or ``messages``, and return once it is durable.

        Return False for another kind. Raise BadReport if the body is invalid.
        """
        assert self._listener is not None, "the carrier was not started"
        if kind not in ("receipts", "messages"):
            return False
        try:
            if kind == "receipts":
                await self._listener.receipt(protocol.receipt(self.name, body))
            else:
                await self._listener.inbound(protocol.inbound(self.name, body))
        except protocol.BadReport as error:
            shown = body[:_SHOWN].decode("utf-8", "replace")
            self._unread.happened(
                "%s: a report to %s cannot be read: %s; it begins with %r", self.name, kind, error, shown
            )
            text = f"The gateway's report to {kind} cannot be read: {error}. It begins with {shown!r}"
            await self._listener.problem(CarrierProblem(self.name, text))
            raise
        return True
