"""The other nodes of a cluster: announcements are passed on to them over the bus.

Nodes with one master key form a cluster. Every message is a hint: what is lost is found in the database later. An
announcement of a type that this node does not have, as a newer node may send it, is skipped. All announcements of one
turn of the event loop are sent together, split into messages of about 256 KiB. When messages may have been lost, each
side publishes and handles ``MessageGap``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from trunkline.core.nats_bus import Bus
from trunkline.core.secrets import Vault

log = logging.getLogger("trunkline.nodes")

MAX_BYTES = 256 * 1024
"""The approximate size limit of a message; a single event stays far below the bus's 1 MiB."""


class MessageGap(msgspec.Struct, frozen=True):
    """The announcement that messages between two nodes may have been lost and the database must be read again."""


_MESSAGE = msgspec.msgpack.Decoder(list[tuple[str, msgspec.Raw]])
_ENCODE = msgspec.msgpack.Encoder()

HandleAnnouncement = Callable[[Any], None]
"""A handler of one announcement of another node. It must not raise."""


class Cluster:
    """The other nodes. ``types`` are the types of announcements that nodes pass to each other, each under the name of
    its class."""

    def __init__(self, bus: Bus, vault: Vault, types: Iterable[type[msgspec.Struct]]) -> None:
        self._types: tuple[type[msgspec.Struct], ...] = (*types, MessageGap)
        self._decoders = {_name(kind): msgspec.msgpack.Decoder(kind) for kind in self._types}
        self._bus = bus
        self._subject = f"trunkline.{vault.derived('bus').hex()[:32]}"
        self._handlers: list[HandleAnnouncement] = []
        self._unsent: list[Any] = []
        bus.subscribe(self._subject, self._receive)
        bus.on_gap(self._resume)

    def subscribe(self, handler: HandleAnnouncement) -> None:
        """Call ``handler`` with each announcement of another node, those of one node in their order."""
        self._handlers.append(handler)

    def publish(self, announcements: Iterable[Any]) -> None:
        """Pass announcements to the other nodes; those whose type is not passed on are skipped."""
        if self._bus.alone:
            return
        found = [one for one in announcements if isinstance(one, self._types)]
        if found and not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent += found

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        batch: list[tuple[str, msgspec.Raw]] = []
        size = 0
        for announcement in unsent:
            encoded = _ENCODE.encode(announcement)
            if batch and size + len(encoded) > MAX_BYTES:
                self._bus.publish(self._subject, _ENCODE.encode(batch))
                batch, size = [], 0
            batch.append((_name(type(announcement)), msgspec.Raw(encoded)))
            size += len(encoded)
        self._bus.publish(self._subject, _ENCODE.encode(batch))

    def _receive(self, payload: bytes) -> None:
        try:
            received = [
                self._decoders[name].decode(encoded)
                for name, encoded in _MESSAGE.decode(payload)
                if name in self._decoders
            ]
        except msgspec.DecodeError as error:
            log.warning("a message of another node cannot be decoded: %s", error)
            self._handle(MessageGap())
            return
        for announcement in received:
            self._handle(announcement)

    def _resume(self) -> None:
        """Make both sides of a lost connection read the database again: each has missed messages."""
        self.publish([MessageGap()])
        self._handle(MessageGap())

    def _handle(self, announcement: Any) -> None:
        for handler in self._handlers:
            handler(announcement)


def _name(kind: type[msgspec.Struct]) -> str:
    # Released versions send a gap under this name.
    return "Resumed" if kind is MessageGap else kind.__name__
