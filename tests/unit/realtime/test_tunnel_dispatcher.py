"""Tunnelled requests of two products at one door: each goes to the product of its grant, and none over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import msgspec
import pytest

from trunkline.api.errors import ApiError
from trunkline.api.execution import OperationExecutor
from trunkline.api.operation import Mount, PrepareContext, Product
from trunkline.api.params import Fields
from trunkline.api.router import Router
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database
from trunkline.realtime.border import TunnelReply, TunnelRequest
from trunkline.realtime.objects.live_delivery import LiveDelivery
from trunkline.realtime.objects.reads import ObjectReads
from trunkline.realtime.objects.subscriptions import SubscriptionLimits, Subscriptions
from trunkline.realtime.product import RealtimeProduct
from trunkline.realtime.tunnel import json_fields
from trunkline.realtime.tunnel_dispatcher import TunnelDispatcher
from unit.realtime.objects.memory import Client, MemoryDatabase, MemorySource, frame, map_sid

SERVICES = {"chat": "IS1", "ip_messaging": "IS1", "data_sync": "IS2"}
DATABASE = cast(Database, MemoryDatabase())


def fields(body: bytes) -> Fields:
    return json_fields(body, frozenset({"requests", "correlation_id"}), 54008)


class Side:
    """A product with a source of its own."""

    def __init__(self, name: str, *grants: str) -> None:
        self.source = MemorySource(SERVICES[grants[0]])
        self.live = LiveDelivery(self.source, DATABASE, frame)
        subscriptions = Subscriptions(self.live, DATABASE, SubscriptionLimits())
        self.product = RealtimeProduct(
            name=name,
            grants=grants,
            mounts=(
                Mount(name, "v3", ObjectReads(self.source).operations(), tunnel=True),
                Mount(name, "v4", (subscriptions.operation(),), tunnel=True),
            ),
            base_url=f"https://{name}.example.com",
            fields=fields,
            delivery=self.live,
        )


class Door:
    """Two products behind one door, and one client with grants for both."""

    def __init__(self) -> None:
        self.chat, self.sync = Side("chat", "chat", "ip_messaging"), Side("sync", "data_sync")
        sides = (self.chat, self.sync)
        products = [side.product for side in sides]
        self.router = Router([Product(product.name, product.mounts) for product in products])
        context = PrepareContext(DATABASE, cast(Any, None), cast(Any, None))
        executor = OperationExecutor(context, cast(Any, None), Vault(bytes(32)))
        self.tunnel = TunnelDispatcher(executor, self.router, products)
        self.client = Client("a", SERVICES)
        for side in sides:
            side.live.connected(self.client)

    async def request(
        self, grant: str, method: str, path: str, body: Any = None, **params: str
    ) -> TunnelReply:
        """Send a request."""
        encoded = b"" if body is None else msgspec.json.encode(body)
        segments = tuple(path.strip("/").split("/"))
        request = TunnelRequest(
            grant, SERVICES.get(grant, ""), method, segments, tuple(params.items()), {}, encoded
        )
        return await self.tunnel.request(self.client, request)

    async def subscribe(self, grant: str, sid: str) -> TunnelReply:
        """Subscribe to a Map."""
        requests = [{"object_sid": sid, "object_type": "map"}]
        body = {"action": "establish", "correlation_id": "1", "requests": requests, "ttl_in_s": -1}
        return await self.request(grant, "POST", "/v4/Subscriptions", body)


def test_subscriptions_go_to_the_source_of_the_grant() -> None:
    async def scenario() -> None:
        door = Door()
        for side in (door.chat, door.sync):
            side.source.change("general", "a", "{}")
        assert (await door.subscribe("ip_messaging", map_sid("general"))).status == 200
        assert door.chat.live.hub.topics() == (map_sid("general"),)
        assert door.sync.live.hub.topics() == ()
        door.sync.live.publish(door.sync.source.change("general", "bob", "{}"))
        assert [name for name, _ in door.client.received()] == ["subscription_established"]
        assert door.client.sent[0]["correlation_id"] == "1"
        door.chat.live.publish(door.chat.source.change("general", "bob", "{}"))
        assert door.client.received()[-1][0] == "map_item_added"

    asyncio.run(scenario())


def test_reads_go_to_the_source_of_the_grant() -> None:
    async def scenario() -> None:
        door = Door()
        door.chat.source.change("general", "a", "{}")
        reply = await door.request("chat", "GET", "/v3/Maps/general")
        body = msgspec.json.decode(reply.body)
        assert (reply.status, body["sid"]) == (200, map_sid("general"))
        assert body["links"] == {
            "items": f"https://chat.example.com/v3/Services/IS1/Maps/{map_sid('general')}/Items"
        }
        with pytest.raises(ApiError) as refused:
            await door.request("data_sync", "GET", "/v3/Maps/general")
        assert refused.value.code == 54200

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("params", "keys", "before", "after"),
    [
        ({}, "abcde", False, False),
        ({"PageSize": "2"}, "ab", False, True),
        ({"PageSize": "2", "From": "c"}, "cd", True, True),
        ({"PageSize": "2", "From": "c", "Bounds": "exclusive"}, "de", True, False),
        ({"PageSize": "2", "From": "bb", "Order": "desc"}, "ba", True, False),
        ({"From": "x"}, "", True, False),
        ({"Key": "d"}, "d", False, False),
        ({"Key": "x"}, "", False, False),
    ],
)
def test_tokens_tell_whether_there_is_more(
    params: dict[str, str], keys: str, before: bool, after: bool
) -> None:
    async def scenario() -> None:
        door = Door()
        for identity in "abcde":
            door.chat.source.change("general", identity, "{}")
        reply = await door.request("chat", "GET", "/v3/Maps/general/Items", **params)
        page = msgspec.json.decode(reply.body)
        assert "".join(item["key"] for item in page["items"]) == keys
        meta = page["meta"]
        assert (meta["previous_token"] is not None, meta["next_token"] is not None) == (before, after)

    asyncio.run(scenario())


def test_a_token_leads_to_the_next_page_and_back() -> None:
    async def scenario() -> None:
        door = Door()
        for identity in "abcde":
            door.chat.source.change("general", identity, "{}")

        async def page(**params: str) -> tuple[str, Any]:
            reply = await door.request("chat", "GET", "/v3/Maps/general/Items", PageSize="2", **params)
            found = msgspec.json.decode(reply.body)
            return "".join(item["key"] for item in found["items"]), found["meta"]

        _, meta = await page()
        keys, meta = await page(PageToken=meta["next_token"])
        assert keys == "cd"
        assert (await page(PageToken=meta["next_token"]))[0] == "e"
        assert (await page(PageToken=meta["previous_token"]))[0] == "ab"
        for start, bounds, last in (("e", "exclusive", "de"), ("x", "inclusive", "de")):
            keys, meta = await page(From=start, Bounds=bounds)
            assert keys == ""
            assert (await page(PageToken=meta["previous_token"]))[0] == last

    asyncio.run(scenario())


def test_a_grant_without_a_product_and_another_service_are_refused() -> None:
    async def scenario() -> None:
        door = Door()
        for grant, path, code in (
            ("voice", "/v3/Maps/general", 20404),
            ("chat", "/Maps/general", 20404),
            ("chat", "/v3/Nothing", 20404),
        ):
            with pytest.raises(ApiError) as refused:
                await door.request(grant, "GET", path)
            assert refused.value.code == code
        body = {"action": "cancel", "requests": []}
        with pytest.raises(ApiError) as refused:
            await door.request("chat", "POST", "/v4/Services/IS2/Subscriptions", body)
        assert refused.value.code == 54056

    asyncio.run(scenario())


def test_frames_of_a_failed_request_are_sent() -> None:
    async def scenario() -> None:
        door = Door()
        door.chat.source.change("general", "a", "{}")
        await door.subscribe("chat", map_sid("general"))
        door.chat.live.subscriber(door.client).hold()
        door.chat.live.publish(door.chat.source.change("general", "bob", "{}"))
        assert len(door.client.sent) == 1
        with pytest.raises(ApiError):
            await door.request("chat", "GET", "/v3/Maps/nothing")
        assert door.client.received()[-1][0] == "map_item_added"

    asyncio.run(scenario())
