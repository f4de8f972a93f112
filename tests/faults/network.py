"""A phone network beside a server that is killed: what it was handed in each of the server's lives, and receipts that
it sends until they are acknowledged."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from smsc import Reply, Smsc, Submit, receipt
from trunkline.transports.smpp.commands import Command
from trunkline.transports.smpp.pdu_bodies import ShortMessage


class NetworkSubmit(NamedTuple):
    """A submit: in which life of the server it came, from whom, its text, and when it came, in seconds."""

    life: int
    sender: str
    text: str
    at: float


@dataclass
class Network:
    """An SMSC that takes every message and reports it delivered; after each ``drops`` messages, where that is not 0,
    it resets the connection, it throttles the first ``throttles``, and while it is ``silent`` it answers no submit."""

    drops: int = 0
    throttles: int = 0
    silent: bool = False
    life: int = 0
    seen: list[NetworkSubmit] = field(default_factory=list)
    owed: dict[str, ShortMessage] = field(default_factory=dict)
    """Receipts that nobody acknowledged yet, by id."""

    def __post_init__(self) -> None:
        self.smsc = Smsc(respond=self._respond, records=False)
        self._under_way: set[str] = set()

    def carrier(self, **more: object) -> dict[str, str]:
        """Return the environment of a server whose only carrier this is."""
        return {"TRUNKLINE_CARRIERS": json.dumps([self.options(**more)])}

    def options(self, **more: object) -> dict[str, object]:
        """Return the options of this carrier."""
        return {
            "name": "network",
            "host": "127.0.0.1",
            "port": self.smsc.port,
            "system_id": "trunkline",
            "password": "secret",
            "window": 20,
            "reconnect_first": 0.01,
            "reconnect_most": 0.2,
            "throttle_first": 0.01,
            "throttle_most": 0.1,
            **more,
        }

    def send_receipts(self) -> None:
        """Send the receipts that are owed and not under way, when there is a connection."""
        if any(peer.command is not None for peer in self.smsc.peers):
            for id in [id for id in self.owed if id not in self._under_way]:
                self._under_way.add(id)
                response = self.smsc.receiver.request(Command.DELIVER_SM, self.owed[id])
                response.add_done_callback(lambda done, id=id: self._acknowledged(id, done))

    async def idle(self) -> None:
        """Wait until every receipt is acknowledged."""

        def done() -> bool:
            # A receipt that was lost with its connection goes over the next.
            self.send_receipts()
            return not self.owed

        await self.smsc.until(done)

    def _respond(self, submit: Submit) -> Reply | None:
        if submit.count <= self.throttles:
            return Reply(status=0x58)
        self.seen.append(NetworkSubmit(self.life, submit.body.source, submit.text, monotonic()))
        if self.silent:
            return None
        id = str(submit.count)
        self.owed[id] = receipt(submit, id, "DELIVRD")
        asyncio.get_running_loop().call_soon(self.send_receipts)
        if self.drops and submit.count % self.drops == 0:
            submit.connection.transport.abort()
        return Reply(message_id=id)

    def _acknowledged(self, id: str, response: asyncio.Future[int]) -> None:
        self._under_way.discard(id)
        if not response.cancelled() and response.result() == 0:
            self.owed.pop(id, None)
        else:
            asyncio.get_running_loop().call_soon(self.send_receipts)
        self.smsc.changed()
