"""The HTTP carrier: hands messages to a gateway and takes what it tells."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any

from trunkline.core.egress.client import Egress
from trunkline.core.egress.failure import EgressError
from trunkline.core.egress.message import Outgoing, Timeouts
from trunkline.transports.base import Deferred, Outcome, Receiver, Submission, Unknown
from trunkline.transports.http import protocol
from trunkline.transports.http.settings import HttpRoute

_PAUSE = 5.0
_CONNECT = 5.0


class HttpCarrier:
    """Implements ``Carrier``. ``egress`` is its own client, which may reach the operator's network."""

    carries_channels = True

    def __init__(self, route: HttpRoute, egress: Egress) -> None:
        self._route = route
        self._egress = egress
        self._receiver: Receiver | None = None
        self._room = asyncio.Semaphore(route.window)
        self._failure = ""

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._route.name

    @property
    def carries_media(self) -> bool:
        """Whether the gateway carries MMS."""
        return self._route.media

    @property
    def resends_unknown(self) -> bool:
        """What becomes of a message whose answer never came."""
        return self._route.unknown == "resend"

    @property
    def ready(self) -> bool:
        """A gateway is asked anew for each message."""
        return True

    @property
    def window(self) -> int:
        """Requests under way at once."""
        return self._route.window

    def shown(self) -> dict[str, Any]:
        """Its address, and how the last message failed, if it did."""
        return {
            "name": self.name,
            "kind": "http",
            "ready": True,
            "url": self._route.url.partition("?")[0],
            "failure": self._failure,
        }

    async def start(self, receiver: Receiver) -> None:
        """Take what the gateway tells for ``receiver``."""
        self._receiver = receiver

    async def stop(self) -> None:
        """Break off what is under way and close the connections."""
        await self._egress.close()

    async def submit(self, submission: Submission) -> Outcome:
        """Post the message. What fails before the gateway has it is tried again; what fails after is unknown."""
        route = self._route
        headers = [("Content-Type", "application/json"), ("Idempotency-Key", submission.message_sid)]
        if route.authorization:
            headers.append(("Authorization", route.authorization))
        timeouts = Timeouts(min(_CONNECT, route.timeout), route.timeout, route.timeout)
        outgoing = Outgoing("POST", route.url, tuple(headers), protocol.request(submission), timeouts)
        try:
            async with self._room:
                answer = await self._egress.send(outgoing)
        except EgressError as error:
            self._failure = error.message
            if error.failure.before_request:
                return Deferred(_PAUSE, error.message, counts=False)
            return Unknown(error.message, resend=self.resends_unknown)
        outcome = protocol.outcome(
            answer.status,
            answer.body,
            answer.header("retry-after") or "",
            receipts=route.receipts,
            resend=self.resends_unknown,
        )
        self._failure = "" if 200 <= answer.status < 300 else f"the gateway answered {answer.status}"
        return outcome

    def trusts(self, authorization: str) -> bool:
        """Whether a request shows the gateway's secret."""
        return hmac.compare_digest(authorization.encode(), f"Bearer {self._route.secret}".encode())

    async def told(self, what: str, body: bytes) -> bool:
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
