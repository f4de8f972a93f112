"""Credentials by scheme: which routes accept Basic, which an access token in ``X-Twilio-Token``, on a mount of the
test's own."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api
from trunkline.api.http import ApiApplication
from trunkline.api.operation import Call, Empty, Mount, Product, fetch, update
from trunkline.api.principal import Access, Principal, Scheme
from trunkline.api.router import Router
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.products.accounts import facade
from trunkline.products.accounts.token_issuers import sign_token

PAIR = (ACCOUNT_SID, AUTH_TOKEN)


async def show_caller(tx: Tx, call: Call[Empty]) -> Principal:
    return call.principal


def view(principal: Principal, urls: Urls) -> Json:
    return {
        "account": principal.account_sid,
        "credential": principal.credential.value,
        "identity": principal.identity,
        "endpoint": principal.endpoint,
        "service": principal.service_sid,
    }


TOKEN = frozenset({Scheme.TOKEN})
BOTH = frozenset({Scheme.TOKEN, Scheme.BASIC})

MOUNT = Mount(
    "tests",
    "v1",
    (
        fetch("/Basic", show_caller, view),
        update("/Basic", show_caller, view, Empty),
        fetch("/Token", show_caller, view, schemes=TOKEN),
        fetch("/Both", show_caller, view, schemes=BOTH),
        update("/Both", show_caller, view, Empty, schemes=BOTH),
        fetch("/Main", show_caller, view, schemes=BOTH, access=Access.MAIN),
    ),
    grant="chat",
)


class Caller:
    """A client of the mount with a token, with Basic credentials, or both."""

    def __init__(self, api: Api) -> None:
        self._api = api
        door = api.node.application._door
        self.application = ApiApplication(
            msgspec.structs.replace(door, router=Router([Product("tests", (MOUNT,))]))
        )
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.application),  # type: ignore[arg-type]
            base_url="http://127.0.0.1:8080/tests/v1",
        )
        self.service_sid = api.post("/chat/v2/Services", {"FriendlyName": "x"}).json()["sid"]
        self.key, _ = api.run(
            facade.create_key(api.node.database, api.node.vault, ACCOUNT_SID, "", main=False)
        )

    def token(self, **grants: Any) -> str:
        """Return a token for the Chat Service, but for what is given."""
        section = {"service_sid": self.service_sid, "endpoint_id": "phone"}
        claims = {"identity": "alice", "chat": section, **grants}

        async def sign(tx: Tx) -> str:
            return await sign_token(tx, self._api.node.vault, self.key.sid, claims, 3600)

        return self._api.run(self._api.node.database.write(sign))

    def __call__(
        self,
        path: str,
        token: str | None = None,
        auth: tuple[str, str] | None = None,
        method: str = "GET",
        **marks: str,
    ) -> httpx.Response:
        headers = {**marks, **({} if token is None else {"X-Twilio-Token": token})}
        request = self._http.request(method, path, headers=headers, auth=auth)  # type: ignore[arg-type]
        response: httpx.Response = self._api.run(request)
        return response


@pytest.fixture
def call(api: Api) -> Caller:
    return Caller(api)


def test_a_mount_that_accepts_tokens_names_their_grant() -> None:
    for operation in MOUNT.operations[2:]:
        with pytest.raises(ValueError, match="grant"):
            Mount("tests", "v1", (operation,))
    Mount("tests", "v1", MOUNT.operations[:2])


@pytest.mark.parametrize("path", ["/Token", "/Both"])
def test_a_token_names_account_identity_endpoint_and_service(call: Caller, path: str) -> None:
    response = call(path, call.token())
    assert response.status_code == 200
    assert response.json() == {
        "account": ACCOUNT_SID,
        "credential": "access token",
        "identity": "alice",
        "endpoint": "phone",
        "service": call.service_sid,
    }
    other_name = {"chat": None, "ip_messaging": {"service_sid": call.service_sid}}
    assert call(path, call.token(**other_name)).json()["endpoint"] is None


def test_basic_credentials_are_accepted_beside_tokens_where_a_route_lists_both(call: Caller) -> None:
    assert call("/Both", auth=PAIR).json()["credential"] == "auth token"
    assert call("/Both", "", auth=PAIR).json()["credential"] == "auth token"
    assert call("/Both", call.token(), auth=PAIR).json()["credential"] == "access token"
    assert call("/Basic", call.token(), auth=PAIR).json()["credential"] == "auth token"


@pytest.mark.parametrize(
    ("path", "with_token", "auth"), [("/Basic", True, None), ("/Token", False, PAIR), ("/Both", False, None)]
)
def test_credentials_of_a_scheme_that_the_route_does_not_list_are_none(
    call: Caller, path: str, with_token: bool, auth: tuple[str, str] | None
) -> None:
    response = call(path, call.token() if with_token else None, auth)
    assert (response.status_code, response.json()["code"]) == (401, 20003)
    assert response.headers["www-authenticate"] == 'Basic realm="Twilio API"'


def test_a_page_of_another_origin_has_its_token_and_nothing_of_the_browsers(call: Caller) -> None:
    page = {"method": "POST", "Origin": "https://app.example"}
    assert call("/Both", call.token(), **page).json()["credential"] == "access token"
    assert call("/Both", call.token(), PAIR, **page).json()["credential"] == "access token"
    for path, token in (("/Both", None), ("/Both", ""), ("/Basic", call.token()), ("/Basic", "x")):
        refused = call(path, token, PAIR, **page)
        assert (refused.status_code, refused.json()["code"]) == (403, 20403), (path, token)
    assert call("/Basic", None, PAIR, method="POST").json()["credential"] == "auth token"


def test_a_token_has_no_full_access(call: Caller) -> None:
    response = call("/Main", call.token())
    assert (response.status_code, response.json()["code"]) == (401, 20003)


def test_a_refused_token_names_the_rule_that_it_breaks(call: Caller) -> None:
    unknown = {"service_sid": "IS" + "0" * 32}
    tokens = {
        20101: "no token",
        20106: call.token(chat=None),
        20107: call.token()[:-4] + "AAAA",
        51101: call.token(chat=unknown),
    }
    for code, token in tokens.items():
        response = call("/Both", token, PAIR)
        assert response.json()["code"] == code
        assert response.status_code == (403 if code == 51101 else 401)


def test_refused_tokens_count_as_failed_log_ins(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []

    async def hold(address: str) -> None:
        held.append(address)

    monkeypatch.setattr(call.application._failures, "hold", hold)
    call("/Token", "no token")
    call("/Token", call.token())
    call("/Basic", auth=(ACCOUNT_SID, "wrong"))
    assert held == ["127.0.0.1", "127.0.0.1"]
