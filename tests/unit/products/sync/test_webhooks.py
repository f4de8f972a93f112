"""From an event to its webhook."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.products.sync.event_types import EventType, SyncEvent
from trunkline.products.sync.scope import Actor
from trunkline.products.sync.services import SyncService
from trunkline.products.sync.webhooks import is_due, parameters

REST = Actor()
ALICE = Actor("alice", "TNendpoint")
OWNER = [("AccountSid", "AC1"), ("ServiceSid", "IS1")]


def event(kind: EventType, actor: Actor = ALICE, **more: Any) -> SyncEvent:
    return SyncEvent(
        type=kind,
        account_sid="AC1",
        service_sid="IS1",
        actor=actor,
        date=0,
        **{"object_sid": "XX1", "unique_name": "name", "data": '{"n":1}', **more},
    )


def service(url: str | None, rest: bool) -> SyncService:
    return SyncService("IS1", "AC1", None, None, 0, 0, webhook_url=url, webhooks_from_rest_enabled=rest)


@pytest.mark.parametrize(
    ("url", "rest", "actor", "due"),
    [
        (None, True, REST, False),
        (None, True, ALICE, False),
        ("http://h", False, REST, False),
        ("http://h", True, REST, True),
        ("http://h", False, ALICE, True),
        ("http://h", True, ALICE, True),
        ("http://h", False, Actor("system", "TN1"), True),
    ],
)
def test_when_a_webhook_is_sent(url: str | None, rest: bool, actor: Actor, due: bool) -> None:
    assert is_due(service(url, rest), event(EventType.MAP_CREATED, actor)) is due


def item(prefix: str, where: tuple[str, str], *data: tuple[str, str]) -> list[tuple[str, str]]:
    start = [(f"{prefix}Sid", "XX1"), (f"{prefix}UniqueName", "name"), ("EventId", "10")]
    return [*start, where, ("ItemRevision", "a"), *data]


AT_INDEX = {"event_id": 10, "item_index": 3, "item_revision": "a", "object_revision": "b"}
AT_KEY = {"event_id": 10, "item_key": "", "item_revision": "a", "object_revision": "b"}
DATA = ("ItemData", '{"n":1}')


def whole(prefix: str, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [(f"{prefix}Sid", "XX1"), (f"{prefix}UniqueName", "name"), *more]


DOCUMENT = [("DocumentRevision", "f"), ("DocumentData", '{"n":1}')]
CASES: list[tuple[EventType, dict[str, Any], list[tuple[str, str]]]] = [
    (EventType.DOCUMENT_CREATED, {"object_revision": "f"}, whole("Document", *DOCUMENT)),
    (EventType.DOCUMENT_UPDATED, {"object_revision": "f"}, whole("Document", *DOCUMENT)),
    (EventType.DOCUMENT_REMOVED, {"object_revision": "f"}, whole("Document", DOCUMENT[0])),
    (EventType.LIST_CREATED, {"object_revision": "0", "data": None}, whole("List", ("ListRevision", "0"))),
    (EventType.LIST_REMOVED, {"object_revision": "5", "data": None}, whole("List", ("ListRevision", "5"))),
    (EventType.LIST_ITEM_ADDED, AT_INDEX, item("List", ("ItemIndex", "3"), DATA)),
    (EventType.LIST_ITEM_UPDATED, AT_INDEX, item("List", ("ItemIndex", "3"), DATA)),
    (EventType.LIST_ITEM_REMOVED, AT_INDEX, item("List", ("ItemIndex", "3"))),
    (EventType.MAP_CREATED, {"object_revision": "0", "data": None}, whole("Map", ("MapRevision", "0"))),
    (EventType.MAP_REMOVED, {"object_revision": "5", "data": None}, whole("Map", ("MapRevision", "5"))),
    (EventType.MAP_ITEM_ADDED, AT_KEY, item("Map", ("ItemKey", ""), DATA)),
    (EventType.MAP_ITEM_UPDATED, AT_KEY, item("Map", ("ItemKey", ""), DATA)),
    (EventType.MAP_ITEM_REMOVED, AT_KEY, item("Map", ("ItemKey", ""))),
    (EventType.STREAM_CREATED, {"data": None}, whole("Stream")),
    (EventType.STREAM_REMOVED, {"data": None}, whole("Stream")),
    (
        EventType.STREAM_MESSAGE_PUBLISHED,
        {"message_sid": "TZ1"},
        whole("Stream", ("MessageSid", "TZ1"), ("MessageData", '{"n":1}')),
    ),
]


@pytest.mark.parametrize(("kind", "more", "expected"), CASES)
def test_the_parameters_of_each_type(
    kind: EventType, more: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    start = [*OWNER, ("EventType", kind.value)]
    by_client = parameters(event(kind, **more))
    assert by_client == [*start, ("Identity", "alice"), ("EndpointId", "TNendpoint"), *expected]
    assert parameters(event(kind, REST, **more)) == [*start, ("Identity", "system"), *expected]


def test_every_type_is_covered() -> None:
    assert {case[0] for case in CASES} == set(EventType)


def test_without_a_unique_name_it_is_empty() -> None:
    assert ("MapUniqueName", "") in parameters(event(EventType.MAP_CREATED, unique_name=None))
