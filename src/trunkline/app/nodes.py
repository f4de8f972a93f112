"""What nodes tell each other: what writes announced, and which endpoints have come to them.

Nodes with one master key hear each other. All of it is hints: what does not arrive is found in the database, except a
Stream's messages, of which there is no log. What a newer node tells and this one does not know is passed over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from trunkline.core.bus import Bus
from trunkline.core.secrets import Vault
from trunkline.products.accounts.store import CredentialRevoked
from trunkline.products.sync.events import SyncEvent
from trunkline.products.sync.services import AccessChanged

log = logging.getLogger("trunkline.nodes")

MAX_BYTES = 256 * 1024
"""About which size a message has at most; a single event stays far below the bus's 1 MiB."""


class EndpointOpened(msgspec.Struct, frozen=True):
    """A client has logged in. Whoever holds another connection of its endpoint holds one that the client lost."""

    endpoint_id: str
    connection_id: str


class Resumed(msgspec.Struct, frozen=True):
    """A node that could not be heard for a while can be heard again: what it did meanwhile is to be looked up."""


TOLD = (SyncEvent, AccessChanged, CredentialRevoked, EndpointOpened, Resumed)
"""What is passed on, each under the name of its class."""

_DECODERS = {kind.__name__: msgspec.msgpack.Decoder(kind) for kind in TOLD}
_MESSAGE = msgspec.msgpack.Decoder(list[tuple[str, msgspec.Raw]])
_ENCODE = msgspec.msgpack.Encoder()

Hear = Callable[[Any], None]
"""Hears one thing that another node told. It must not raise."""


class Nodes:
    """The other nodes."""

    def __init__(self, bus: Bus, vault: Vault) -> None:
        self._bus = bus
        self._subject = f"trunkline.{vault.derived('bus').hex()[:32]}"
        self._listeners: list[Hear] = []
        self._told: list[Any] = []
        bus.subscribe(self._subject, self._received)
        bus.on_gap(self._gap)

    def listen(self, listener: Hear) -> None:
        """Call ``listener`` with each thing that another node tells, those of one node in their order."""
        self._listeners.append(listener)

    def tell(self, told: Iterable[Any]) -> None:
        """Tell the other nodes what they may want to know; the rest is passed over."""
        if self._bus.alone:
            return
        found = [one for one in told if isinstance(one, TOLD)]
        if found and not self._told:
            # All that one turn of the loop tells goes together.
            asyncio.get_running_loop().call_soon(self._flush)
        self._told += found

    def _flush(self) -> None:
        told, self._told = self._told, []
        batch: list[tuple[str, msgspec.Raw]] = []
        size = 0
        for one in told:
            encoded = _ENCODE.encode(one)
            if batch and size + len(encoded) > MAX_BYTES:
                self._bus.publish(self._subject, _ENCODE.encode(batch))
                batch, size = [], 0
            batch.append((type(one).__name__, msgspec.Raw(encoded)))
            size += len(encoded)
        self._bus.publish(self._subject, _ENCODE.encode(batch))

    def _received(self, payload: bytes) -> None:
        try:
            heard = [
                _DECODERS[name].decode(encoded)
                for name, encoded in _MESSAGE.decode(payload)
                if name in _DECODERS
            ]
        except msgspec.DecodeError as error:
            log.warning("what another node told cannot be understood: %s", error)
            self._hear(Resumed())
            return
        for one in heard:
            self._hear(one)

    def _gap(self) -> None:
        """Both sides of a lost connection have missed something."""
        self.tell([Resumed()])
        self._hear(Resumed())

    def _hear(self, one: Any) -> None:
        for listener in self._listeners:
            listener(one)
