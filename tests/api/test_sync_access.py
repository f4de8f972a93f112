"""Access control: what access tokens may do to Sync's objects, asked of the executor that all doors share."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from trunkline.api.errors import ApiError
from trunkline.api.execution import Request, Response
from trunkline.api.principal import Credential, Principal
from trunkline.api.router import Router
from trunkline.core.clock import system_clock
from trunkline.products import sync
from trunkline.products.sync.event_types import SyncEvent
from trunkline.products.sync.services import AccessChanged
from trunkline.settings.sync import SyncSettings

SERVICES = "/sync/v1/Services"


class Clients:
    """Holders of access tokens for one Service, and the operator of REST credentials beside them."""

    def __init__(self, api: Api, acl: bool) -> None:
        self.api = api
        self.sid = api.post(SERVICES, {"AclEnabled": str(acl).lower()}).json()["sid"]
        self.rest = f"{SERVICES}/{self.sid}"
        self._router = Router([sync.manifest(SyncSettings(sync_limits=False), system_clock).product])
        self._executor = api.node.application._door.executor

    def request(
        self, identity: str | None, method: str, path: str, form: dict[str, str] | None = None
    ) -> Any:
        """Return the status and JSON body of a request below the Service; an error's code stands for its
        body.
        """
        service, segments = self.sid, tuple(path.split("/"))
        token = Principal(
            ACCOUNT_SID, ACCOUNT_SID, Credential.TOKEN, identity=identity, endpoint="TN1", service_sid=service
        )
        whole = ("v1", "Services", service, *segments)
        match = self._router.match("sync", method, whole, "/" + "/".join(map(quote, whole)))
        request = Request(match, token, "http://h", "/", (), tuple((form or {}).items()))
        try:
            response: Response = self.api.run(self._executor.handle(request))
        except ApiError as error:
            return error.status, error.code
        return response.status, msgspec.json.decode(response.body) if response.body else None

    def grant(self, path: str, identity: str, **flags: bool) -> None:
        """Set a permission over REST."""
        form = {
            flag.capitalize(): str(flags.get(flag, False)).lower() for flag in ("read", "write", "manage")
        }
        assert self.api.post(f"{self.rest}/{path}/Permissions/{identity}", form).status_code == 200


@pytest.fixture
def clients(api: Api) -> Clients:
    return Clients(api, acl=True)


DATA = {"Data": '{"n":1}'}
OBJECTS = {
    "Documents": {"read": [("GET", "", None)], "write": [("POST", "", DATA), ("POST", "", {"Ttl": "0"})]},
    "Lists": {
        "read": [("GET", "", None), ("GET", "/Items", None), ("GET", "/Items/0", None)],
        "write": [
            ("POST", "/Items", DATA),
            ("POST", "/Items/0", DATA),
            ("DELETE", "/Items/0", None),
            ("POST", "", {"Ttl": "0"}),
        ],
    },
    "Maps": {
        "read": [("GET", "", None), ("GET", "/Items", None), ("GET", "/Items/k", None)],
        "write": [
            ("POST", "/Items", {"Key": "new", **DATA}),
            ("POST", "/Items/k", DATA),
            ("DELETE", "/Items/k", None),
            ("POST", "", {"Ttl": "0"}),
        ],
    },
}
FORBIDDEN = (403, 54007)


def settle(clients: Clients, kind: str) -> str:
    """Return an object ``o`` of REST's making, with an item where there can be one."""
    api, path = clients.api, f"{clients.rest}/{kind}"
    api.post(path, {"UniqueName": "o"})
    if kind != "Documents":
        api.post(f"{path}/o/Items", {"Key": "k", **DATA})
    return f"{kind}/o"


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize("flag", [None, "read", "write", "manage"])
def test_each_flag_opens_its_operations_alone(clients: Clients, kind: str, flag: str | None) -> None:
    path = settle(clients, kind)
    if flag:
        clients.grant(path, "bob", **{flag: True})
    for name, requests in OBJECTS[kind].items():
        for method, below, form in requests:
            status, code = clients.request("bob", method, path + below, form)
            assert (status < 300) if name == flag else ((status, code) == FORBIDDEN), (method, below)
            assert clients.request("carol", method, path + below, form) == FORBIDDEN
    assert clients.request("bob", "DELETE", path)[0] == (204 if flag == "manage" else 403)


def test_a_refusal_leaves_no_trace(clients: Clients) -> None:
    path = settle(clients, "Documents")
    announced: list[Any] = []
    clients.api.node.database.listen(announced.extend)
    assert clients.request("bob", "POST", path, DATA) == FORBIDDEN
    assert clients.request("bob", "DELETE", path) == FORBIDDEN
    assert clients.api.get(f"{clients.rest}/{path}").json()["revision"] == "0"
    assert announced == []


def test_what_is_not_there_stays_unknown(clients: Clients) -> None:
    assert clients.request("bob", "GET", "Documents/no") == (404, 54300)
    assert clients.request("bob", "POST", f"Documents/ET{'0' * 32}", DATA) == (404, 54100)
    assert clients.request("bob", "DELETE", f"Lists/ES{'0' * 32}") == (404, 54150)


