"""What is sent to one connection: as it comes, but nothing of what follows the connection's own write before the
answer to that write.

A client takes an event as word that it has all earlier ones. Its own write is told to it by the answer alone, so an
event that overtook the answer would, if the connection then broke, hide that write from the client for good. Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from trunkline.realtime.border import Peer


class Line:
    """A connection as the hub's receiver. ``send`` is the connection's own, or keeps frames while they are held.
    ``standing`` are the topics whose replay is over: of these the client has all events that were sent."""

    __slots__ = ("_held", "id", "peer", "send", "standing")

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.id = peer.id
        self.send: Callable[[bytes], None] = peer.send
        self.standing: set[str] = set()
        self._held: list[bytes] = []

    def hold(self) -> None:
        """Keep what is sent from now on."""
        self.send = self._held.append

    def release(self) -> tuple[bytes, ...]:
        """Send directly again; answers what was kept, which must go out before anything else."""
        held, self._held = tuple(self._held), []
        self.send = self.peer.send
        return held
