"""Sync over REST through the SDKs: every operation of the vendor's document, with responses that fit it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.asking import Client
from clients.recorder import Operation, Recorder, recorded
from clients.sdks import SDKS
from contract.documents import document
from servers import Server

SERVICES = "sync.v1.services"
DATA = {"name": "Zoë ☂", "deep": {"list": [1, -2.5, True, None, {"": "+&%"}]}, "big": 9_007_199_254_740_991}
OTHER = {"only": "this"}
KEYS = {
    "with space": "with space",
    "a/b": "a%2Fb",
    "ключ": "ключ",
    "?&=#+": "%3F&=%23+",
    "k" * 320: "k" * 320,
    "7": "7",
}
"""Keys, and how a program writes them into a path: the SDKs quote nothing themselves (client)."""

INDEXES = {str(index): str(index) for index in range(6)}
KINDS = {"sync_list": (54155, 54151), "sync_map": (54205, 54201)}
"""The codes of an item's revision that is not the requested one, and of an item that is not there."""

CONDITIONAL = ("python", "python-async", "node")
"""The SDKs that send If-Match with every write."""

on_both_engines = pytest.mark.parametrize(
    ("sdk", "server"),
    [*((sdk, "sqlite") for sdk in SDKS), ("python", "postgresql"), ("node", "postgresql")],
    indirect=True,
)


def documented() -> set[Operation]:
    """Return the operations of Sync's document."""
    return {
        ("sync", method.upper(), template)
        for template, methods in document("sync", "v1").source["paths"].items()
        for method in methods
        if method in ("get", "post", "delete")
    }


@pytest.fixture
def recorder(server: Server) -> Iterator[Recorder]:
    """Yield a relay to the server."""
    with recorded(server.url) as made:
        yield made


@pytest.fixture
def service(client: Client) -> str:
    """Return the place of a new Service."""
    return f"{SERVICES}({client.call(SERVICES, 'create', FriendlyName='of a test')['sid']})"


@on_both_engines
def test_every_operation(client: Client, recorder: Recorder) -> None:
    client = client.but(base=recorder.url)
    made = client.call(SERVICES, "create", FriendlyName="of a test")
    service = f"{SERVICES}({made['sid']})"
    assert client.call(service, "fetch") == made
    assert client.call(service, "update", AclEnabled=True)["acl_enabled"] is True
    assert made["sid"] in {one["sid"] for one in client.call(SERVICES, "list")}
    documents(client, service)
    for kind in KINDS:
        collection(client, service, kind)
    streams(client, service)
    assert client.call(service, "delete") is True
    assert client.refused(service, "fetch").status == 404
    expected = documented()
    assert len(expected) == 48
    assert not expected - recorder.answered, sorted(expected - recorder.answered)
    assert not recorder.faults, "\n".join(recorder.faults)


def documents(client: Client, service: str) -> None:
    """Call the operations of Documents and their permissions."""
    chain = f"{service}.documents"
    empty = client.call(chain, "create")
    assert (empty["data"], empty["revision"], empty["created_by"], empty["unique_name"]) == (
        {},
        "0",
        "system",
        None,
    )
    made = client.call(chain, "create", UniqueName="board", Data=DATA, Ttl=600)
    assert made["data"] == DATA
    assert (made["date_expires"] is None) == ("Ttl" in client.dropped)
    assert client.call(f"{chain}(board)", "fetch") == client.call(f"{chain}({made['sid']})", "fetch") == made
    changed = client.call(f"{chain}(board)", "update", Data=OTHER)
    assert (changed["data"], changed["revision"]) == (OTHER, "1")
    assert {one["sid"] for one in client.call(chain, "list")} == {empty["sid"], made["sid"]}
    permissions(client, f"{chain}(board)", "document_permissions")
    assert client.call(f"{chain}(board)", "delete") is True
    assert client.refused(f"{chain}(board)", "fetch").code == 54300


