"""Roles of Programmable Chat over the API."""

from __future__ import annotations

from typing import Any

from api.conftest import ACCOUNT_SID, Api, assert_error

V1, V2 = "/chat/v1/Services", "/chat/v2/Services"
ROOTS = (V1, V2, "/ip-messaging/v1/Services", "/ip-messaging/v2/Services")
BASE = "http://127.0.0.1:8080"
UNKNOWN = "RL" + "0" * 32

Pairs = list[tuple[str, str]]


def service(api: Api, **options: Any) -> dict[str, Any]:
    """Return a new Service."""
    body: dict[str, Any] = api.post(V1, {"FriendlyName": "of roles"}, **options).json()
    return body


def form(name: str, kind: str, *permissions: str) -> Pairs:
    """Return the form of a new role, as the SDKs send it: the name of a list repeats."""
    return [("FriendlyName", name), ("Type", kind), *granted(*permissions)]


def granted(*permissions: str) -> Pairs:
    """Return the form of an update."""
    return [("Permission", permission) for permission in permissions]


def make(api: Api, sid: str) -> dict[str, Any]:
    """Return a new role of a Service, a second later than the one before."""
    api.clock.advance(1)
    created = api.post(f"{V1}/{sid}/Roles", form("talker", "channel", "sendMessage"))
    assert created.status_code == 201
    body: dict[str, Any] = created.json()
    return body


def test_a_service_starts_with_four_roles(api: Api) -> None:
    sid = service(api)["sid"]
    for root in ROOTS:
        page = api.get(f"{root}/{sid}/Roles").json()
        assert page["meta"]["key"] == "roles"
        assert [(role["friendly_name"], role["type"]) for role in page["roles"]] == [
            ("service admin", "deployment"),
            ("service user", "deployment"),
            ("channel admin", "channel"),
            ("channel user", "channel"),
        ]
        permissions = {role["friendly_name"]: role["permissions"] for role in page["roles"]}
        assert permissions["service user"] == ["createChannel", "joinChannel", "editOwnUserInfo"]
        assert permissions["channel user"][:4] == [
            "sendMessage",
            "leaveChannel",
            "editOwnMessage",
            "deleteOwnMessage",
        ]
        assert (len(permissions["service admin"]), len(permissions["channel admin"])) == (13, 14)


def test_a_role_is_created_fetched_updated_and_deleted_on_every_host_and_version(api: Api) -> None:
    sid = service(api)["sid"]
    for root in ROOTS:
        roles = f"{root}/{sid}/Roles"
        api.clock.advance(60)
        created = api.post(roles, form("n" * 64, "deployment", "joinChannel", "addMember", "joinChannel"))
        assert created.status_code == 201
        body = created.json()
        assert body == {
            "sid": body["sid"],
            "account_sid": ACCOUNT_SID,
            "service_sid": sid,
            "friendly_name": "n" * 64,
            "type": "deployment",
            "permissions": ["joinChannel", "addMember"],
            "date_created": body["date_created"],
            "date_updated": body["date_created"],
            "url": f"{BASE}{roles}/{body['sid']}",
        }
        assert api.get(body["url"]).json() == body
        assert api.get(roles).json()["roles"][4:] == [body]
        api.clock.advance(60)
        renamed = [("FriendlyName", "x"), ("Type", "channel")]
        updated = api.post(body["url"], granted("editOwnUserInfo", "createChannel") + renamed)
        assert updated.status_code == 200
        later = updated.json()["date_updated"]
        assert later > body["date_updated"]
        changed = {"permissions": ["editOwnUserInfo", "createChannel"], "date_updated": later}
        assert updated.json() == {**body, **changed} == api.get(body["url"]).json()
        assert api.delete(body["url"]).status_code == 204
        path = f"/Services/{sid}/Roles/{body['sid']}"
        for gone in (
            api.get(body["url"]),
            api.post(body["url"], granted("joinChannel")),
            api.delete(body["url"]),
        ):
            assert assert_error(gone, 404, 20404)["message"] == f"The requested resource {path} was not found"


def test_a_bad_role_is_refused_and_nothing_is_made(api: Api) -> None:
    roles = f"{V2}/{service(api)['sid']}/Roles"
    good = form("x", "channel", "sendMessage")
    bad: list[tuple[Pairs, int]] = [
        (good[1:], 50000),
        (form("", "channel", "sendMessage"), 50000),
        (form("x" * 65, "channel", "sendMessage"), 50003),
        (form("x", "service", "sendMessage"), 50105),
        (form("x", "Channel", "sendMessage"), 50105),
        ([good[0], good[2]], 50105),
        (good[:2], 20001),
        (form("x", "channel", ""), 20001),
        (form("x", "channel", "fly"), 50104),
        (form("x", "channel", "sendMessage", ""), 50104),
        (form("x", "channel", "sendMessage", "createChannel"), 50104),
        (form("x", "deployment", "sendMessage"), 50104),
        (form("x", "deployment", "deleteOwnMessage"), 50104),
    ]
    refused = [api.post(roles, attempt) for attempt, _ in bad]
    assert [response.json()["code"] for response in refused] == [code for _, code in bad]
    assert {response.status_code for response in refused} == {400}
    assert len(api.get(roles).json()["roles"]) == 4


