"""A connection as a subscriber: frames go out at once, or are held until the answer to the connection's own write.

A client takes an event as proof that it has all earlier ones. The answer alone reports its own write to it, so an
event that overtook the answer would, if the connection then broke, hide that write from the client for good. Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from trunkline.realtime.border import Peer


class Subscriber:
    """A connection as the hub's receiver. ``send`` is the connection's own, or collects frames while they are held.
    ``established`` are the topics whose replay is over: of these the client has all events that were sent."""

    __slots__ = ("_held", "established", "id", "peer", "send")

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.id = peer.id
        self.send: Callable[[bytes], None] = peer.send
        self.established: set[str] = set()
        self._held: list[bytes] = []

    def hold(self) -> None:
        """Collect frames from now on."""
        self.send = self._held.append

    def release(self) -> tuple[bytes, ...]:
        """Send directly again. Return the frames that were held, which must go out before any other."""
        held, self._held = tuple(self._held), []
        self.send = self.peer.send
        return held
