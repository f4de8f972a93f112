"""Every operation, called by every kind of principal: who gets through to the action, and acting for whom.

The actions are replaced by a spy, so that the table is about credentials alone and covers whatever is mounted.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api
from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty, Operation, OperationKind, Product
from trunkline.api.principal import Access, Credential
from trunkline.api.router import Route, Router
from trunkline.app.products import products
from trunkline.core.storage.database import Tx
from trunkline.products.accounts import facade, store

Pair = tuple[str, str]


class Spy:
    """A stand-in for every action that reports the account that got through."""

    def __init__(self) -> None:
        self.calls: list[Call[Any]] = []

    async def __call__(self, tx: Tx, call: Call[Any]) -> None:
        self.calls.append(call)
        raise ApiError(20404, "the spy was reached")

    def on(self, product: Product) -> Product:
        """Return the product with the spy in every operation, and no parameter to get wrong."""
        mounts = [
            msgspec.structs.replace(mount, operations=tuple(map(self._operation, mount.operations)))
            for mount in product.mounts
        ]
        return msgspec.structs.replace(product, mounts=tuple(mounts))

    def _operation(self, operation: Operation) -> Operation:
        return msgspec.structs.replace(
            operation,
            action=self,
            input=Empty,
            ordering=None,
            limit=None,
            prepare=None,
            test_action=self if operation.test_action else None,
        )


class Callers(NamedTuple):
    """One of each kind."""

    full: dict[str, Pair]
    standard: Pair
    unrelated: Pair
    sub: Pair
    suspended: Pair
    foreign: Pair


def pair(made: tuple[store.Key, str]) -> Pair:
    return made[0].sid, made[1]


async def restricted(api: Api, *permissions: str) -> Pair:
    """Return a key with this policy, past the API's bound on its length."""

    async def make(tx: Tx) -> Pair:
        policy = json.dumps({"allow": permissions})
        kind = Credential.RESTRICTED_KEY
        return pair(await store.insert_key(tx, api.node.vault, ACCOUNT_SID, "", kind=kind, policy=policy))

    return await api.node.database.write(make)


@pytest.fixture
def callers(api: Api) -> Callers:
    database, vault = api.node.database, api.node.vault
    secondary = api.post("/v1/AuthTokens/Secondary").json()["secondary_auth_token"]
    sub, suspended = (api.post("/2010-04-01/Accounts.json").json() for _ in range(2))
    api.post(f"/2010-04-01/Accounts/{suspended['sid']}.json", {"Status": "suspended"})
    foreign = api.run(facade.create_main_account(database, vault, "other"))

    def key(main: bool) -> Pair:
        return pair(api.run(facade.create_key(database, vault, ACCOUNT_SID, "", main=main)))

    return Callers(
        {
            "auth token": (ACCOUNT_SID, AUTH_TOKEN),
            "secondary": (ACCOUNT_SID, secondary),
            "main key": key(True),
        },
        key(False),
        api.run(restricted(api, "/twilio/elsewhere/things/read")),
        (sub["sid"], sub["auth_token"]),
        (suspended["sid"], suspended["auth_token"]),
        (foreign.account.sid, foreign.auth_token),
    )


