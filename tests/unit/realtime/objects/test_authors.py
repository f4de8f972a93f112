"""The authors of events, and the time at which an author may be notified to move on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from trunkline.realtime.objects import authors as module
from trunkline.realtime.objects.authors import Authors, Subscriber
from trunkline.realtime.objects.types import ObjectEvent
from unit.realtime.objects.memory import Client

EVENT = ObjectEvent(
    type="list_item_added",
    service_sid="IS1",
    object_sid="ES1",
    unique_name=None,
    date=0,
    event_id=4,
    connection="one",
)


@contextmanager
def writing(authors: Authors, connection: str) -> Iterator[None]:
    """Let a request of a connection run."""
    authors.begin(connection)
    yield
    authors.end(connection)


def test_author_is_the_connection_whose_request_is_in_hand() -> None:
    authors = Authors()
    assert authors.author(EVENT) is None
    with writing(authors, "one"):
        assert authors.author(EVENT) == "one"
    assert authors.author(msgspec.structs.replace(EVENT, event_id=5)) is None
    assert authors.remembered(EVENT) == "one"


def test_a_write_of_a_lost_connection_is_not_its_successors() -> None:
    authors = Authors()
    with writing(authors, "one"):
        pass
    # The write is done after its request was given up, while the client's next connection asks for something.
    with writing(authors, "two"):
        assert authors.author(EVENT) is None
    assert authors.remembered(EVENT) is None


def test_a_writer_of_items_knows_their_states_up_to_its_own() -> None:
    authors = Authors()
    changed = msgspec.structs.replace(EVENT, item_index=1, item_revision="4")
    assert not authors.has_written("one", "ES1")
    with writing(authors, "one"):
        authors.author(EVENT)
        assert not authors.has_written("one", "ES1")
        authors.author(changed)
    assert authors.has_written("one", "ES1")
    assert not authors.has_written("two", "ES1")
    assert authors.knows("one", msgspec.structs.replace(changed, event_id=3))
    assert authors.knows("one", changed)
    for other in ({"event_id": 5}, {"event_id": None}, {"event_id": 3, "item_index": 2}):
        assert not authors.knows("one", msgspec.structs.replace(changed, **other))


def test_requests_of_one_connection_do_not_end_each_other() -> None:
    authors = Authors()
    with writing(authors, "one"):
        with writing(authors, "one"):
            pass
        assert authors.author(EVENT) == "one"


def test_events_without_an_id_are_not_remembered() -> None:
    authors = Authors()
    message = msgspec.structs.replace(EVENT, event_id=None)
    with writing(authors, "one"):
        assert authors.author(message) == "one"
    assert authors.remembered(message) is None


def test_event_follows_only_its_predecessor() -> None:
    authors = Authors()
    assert not authors.follows("ES1", 4)
    assert authors.follows("ES1", 5)
    assert not authors.follows("ES1", 7)
    assert not authors.follows("ES1", 6)
    assert authors.follows("ES1", 8)


def test_nothing_follows_while_a_hole_is_filled() -> None:
    authors = Authors()
    authors.reached("ES1", 3)
    with authors.filling("ES1"), authors.filling("ES1"):
        assert not authors.follows("ES1", 4)
    assert authors.follows("ES1", 5)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 2)
    authors = Authors()
    with writing(authors, "one"):
        events = [msgspec.structs.replace(EVENT, event_id=number) for number in range(3)]
        for event in events:
            authors.author(event)
    assert [authors.remembered(event) for event in events] == [None, "one", "one"]


def test_frames_of_two_writes_are_held_until_their_response_in_order() -> None:
    client = Client("alice", {})
    subscriber = Subscriber(client)
    subscriber.send(b'"before"')
    subscriber.hold()
    subscriber.send(b'"one"')
    subscriber.hold()
    subscriber.send(b'"two"')
    assert client.sent == ["before"]
    assert subscriber.release() == (b'"one"', b'"two"')
    subscriber.send(b'"after"')
    assert client.sent == ["before", "after"]
    assert subscriber.release() == ()


def test_a_topic_is_established_until_it_is_forgotten() -> None:
    subscriber = Subscriber(Client("alice", {}))
    subscriber.forget("ES1")
    assert not subscriber.has_established("ES1")
    subscriber.establish("ES1")
    subscriber.establish("ES2")
    subscriber.forget("ES1")
    assert not subscriber.has_established("ES1")
    assert subscriber.has_established("ES2")