def test_the_creators_identity_may_do_everything_and_nobody_else(clients: Clients) -> None:
    for kind in OBJECTS:
        status, body = clients.request("alice", "POST", kind, {"UniqueName": "own"})
        assert (status, body["created_by"]) == (201, "alice")
        assert clients.request("bob", "GET", f"{kind}/own") == FORBIDDEN
        assert clients.request("alice", "GET", f"{kind}/own")[0] == 200
        permission = clients.api.get(f"{clients.rest}/{kind}/own/Permissions/alice").json()
        assert [permission[flag] for flag in ("read", "write", "manage")] == [True] * 3
        assert clients.request("alice", "DELETE", f"{kind}/own")[0] == 204


def test_streams_are_open_to_every_token_and_removed_by_their_creator(clients: Clients) -> None:
    # REST's own name is no identity, and a token may be without one: neither has created anything.
    creators: list[str | None] = [None, "alice", "system", ""]
    for creator in creators:
        if creator is None:
            clients.api.post(f"{clients.rest}/Streams", {"UniqueName": "s"})
        else:
            assert clients.request(creator, "POST", "Streams", {"UniqueName": "s"})[0] == 201
        for identity in ("alice", "bob", "system", "", None):
            assert clients.request(identity, "GET", "Streams/s")[0] == 200
            assert clients.request(identity, "POST", "Streams/s/Messages", DATA)[0] == 201
            if identity != "alice" or creator != "alice":
                assert clients.request(identity, "POST", "Streams/s", {"Ttl": "9"}) == FORBIDDEN
                assert clients.request(identity, "DELETE", "Streams/s") == FORBIDDEN
        assert clients.api.get(f"{clients.rest}/Streams/s").json()["date_expires"] is None
        if creator == "alice":
            assert clients.request("alice", "POST", "Streams/s", {"Ttl": "9"})[0] == 200
            assert clients.request("alice", "DELETE", "Streams/s")[0] == 204
        else:
            assert clients.api.post(f"{clients.rest}/Streams/s", {"Ttl": "9"}).status_code == 200
            assert clients.api.delete(f"{clients.rest}/Streams/s").status_code == 204
    assert clients.request("bob", "DELETE", "Streams/s") == (404, 54300)
    assert clients.request("bob", "DELETE", f"Streams/TO{'0' * 32}") == (404, 54250)


def test_a_token_without_identity_gets_nothing_under_access_control(clients: Clients) -> None:
    path = settle(clients, "Documents")
    assert clients.request(None, "GET", path) == FORBIDDEN


def test_without_access_control_every_token_may_do_everything(api: Api) -> None:
    clients = Clients(api, acl=False)
    for kind, groups in OBJECTS.items():
        path = settle(clients, kind)
        for method, below, form in [*groups["read"], *groups["write"]]:
            assert clients.request("bob", method, path + below, form)[0] < 300, (method, path + below)
        assert clients.request("bob", "DELETE", path)[0] == 204
    clients.api.post(f"{clients.rest}/Streams", {"UniqueName": "s"})
    assert clients.request("bob", "POST", "Streams/s", {"Ttl": "9"})[0] == 200
    assert clients.request("bob", "DELETE", "Streams/s")[0] == 204


def test_the_author_of_a_change_is_told(clients: Clients) -> None:
    announced: list[Any] = []
    clients.api.node.database.listen(announced.extend)
    clients.request("alice", "POST", "Lists", {"UniqueName": "l"})
    status, item = clients.request("alice", "POST", "Lists/l/Items", DATA)
    assert (status, item["created_by"]) == (201, "alice")
    events = [one for one in announced if isinstance(one, SyncEvent)]
    assert [(one.type.value, one.actor.identity, one.actor.endpoint) for one in events] == [
        ("list_created", "alice", "TN1"),
        ("list_item_added", "alice", "TN1"),
    ]


def test_changes_of_access_are_announced(clients: Clients) -> None:
    path = settle(clients, "Documents")
    sid = clients.api.get(f"{clients.rest}/{path}").json()["sid"]
    announced: list[Any] = []
    clients.api.node.database.listen(announced.extend)
    clients.grant(path, "bob", read=True)
    clients.grant(path, "bob")
    clients.api.post(clients.rest, {"AclEnabled": "false"})
    clients.api.post(clients.rest, {"FriendlyName": "no matter"})
    clients.api.delete(clients.rest)
    changed = AccessChanged(clients.sid, sid, "bob")
    everybody = AccessChanged(clients.sid)
    assert announced == [changed, changed, everybody, everybody]


def test_a_token_is_good_for_its_service_alone(api: Api) -> None:
    clients = Clients(api, acl=False)
    mine = clients.sid
    other = Clients(api, acl=False)
    settle(other, "Documents")
    assert other.request("bob", "GET", "Documents/o")[0] == 200
    token = Principal(
        ACCOUNT_SID, ACCOUNT_SID, Credential.TOKEN, identity="bob", endpoint="TN1", service_sid=mine
    )
    match = other._router.match("sync", "GET", ("v1", "Services", other.sid, "Documents", "o"), "/")
    with pytest.raises(ApiError) as refused:
        api.run(other._executor.handle(Request(match, token, "http://h", "/")))
    assert (refused.value.status, refused.value.code) == (403, 54056)
    assert_error(api.get(f"{SERVICES}/IS{'0' * 32}/Documents"), 404, 54050)