class Table:
    """Requests and their outcomes."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._spy = Spy()
        self.routes = Router([self._spy.on(manifest.product) for manifest in products(api.node.settings)])
        application = api.node.application
        application._door = msgspec.structs.replace(application._door, router=self.routes)

    def outcome(
        self, route: Route, caller: Pair | None, account_sid: str = ACCOUNT_SID
    ) -> tuple[int, int] | str:
        """Return status and code of the error, or the account for which the action was reached."""
        path = route.operation.path.replace("{AccountSid}", account_sid)
        path = re.sub(r"\{[^}]+\}", "XX" + "0" * 32, path)
        url = f"http://localhost/{route.mount.host}/{route.mount.version}{path}"
        client: httpx.AsyncClient = self._api._client.client
        self._spy.calls.clear()
        response = self._api.run(client.request(route.operation.method, url, auth=caller))
        body = response.json()
        if self._spy.calls:
            assert body["message"] == "the spy was reached"
            return self._spy.calls[0].account_sid
        if body["status"] == 401:
            assert response.headers["www-authenticate"] == 'Basic realm="Twilio API"'
        return response.status_code, body["code"]


@pytest.fixture
def table(api: Api, callers: Callers, monkeypatch: pytest.MonkeyPatch) -> Table:
    async def at_once(address: str) -> None:
        """Skip the delay of wrong credentials, which another test covers."""

    monkeypatch.setattr(api.node.application._failures, "hold", at_once)
    return Table(api)


MESSAGES_OF = "/Accounts/{AccountSid}"
REFUSED, UNPERMITTED, INACTIVE, UNKNOWN = (401, 20003), (401, 70051), (403, 20005), (404, 20404)


def test_every_operation_takes_the_credentials_that_it_should_and_no_others(
    table: Table, callers: Callers
) -> None:
    for route in table.routes.routes:
        main = route.operation.access is Access.MAIN
        expected: list[tuple[str, Pair | None, Any]] = [
            ("nobody", None, REFUSED),
            ("wrong token", (ACCOUNT_SID, "x"), REFUSED),
            ("wrong secret", (callers.standard[0], AUTH_TOKEN), REFUSED),
            ("unknown account", ("AC" + "9" * 32, AUTH_TOKEN), REFUSED),
            *((name, caller, ACCOUNT_SID) for name, caller in callers.full.items()),
            ("standard key", callers.standard, REFUSED if main else ACCOUNT_SID),
            ("restricted key", callers.unrelated, REFUSED if main else UNPERMITTED),
            ("suspended", callers.suspended, INACTIVE),
        ]
        if "{AccountSid}" not in route.operation.path:
            expected += [
                ("sub", callers.sub, callers.sub[0]),
                ("foreign", callers.foreign, callers.foreign[0]),
            ]
        for name, caller, wanted in expected:
            assert table.outcome(route, caller) == wanted, f"{name} on {route.name}"


def test_a_path_that_names_an_account_is_for_it_and_its_parent(table: Table, callers: Callers) -> None:
    routes = [route for route in table.routes.routes if "{AccountSid}" in route.operation.path]
    assert routes
    for route in routes:
        main = route.operation.access is Access.MAIN
        sub, token = callers.sub[0], callers.full["auth token"]
        for caller, account_sid, wanted in (
            (token, sub, sub),
            (callers.full["main key"], sub, sub),
            (callers.standard, sub, REFUSED if main else UNKNOWN),
            (callers.sub, sub, sub),
            (callers.sub, ACCOUNT_SID, UNKNOWN),
            (callers.sub, callers.suspended[0], UNKNOWN),
            (callers.foreign, ACCOUNT_SID, UNKNOWN),
            (callers.foreign, sub, UNKNOWN),
            (token, callers.foreign[0], UNKNOWN),
            (token, callers.suspended[0], INACTIVE),
            (callers.suspended, ACCOUNT_SID, INACTIVE),
            (token, "AC" + "9" * 32, UNKNOWN),
            (token, "nope", UNKNOWN),
        ):
            assert table.outcome(route, caller, account_sid) == wanted, f"{caller[0]} on {route.name}"


def test_test_credentials_reach_the_operations_with_a_test_action(
    table: Table, callers: Callers, api: Api
) -> None:
    reached = set()
    for sid in (ACCOUNT_SID, callers.suspended[0]):
        mine = api.run(facade.test_credentials(api.node.database, api.node.vault, sid))
        for route in table.routes.routes:
            found = table.outcome(route, mine, mine[0])
            if sid == callers.suspended[0]:
                assert found == INACTIVE, route.name
            elif route.operation.test_action:
                reached.add(route.operation.path)
                assert found == mine[0], route.name
                assert table.outcome(route, mine, ACCOUNT_SID) == UNKNOWN, route.name
            else:
                assert found == (403, 20008), route.name
            assert table.outcome(route, (mine[0], AUTH_TOKEN), mine[0]) == REFUSED, route.name
    assert f"{MESSAGES_OF}/Messages" in reached


def test_a_permission_opens_the_operations_it_names_and_no_others(table: Table, api: Api) -> None:
    routes = [route for route in table.routes.routes if route.operation.access is Access.ANY_KEY]

    def words(route: Route) -> set[str]:
        kinds = {OperationKind.LIST: {"list", "read"}}.get(route.operation.kind, {route.operation.kind.value})
        return {f"/twilio/{route.resource}/{kind}" for kind in kinds}

    everything = sorted({word for route in routes for word in words(route)})
    for route in routes:
        own = api.run(restricted(api, *words(route)))
        assert table.outcome(route, own) == ACCOUNT_SID, route.name
        rest = api.run(restricted(api, *(word for word in everything if word not in words(route))))
        assert table.outcome(route, rest) == UNPERMITTED, route.name
