"""From method and path to an operation."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.api.errors import ApiError
from trunkline.api.operation import Empty, Mount, Operation, Product, create, delete, fetch, listing, update
from trunkline.api.router import Match, Router
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx


async def act(tx: Tx, call: Any) -> None:
    """Do nothing."""


def view(row: Any, urls: Urls) -> Json:
    """Do nothing."""
    return {}


SERVICES = (
    create("/Services", act, view, Empty),
    listing("/Services", "services", act, view),
    fetch("/Services/{Sid}", act, view),
    update("/Services/{Sid}", act, view, Empty),
    delete("/Services/{Sid}", act),
    fetch("/Services/{ServiceSid}/Users/{Sid}", act, view),
    fetch("/Services/{ServiceSid}/Items/{Key+}", act, view),
    fetch("/Services/{ServiceSid}/Items/{Key}/Tags", act, view),
    update("/Services/PreregisteredUsecase", act, view, Empty),
)
ACCOUNTS = (listing("/Accounts", "accounts", act, view), fetch("/Accounts/{Sid}", act, view))
MESSAGES = (fetch("/Accounts/{AccountSid}/Messages/{Sid}", act, view),)

ROUTER = Router(
    [
        Product("chat", (Mount("chat", "v2", SERVICES), Mount("ip-messaging", "v2", SERVICES))),
        Product("accounts", (Mount("api", "2010-04-01", ACCOUNTS, suffix=True),)),
        Product("messaging", (Mount("api", "2010-04-01", MESSAGES, suffix=True),)),
        Product("start", (Mount("", "", (fetch("/", act, view),), private=True),)),
    ]
)


def match(method: str, path: str, host: str = "chat") -> Match:
    return ROUTER.match(host, method, tuple(path.strip("/").split("/")) if path != "/" else (), path)


@pytest.mark.parametrize(
    ("method", "path", "host", "name", "variables"),
    [
        ("POST", "/v2/Services", "chat", "chat.services.create", {}),
        ("GET", "/v2/Services", "ip-messaging", "chat.services.list", {}),
        ("GET", "/v2/Services/IS1", "chat", "chat.services.fetch", {"Sid": "IS1"}),
        ("GET", "/v2/Services/a b/c", "chat", "", {}),
        ("DELETE", "/v2/Services/..", "chat", "chat.services.delete", {"Sid": ".."}),
        ("GET", "/v2/Services/IS1/Users/u", "chat", "chat.users.fetch", {"ServiceSid": "IS1", "Sid": "u"}),
        ("POST", "/v2/Services/PreregisteredUsecase", "chat", "chat.preregisteredusecase.update", {}),
        ("GET", "/2010-04-01/Accounts.json", "api", "accounts.accounts.list", {}),
        ("GET", "/2010-04-01/Accounts", "api", "accounts.accounts.list", {}),
        ("GET", "/2010-04-01/Accounts/AC1.json", "api", "accounts.accounts.fetch", {"Sid": "AC1"}),
        (
            "GET",
            "/2010-04-01/Accounts/AC1/Messages/SM1.json",
            "api",
            "messaging.messages.fetch",
            {"AccountSid": "AC1", "Sid": "SM1"},
        ),
        ("GET", "/2010-04-01/Accounts.xml", "api", "", {}),
        ("GET", "/2010-04-01/Accounts/.json", "api", "", {}),
        ("GET", "/2010-04-01.json", "api", "", {}),
        ("GET", "/v2/Services.json", "chat", "", {}),
        ("GET", "/v3/Services", "chat", "", {}),
        ("GET", "/v2/services", "chat", "", {}),
        ("GET", "/v2/Services//Users/u", "chat", "", {}),
        ("GET", "/v2/Services/IS1/Users", "chat", "", {}),
        ("GET", "/v2", "chat", "", {}),
        ("GET", "/", "chat", "", {}),
        ("GET", "/v2/Services", "sync", "", {}),
        ("GET", "/v2/Services", "", "", {}),
    ],
)
def test_a_path_leads_to_its_operation_or_to_a_404_that_names_it(
    method: str, path: str, host: str, name: str, variables: dict[str, str]
) -> None:
    if name:
        found = match(method, path, host)
        assert (found.route.name, found.path) == (name, variables)
        return
    with pytest.raises(ApiError) as refused:
        match(method, path, host)
    assert (refused.value.code, refused.value.message) == (
        20404,
        f"The requested resource {path} was not found",
    )


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v2/Services/IS1", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("PATCH", "/v2/Services/IS1", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/v2/Services", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/v2/Services/PreregisteredUsecase", "OPTIONS, POST"),
        ("PROPFIND", "/v2/Services/IS1/Users/u", "GET, HEAD, OPTIONS"),
    ],
)
def test_another_method_on_a_known_path_is_a_405_that_tells_the_right_ones(
    method: str, path: str, allowed: str
) -> None:
    with pytest.raises(ApiError) as refused:
        match(method, path)
    assert (refused.value.status, refused.value.code) == (405, 20004)
    assert refused.value.headers == {"Allow": allowed}


def test_two_operations_on_one_method_and_path_are_a_mistake() -> None:
    twice: tuple[Operation, ...] = (fetch("/A/{Sid}", act, view), listing("/A/{Name}", "as", act, view))
    with pytest.raises(ValueError, match="two operations"):
        Router([Product("x", (Mount("x", "v1", twice),))])


def test_the_names_of_variables_may_differ_below_one_node() -> None:
    assert match("GET", "/v2/Services/IS1").path == {"Sid": "IS1"}
    assert match("GET", "/v2/Services/IS1/Users/U").path == {"ServiceSid": "IS1", "Sid": "U"}
    assert ROUTER.hosts == {"chat", "ip-messaging", "api"}


@pytest.mark.parametrize(
    ("rest", "name", "key"),
    [
        ("k", "chat.items.fetch", "k"),
        ("a/b", "chat.items.fetch", "a/b"),
        ("a//b", "chat.items.fetch", "a//b"),
        ("a/", "chat.items.fetch", "a/"),
        ("a/Tags", "chat.tags.fetch", "a"),
        ("a/b/Tags", "chat.items.fetch", "a/b/Tags"),
    ],
)
def test_a_free_key_may_take_the_remainder_of_the_path(rest: str, name: str, key: str) -> None:
    path = f"/v2/Services/IS1/Items/{rest}"
    segments = tuple(path.removeprefix("/").removesuffix("/").split("/"))
    found = ROUTER.match("chat", "GET", segments, path)
    assert (found.route.name, found.path["Key"]) == (name, key)


def test_tunnel_mounts_are_out_of_reach_of_http() -> None:
    tunnel = Mount("chat", "v3", SERVICES, tunnel=True)
    router = Router([Product("sync", (Mount("sync", "v1", SERVICES), tunnel))])
    segments = ("v3", "Services")
    assert router.hosts == {"sync"}
    for host in ("chat", "sync", ""):
        with pytest.raises(ApiError) as refused:
            router.match(host, "GET", segments, "/v3/Services")
        assert refused.value.code == 20404
    assert router.match_tunnel("sync", "GET", segments, "/v3/Services").route.mount is tunnel
    for product, method, code in (("chat", "GET", 20404), ("sync", "PUT", 20004)):
        with pytest.raises(ApiError) as refused:
            router.match_tunnel(product, method, segments, "/v3/Services")
        assert refused.value.code == code
    with pytest.raises(ApiError):
        router.match_tunnel("sync", "GET", (), "/")


@pytest.mark.parametrize(
    ("host", "path", "product"),
    [
        ("chat", "", "chat"),
        ("ip-messaging", "v9/Services", "chat"),
        ("chat", "v2/Nope", "chat"),
        ("chat", "v2/Services/IS1/Items/a/b/c", "chat"),
        ("api", "2010-04-01", ""),
        ("api", "1999-01-01/Accounts", ""),
        ("api", "2010-04-01/Accounts.json", "accounts"),
        ("api", "2010-04-01/Accounts/AC1/Nope.json", "accounts"),
        ("api", "2010-04-01/Accounts/AC1/Messages.json", "messaging"),
        ("api", "2010-04-01/Accounts/AC1/Messages/SM1/Nope.json", "messaging"),
        ("", "v2/Services", ""),
        ("nobody", "", ""),
        ("", "", ""),
        ("", "nowhere", ""),
        ("", "//nowhere", ""),
    ],
)
def test_what_is_not_found_has_the_product_around_it(host: str, path: str, product: str) -> None:
    assert ROUTER.product_of(host, tuple(path.split("/")) if path else ()) == product
