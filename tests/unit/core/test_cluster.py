"""Messages between nodes, over a bus that hands them on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from trunkline.api.principal import CredentialRevoked
from trunkline.core.cluster import MAX_BYTES, Cluster, MessageGap
from trunkline.core.nats_bus import MessageHandler
from trunkline.core.secrets import Vault
from trunkline.products.sync.event_types import EventType, Expiry, SyncEvent
from trunkline.products.sync.scope import Actor
from trunkline.products.sync.services import AccessChanged
from trunkline.realtime.border import EndpointOpened

KEY = bytes(32)
TYPES = (SyncEvent, AccessChanged, CredentialRevoked, EndpointOpened)


class Ether:
    """Connects buses; a message reaches all but its sender."""

    def __init__(self) -> None:
        self.buses: list[EtherBus] = []
        self.messages: list[bytes] = []

    def bus(self, *, alone: bool = False) -> EtherBus:
        self.buses.append(EtherBus(self, alone))
        return self.buses[-1]


class EtherBus:
    connected = True

    def __init__(self, ether: Ether, alone: bool) -> None:
        self.alone = alone
        self._ether = ether
        self.receivers: list[tuple[str, MessageHandler]] = []
        self.gaps: list[Callable[[], None]] = []

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    def subscribe(self, subject: str, receiver: MessageHandler) -> None:
        self.receivers.append((subject, receiver))

    def publish(self, subject: str, payload: bytes) -> None:
        self._ether.messages.append(payload)
        for bus in self._ether.buses:
            for name, receiver in bus.receivers:
                if bus is not self and name == subject:
                    receiver(payload)

    def on_gap(self, listener: Callable[[], None]) -> None:
        self.gaps.append(listener)


def node(bus: EtherBus, key: bytes = KEY) -> tuple[Cluster, list[Any]]:
    """Return a node, and the messages that it received."""
    cluster, received = Cluster(bus, Vault(key), TYPES), list[Any]()
    cluster.subscribe(received.append)
    return cluster, received


def event(number: int, data: str = "{}") -> SyncEvent:
    return SyncEvent(
        type=EventType.MAP_ITEM_ADDED,
        account_sid="AC1",
        service_sid="IS1",
        object_sid="MP1",
        unique_name=None,
        actor=Actor("alice", "e1"),
        date=1,
        event_id=number,
        item_key="ключ",
        data=data,
    )


EVENTS = [
    event(0),
    AccessChanged("IS1", "MP1", "alice"),
    CredentialRevoked("AC1"),
    EndpointOpened("e1", "c1"),
    MessageGap(),
]


async def publish(cluster: Cluster, events: list[Any]) -> None:
    cluster.publish(events)
    await asyncio.sleep(0)


def test_the_others_hear_what_concerns_them_as_it_was_told() -> None:
    ether = Ether()
    (one, own), (_, two), (_, three) = (node(ether.bus()) for _ in range(3))
    asyncio.run(publish(one, [Expiry(1), *EVENTS, object()]))
    assert two == three == EVENTS
    assert own == []


def test_a_turn_of_the_loop_is_one_message() -> None:
    async def scenario() -> None:
        for number in range(100):
            one.publish([event(number)])
        one.publish([Expiry(1)])
        await asyncio.sleep(0)
        one.publish([event(100)])
        await asyncio.sleep(0)

    ether = Ether()
    (one, _), (_, received) = node(ether.bus()), node(ether.bus())
    asyncio.run(scenario())
    assert [one.event_id for one in received] == list(range(101))
    assert len(ether.messages) == 2


def test_messages_stay_below_what_the_bus_takes() -> None:
    ether = Ether()
    (one, _), (_, received) = node(ether.bus()), node(ether.bus())
    big = [event(number, "x" * 16 * 1024) for number in range(100)]
    asyncio.run(publish(one, big))
    assert received == big
    assert max(map(len, ether.messages)) < MAX_BYTES + 1024


def test_nodes_with_another_master_key_do_not_hear_each_other() -> None:
    ether = Ether()
    (one, _), (_, received) = node(ether.bus()), node(ether.bus(), bytes(31) + b"1")
    asyncio.run(publish(one, EVENTS))
    assert received == []


def test_who_is_alone_says_nothing() -> None:
    ether = Ether()
    one, _ = node(ether.bus(alone=True))
    asyncio.run(publish(one, EVENTS))
    assert ether.messages == []


def test_after_a_gap_both_sides_look_again() -> None:
    async def scenario() -> None:
        for listener in buses[0].gaps:
            listener()
        await asyncio.sleep(0)

    ether = Ether()
    buses = [ether.bus(), ether.bus()]
    (_, own), (_, received) = (node(bus) for bus in buses)
    asyncio.run(scenario())
    assert own == received == [MessageGap()]


def test_announcements_keep_the_names_that_released_versions_send() -> None:
    ether = Ether()
    (one, _), _ = node(ether.bus()), node(ether.bus())
    asyncio.run(publish(one, EVENTS))
    names = [name for name, _ in msgspec.msgpack.decode(ether.messages[0])]
    assert names == ["SyncEvent", "AccessChanged", "CredentialRevoked", "EndpointOpened", "Resumed"]


def test_what_a_newer_node_tells_is_passed_over() -> None:
    ether = Ether()
    (_, received), speaker = node(ether.bus()), ether.bus()
    (subject, _) = ether.buses[0].receivers[0]
    known = msgspec.Raw(msgspec.msgpack.encode(EndpointOpened("e1", "c1")))
    message = [("Unheard", msgspec.Raw(b"\x01")), ("EndpointOpened", known)]
    speaker.publish(subject, msgspec.msgpack.encode(message))
    assert received == [EndpointOpened("e1", "c1")]


@pytest.mark.parametrize(
    "payload", [b"", b"\xc1", b"text", msgspec.msgpack.encode([("SyncEvent", {"type": "unheard"})])]
)
def test_what_cannot_be_understood_makes_the_node_look_itself(payload: bytes) -> None:
    ether = Ether()
    (_, received), speaker = node(ether.bus()), ether.bus()
    speaker.publish(ether.buses[0].receivers[0][0], payload)
    assert received == [MessageGap()]