def test_a_bad_update_changes_nothing(api: Api) -> None:
    role = make(api, service(api)["sid"])
    for permissions, code in (((), 20001), (("",), 20001), (("fly",), 50104), (("createChannel",), 50104)):
        assert_error(api.post(role["url"], granted(*permissions)), 400, code)
    assert api.get(role["url"]).json() == role


def test_a_default_role_stays_until_another_takes_its_place(api: Api) -> None:
    owner = service(api)
    for default in (
        "default_service_role_sid",
        "default_channel_role_sid",
        "default_channel_creator_role_sid",
    ):
        assert_error(api.delete(f"{V1}/{owner['sid']}/Roles/{owner[default]}"), 409, 20409)
    role = make(api, owner["sid"])
    assert api.post(owner["url"], {"DefaultChannelRoleSid": role["sid"]}).status_code == 200
    assert_error(api.delete(role["url"]), 409, 20409)
    old = f"{V1}/{owner['sid']}/Roles/{owner['default_channel_role_sid']}"
    assert api.delete(old).status_code == 204
    assert api.get(owner["url"]).json()["default_channel_role_sid"] == role["sid"]


def test_a_role_does_not_become_a_default_while_it_is_deleted(api: Api) -> None:
    owner = service(api)
    for _ in range(5):
        role = make(api, owner["sid"])
        chosen, deleted = api.together(
            ("POST", owner["url"], {"DefaultChannelRoleSid": role["sid"]}), ("DELETE", role["url"], None)
        )
        assert (chosen.status_code, deleted.status_code) in ((200, 409), (400, 204))
        default = api.get(owner["url"]).json()["default_channel_role_sid"]
        assert api.get(f"{V1}/{owner['sid']}/Roles/{default}").status_code == 200


def test_roles_made_while_their_service_is_deleted_leave_nothing(api: Api) -> None:
    owner = service(api)
    new = {"FriendlyName": "x", "Type": "channel", "Permission": "sendMessage"}
    roles = ("POST", f"{V1}/{owner['sid']}/Roles", new)
    made, deleted, late = api.together(roles, ("DELETE", owner["url"], None), roles)
    assert deleted.status_code == 204
    assert {made.status_code, late.status_code} <= {201, 403}
    assert_error(api.get(f"{V1}/{owner['sid']}/Roles"), 403, 50050)


def test_roles_are_those_of_their_service_and_account(api: Api) -> None:
    mine, second = service(api), service(api)
    role = make(api, mine["sid"])
    other = api.post("/api/2010-04-01/Accounts.json", {"FriendlyName": "other"}).json()
    auth = (other["sid"], other["auth_token"])
    elsewhere = f"{V1}/{second['sid']}/Roles/{role['sid']}"
    for response in (
        api.get(elsewhere),
        api.post(elsewhere, granted("leaveChannel")),
        api.delete(elsewhere),
        api.get(f"{V1}/{mine['sid']}/Roles/{UNKNOWN}"),
    ):
        assert_error(response, 404, 20404)
    unknown = f"{V1}/IS{'0' * 32}/Roles"
    new = form("x", "channel", "sendMessage")
    for url, given in ((f"{V1}/{mine['sid']}/Roles", {"auth": auth}), (unknown, {})):
        one = f"{url}/{role['sid']}"
        for response in (
            api.get(url, **given),
            api.post(url, new, **given),
            api.get(one, **given),
            api.post(one, granted("leaveChannel"), **given),
            api.delete(one, **given),
        ):
            assert assert_error(response, 403, 50050)["message"] == "Service instance not found"
    own = service(api, auth=auth)
    assert_error(api.get(f"{V1}/{own['sid']}/Roles/{role['sid']}", auth=auth), 404, 20404)
    assert api.get(role["url"]).json() == role


def test_pages_of_roles_end_at_the_maximum_of_their_version(api: Api) -> None:
    sid = service(api)["sid"]
    made = [make(api, sid)["sid"] for _ in range(2)]
    for root, maximum in zip(ROOTS, (1000, 100, 1000, 100), strict=True):
        assert api.get(f"{root}/{sid}/Roles", {"PageSize": 1000}).json()["meta"]["page_size"] == maximum
    first = api.get(f"{V2}/{sid}/Roles", {"PageSize": 4}).json()
    second = api.get(first["meta"]["next_page_url"]).json()
    assert [role["sid"] for role in second["roles"]] == made
    back = api.get(second["meta"]["previous_page_url"]).json()
    assert back["roles"] == first["roles"]