def collection(client: Client, service: str, kind: str) -> None:
    """Call the operations of lists or maps, their items, and their permissions."""
    chain, items = f"{service}.{kind}s", f"{kind}_items"
    made = client.call(chain, "create", UniqueName="one", Ttl=600, CollectionTtl=600)
    assert (made["date_expires"] is None) == (client.dropped >= {"Ttl", "CollectionTtl"})
    one = f"{chain}(one)"
    assert client.call(one, "fetch") == client.call(f"{chain}({made['sid']})", "fetch") == made
    assert client.call(one, "update", Ttl=0, CollectionTtl=0)["date_expires"] is None
    assert [shown["sid"] for shown in client.call(chain, "list")] == [made["sid"]]
    name, places = ("key", KEYS) if kind == "sync_map" else ("index", INDEXES)
    for place in places:
        item = client.call(f"{one}.{items}", "create", {"Key": place} if name == "key" else {}, Data=DATA)
        assert (str(item[name]), item["data"]) == (place, DATA)
    for path in places.values():
        assert client.call(f"{one}.{items}({path})", "fetch")["data"] == DATA
        assert client.call(f"{one}.{items}({path})", "update", Data=OTHER)["data"] == OTHER
    listed = client.call(f"{one}.{items}", "list")
    assert [str(item[name]) for item in listed] == sorted(places)
    assert client.call(f"{one}.{items}", "list", Order="desc", PageSize=4) == listed[::-1]
    middle = str(listed[1][name])
    assert client.call(f"{one}.{items}", "list", From=middle, Bounds="exclusive") == listed[2:]
    for count, path in enumerate(places.values(), 1):
        assert client.call(f"{one}.{items}({path})", "delete") is True
        assert client.refused(f"{one}.{items}({path})", "fetch").code == KINDS[kind][1]
        assert len(client.call(f"{one}.{items}", "list")) == len(places) - count
    permissions(client, one, f"{kind}_permissions")
    assert client.call(one, "delete") is True


def streams(client: Client, service: str) -> None:
    """Call the operations of Streams, and publish to them."""
    chain = f"{service}.sync_streams"
    made = client.call(chain, "create", UniqueName="news")
    one = f"{chain}(news)"
    assert client.call(one, "fetch") == client.call(f"{chain}({made['sid']})", "fetch") == made
    assert client.call(one, "update", Ttl=60)["date_expires"] is not None
    assert [shown["sid"] for shown in client.call(chain, "list")] == [made["sid"]]
    message = client.call(f"{one}.stream_messages", "create", Data=DATA)
    assert message["data"] == DATA
    assert message["sid"].startswith("TZ")
    assert client.call(one, "delete") is True
    assert client.refused(f"{one}.stream_messages", "create", Data=DATA).code == 54300
    gone = f"{chain}({made['sid']}).stream_messages"
    assert client.refused(gone, "create", Data=DATA).code == 54250


def permissions(client: Client, one: str, name: str) -> None:
    """Call the operations of bob's permissions for an object."""
    bobs = f"{one}.{name}(bob)"
    assert client.call(f"{one}.{name}", "list") == []
    set_ = client.call(bobs, "update", Read=True, Write=False, Manage=True)
    assert [set_[right] for right in ("read", "write", "manage")] == [True, False, True]
    assert client.call(bobs, "fetch") == set_
    assert client.call(f"{one}.{name}", "list") == [set_]
    assert client.call(bobs, "delete") is True
    assert client.refused(bobs, "fetch").code == 54354


@pytest.mark.parametrize("sdk", CONDITIONAL)
def test_a_document_is_changed_and_removed_only_as_it_was_read(client: Client, service: str) -> None:
    read = client.call(f"{service}.documents", "create", Data={"n": 0})
    one = f"{service}.documents({read['sid']})"
    changed = client.call(one, "update", Data={"n": 1}, IfMatch=read["revision"])
    assert changed["data"] == {"n": 1}
    stale = client.refused(one, "update", Data={"n": 2}, IfMatch=read["revision"])
    assert (stale.status, stale.code) == (412, 54103)
    assert client.call(one, "fetch") == changed
    # A document's deletion has no condition (spec).
    assert client.call(one, "delete") is True


@pytest.mark.parametrize("sdk", CONDITIONAL)
@pytest.mark.parametrize("kind", KINDS)
def test_an_item_is_changed_and_removed_only_as_it_was_read(client: Client, service: str, kind: str) -> None:
    made = client.call(f"{service}.{kind}s", "create")
    items = f"{service}.{kind}s({made['sid']}).{kind}_items"
    read = client.call(items, "create", Data={"n": 0}, **({"Key": "a/b"} if kind == "sync_map" else {}))
    one = f"{items}({KEYS[read['key']] if kind == 'sync_map' else read['index']})"
    changed = client.call(one, "update", Data={"n": 1}, IfMatch=read["revision"])
    # The Python SDK leaves out the condition of a deletion.
    refused = {"update": {"Data": {"n": 2}}} | ({"delete": {}} if client.sdk == "node" else {})
    for method, more in refused.items():
        stale = client.refused(one, method, IfMatch=read["revision"], **more)
        assert (stale.status, stale.code) == (412, KINDS[kind][0])
        assert client.call(one, "fetch") == changed
    assert client.call(one, "delete", IfMatch=changed["revision"]) is True
    assert client.refused(one, "fetch").status == 404


@pytest.mark.parametrize("sdk", ["node"])
def test_null_is_no_data(client: Client, service: str) -> None:
    refused = client.refused(f"{service}.documents", "create", Data=None)
    assert (refused.status, refused.code) == (400, 54101)
