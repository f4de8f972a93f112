"""Services of Programmable Chat over the API."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error

V1, V2 = "/chat/v1/Services", "/chat/v2/Services"
ROOTS = (V1, V2, "/ip-messaging/v1/Services", "/ip-messaging/v2/Services")
BASE = "http://127.0.0.1:8080"
UNKNOWN = "IS" + "0" * 32
QUIET = {
    "log_enabled": False,
    "new_message": {"enabled": False},
    "added_to_channel": {"enabled": False},
    "invited_to_channel": {"enabled": False},
    "removed_from_channel": {"enabled": False},
}


def make(api: Api, root: str = V1, **options: Any) -> dict[str, Any]:
    """Return a new Service, a second later than the one before."""
    api.clock.advance(1)
    created = api.post(root, {"FriendlyName": "fresh"}, **options)
    assert created.status_code == 201
    body: dict[str, Any] = created.json()
    return body


def subaccount(api: Api) -> tuple[str, str]:
    """Return the credentials of another account."""
    body = api.post("/api/2010-04-01/Accounts.json", {"FriendlyName": "other"}).json()
    return body["sid"], body["auth_token"]


def rejections(api: Api, url: str, attempts: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """Return the attempts to set a parameter to a value, with the codes they were refused with."""
    made = []
    for name, value, _ in attempts:
        response = api.post(url, {name: value})
        assert response.status_code == 400, (name, value[:80], response.text)
        made.append((name, value, response.json()["code"]))
    return made


def test_a_fresh_service_is_as_documented_on_every_host_and_version(api: Api) -> None:
    for root in ROOTS:
        body = make(api, root)
        url = f"{BASE}{root}/{body['sid']}"
        links = {"channels": f"{url}/Channels", "users": f"{url}/Users", "roles": f"{url}/Roles"}
        roles = {role["friendly_name"]: role["sid"] for role in api.get(f"{url}/Roles").json()["roles"]}
        shared = {
            "sid": body["sid"],
            "account_sid": ACCOUNT_SID,
            "friendly_name": "fresh",
            "date_created": body["date_created"],
            "date_updated": body["date_created"],
            "default_service_role_sid": roles["service user"],
            "default_channel_role_sid": roles["channel user"],
            "default_channel_creator_role_sid": roles["channel admin"],
            "read_status_enabled": True,
            "reachability_enabled": False,
            "typing_indicator_timeout": 5,
            "consumption_report_interval": 10,
            "limits": {"channel_members": 250, "user_channels": 100},
            "pre_webhook_url": None,
            "post_webhook_url": None,
            "webhook_method": "POST",
            "webhook_filters": None,
            "notifications": QUIET,
            "url": url,
        }
        media = {
            "size_limit_mb": 150,
            "compatibility_message": "Media messages are not supported by your client",
        }
        if root.endswith("v1/Services"):
            own: dict[str, Any] = {"webhooks": {}, "links": links}
        else:
            own = {
                "media": media,
                "pre_webhook_retry_count": 0,
                "post_webhook_retry_count": 0,
                "links": {**links, "bindings": f"{url}/Bindings"},
            }
        assert body == {**shared, **own}
        assert api.get(url).json() == body


def test_hosts_and_versions_show_one_store(api: Api) -> None:
    sids = [make(api, root)["sid"] for root in ROOTS]
    for root in ROOTS:
        page = api.get(root).json()
        assert [row["sid"] for row in page["services"]] == sids
        assert all(row["url"].startswith(f"{BASE}{root}/") for row in page["services"])
    by_host = api.get(f"/v1/Services/{sids[0]}", headers={"Host": "ip-messaging.twilio.com"}).json()
    assert by_host["url"] == f"http://ip-messaging.twilio.com/v1/Services/{sids[0]}"
    assert list(by_host["links"]) == ["channels", "users", "roles"]
    assert api.delete(f"{ROOTS[3]}/{sids[0]}").status_code == 204
    assert_error(api.get(f"{V1}/{sids[0]}"), 404, 20404)


def test_names_have_the_length_of_their_version(api: Api) -> None:
    for root, length in ((V1, 64), (V2, 256)):
        assert api.post(root, {"FriendlyName": "é" * length}).json()["friendly_name"] == "é" * length
        url = make(api, root)["url"]
        assert api.post(url, {"FriendlyName": "n" * length}).json()["friendly_name"] == "n" * length
        for target in (root, url):
            assert_error(api.post(target, {"FriendlyName": "n" * (length + 1)}), 400, 50003)
            assert_error(api.post(target, {"FriendlyName": ""}), 400, 50000)
        assert_error(api.post(root), 400, 50000)
    assert len(api.get(V1).json()["services"]) == 4


def test_pages_hold_at_most_100_services(api: Api) -> None:
    for root in ROOTS:
        assert api.get(root, {"PageSize": 500}).json()["meta"]["page_size"] == 100
    assert_error(api.get(V1, {"PageSize": "0"}), 400, 20001)
    sids = [make(api)["sid"] for _ in range(3)]
    first = api.get(V2, {"PageSize": 2}).json()
    second = api.get(first["meta"]["next_page_url"]).json()
    assert [row["sid"] for row in first["services"] + second["services"]] == sids
    assert second["meta"]["next_page_url"] is None


PUSHES = {
    "NewMessage": "new_message",
    "AddedToChannel": "added_to_channel",
    "InvitedToChannel": "invited_to_channel",
    "RemovedFromChannel": "removed_from_channel",
}
EVENTS = {
    f"On{kind}{verb}": f"on_{kind.lower()}_{verb.lower()}"
    for kind, verbs in {
        "Message": ("Send", "Sent", "Update", "Updated", "Remove", "Removed"),
        "Channel": ("Add", "Added", "Destroy", "Destroyed", "Update", "Updated"),
        "Member": ("Add", "Added", "Remove", "Removed"),
    }.items()
    for verb in verbs
}


def scalars(body: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return parameters that both versions take, and what then stands in the Service; the two channel roles
    swap.
    """
    wanted = {
        "friendly_name": "renamed",
        "default_service_role_sid": body["default_service_role_sid"],
        "default_channel_role_sid": body["default_channel_creator_role_sid"],
        "default_channel_creator_role_sid": body["default_channel_role_sid"],
        "read_status_enabled": False,
        "reachability_enabled": True,
        "typing_indicator_timeout": 100,
        "consumption_report_interval": 101,
        "pre_webhook_url": "https://example.com/pre?a=1",
        "post_webhook_url": "https://example.com/post",
        "webhook_method": "GET",
    }
    form = {
        "".join(part.capitalize() for part in name.split("_")): str(value) for name, value in wanted.items()
    }
    return form, wanted


def test_all_parameters_of_version_1_at_once(api: Api) -> None:
    fresh = make(api)
    form, wanted = scalars(fresh)
    form |= {"Limits.ChannelMembers": "1000", "Limits.UserChannels": "1"}
    wanted["limits"] = {"channel_members": 1000, "user_channels": 1}
    wanted["notifications"] = {"log_enabled": False}
    for name, key in PUSHES.items():
        form |= {
            f"Notifications.{name}.Enabled": "true",
            f"Notifications.{name}.Template": f"{name} ${{USER}}",
        }
        wanted["notifications"][key] = {"enabled": True, "template": f"{name} ${{USER}}"}
    wanted["webhooks"] = {}
    for name, key in EVENTS.items():
        url = f"https://example.com/{name}"
        form |= {
            f"Webhooks.{name}.Url": url,
            f"Webhooks.{name}.Method": "PUT",
            f"Webhooks.{name}.Format": "f",
        }
        wanted["webhooks"][key] = {"url": url, "method": "PUT", "format": "f"}
    assert len(EVENTS) == 16
    api.clock.advance(60)
    filters = [("WebhookFilters", "onMessageSend"), ("WebhookFilters", "on_channel_added")]
    wanted["webhook_filters"] = ["onMessageSend", "onChannelAdded"]
    updated = api.post(fresh["url"], [*form.items(), *filters])
    assert updated.status_code == 200
    body = updated.json()
    assert body["date_updated"] > fresh["date_updated"]
    assert body == {**fresh, **wanted, "date_updated": body["date_updated"]}
    assert api.get(fresh["url"]).json() == body


def test_all_parameters_of_version_2_at_once(api: Api) -> None:
    fresh = make(api, V2)
    form, wanted = scalars(fresh)
    form |= {
        "Limits.ChannelMembers": "2",
        "Limits.UserChannels": "3",
        "Media.CompatibilityMessage": "a file",
        "PreWebhookRetryCount": "2",
        "PostWebhookRetryCount": "3",
        "Notifications.LogEnabled": "true",
        "Notifications.NewMessage.BadgeCountEnabled": "true",
    }
    wanted |= {
        "limits": {"channel_members": 2, "user_channels": 3},
        "media": {"size_limit_mb": 150, "compatibility_message": "a file"},
        "pre_webhook_retry_count": 2,
        "post_webhook_retry_count": 3,
    }
    notifications: dict[str, Any] = {"log_enabled": True}
    for name, key in PUSHES.items():
        form |= {f"Notifications.{name}.{leaf}": leaf for leaf in ("Template", "Sound")}
        form[f"Notifications.{name}.Enabled"] = "True"
        notifications[key] = {"enabled": True, "template": "Template", "sound": "Sound"}
    wanted["notifications"] = {
        **notifications,
        "new_message": {**notifications["new_message"], "badge_count_enabled": True},
    }
    body = api.post(fresh["url"], form).json()
    assert body == {**fresh, **wanted}
    in_v1 = api.get(f"{V1}/{fresh['sid']}").json()
    assert in_v1["notifications"] == {
        "log_enabled": True,
        **{key: {"enabled": True, "template": "Template"} for key in PUSHES.values()},
    }


def test_an_update_leaves_what_it_does_not_name(api: Api) -> None:
    url = make(api)["url"]
    before = api.post(
        url,
        {
            "PreWebhookUrl": "http://example.com/pre",
            "Notifications.NewMessage.Template": "t",
            "Webhooks.OnMessageSend.Url": "http://example.com/send",
            "WebhookFilters": "onUserAdded",
        },
    ).json()
    changes = {
        "Limits.UserChannels": "7",
        "Notifications.NewMessage.Enabled": "true",
        "Webhooks.OnMessageSend.Method": "get",
        "Webhooks.OnMemberAdd.Method": "HEAD",
    }
    for name, value in changes.items():
        assert api.post(url, {name: value}).status_code == 200
    assert api.get(url).json() == {
        **before,
        "limits": {"channel_members": 250, "user_channels": 7},
        "notifications": {**QUIET, "new_message": {"enabled": True, "template": "t"}},
        "webhooks": {
            "on_message_send": {"url": "http://example.com/send", "method": "GET"},
            "on_member_add": {"method": "HEAD"},
        },
    }


def test_what_one_version_sets_another_keeps(api: Api) -> None:
    sid = make(api)["sid"]
    api.post(f"{V1}/{sid}", {"Webhooks.OnMessageSent.Url": "http://example.com/sent"})
    api.post(f"{V2}/{sid}", {"Notifications.NewMessage.Sound": "ping", "PreWebhookRetryCount": "1"})
    api.post(f"{V1}/{sid}", {"Notifications.NewMessage.Enabled": "true"})
    v2 = api.get(f"{V2}/{sid}").json()
    assert v2["notifications"]["new_message"] == {"enabled": True, "sound": "ping"}
    assert v2["pre_webhook_retry_count"] == 1
    assert list(api.get(f"{V1}/{sid}").json()["webhooks"]) == ["on_message_sent"]


def test_an_empty_value_clears(api: Api) -> None:
    fresh = make(api)
    form = {
        "PreWebhookUrl": "http://example.com/",
        "PostWebhookUrl": "http://example.com/",
        "WebhookMethod": "GET",
        "WebhookFilters": "onMessageSend",
        "Notifications.AddedToChannel.Template": "t",
        "Webhooks.OnMessageSend.Url": "http://example.com/",
        "Webhooks.OnMessageSend.Method": "GET",
        "Webhooks.OnMessageSend.Format": "f",
    }
    sound = {"Notifications.NewMessage.Sound": "ping"}
    assert api.post(fresh["url"], form).json() != fresh
    api.post(f"{V2}/{fresh['sid']}", sound)
    api.post(f"{V2}/{fresh['sid']}", dict.fromkeys(sound, ""))
    assert api.post(fresh["url"], dict.fromkeys(form, "")).json() == fresh
    cleared = api.post(f"{V2}/{fresh['sid']}", {"Media.CompatibilityMessage": ""}).json()
    assert cleared["media"] == {"size_limit_mb": 150, "compatibility_message": None}


def test_filters_are_replaced_as_a_list(api: Api) -> None:
    url = make(api)["url"]
    expected = [
        (
            ["onMessageSend", "onMessageSend", "on_media_message_sent"],
            ["onMessageSend", "onMediaMessageSent"],
        ),
        (["onUserUpdated"], ["onUserUpdated"]),
        ([""], None),
        (["onChannelDestroy"], ["onChannelDestroy"]),
    ]
    for sent, shown in expected:
        body = api.post(url, [("WebhookFilters", name) for name in sent]).json()
        assert body["webhook_filters"] == shown
    api.post(url, {"FriendlyName": "other"})
    for bad in (["onMessageRead"], ["onMessageSend", ""], ["onmessagesend"]):
        assert_error(api.post(url, [("WebhookFilters", name) for name in bad]), 400, 50054)
    assert api.get(url).json()["webhook_filters"] == ["onChannelDestroy"]


BAD_IN_BOTH = [
    ("Limits.ChannelMembers", "0", 50061),
    ("Limits.ChannelMembers", "1001", 50061),
    ("Limits.ChannelMembers", "", 50061),
    ("Limits.UserChannels", "0", 50060),
    ("Limits.UserChannels", "1001", 50060),
    ("Limits.UserChannels", "many", 50060),
    ("TypingIndicatorTimeout", "0", 50053),
    ("TypingIndicatorTimeout", "2147483648", 50053),
    ("ConsumptionReportInterval", "-1", 50052),
    ("ConsumptionReportInterval", "1.5", 50052),
    ("WebhookMethod", "PUT", 50055),
    ("WebhookMethod", "TELL", 50055),
    ("PreWebhookUrl", "nope", 50054),
    ("PostWebhookUrl", "ftp://example.com/", 50054),
    ("PostWebhookUrl", "http://example.com/" + "x" * 2048, 50054),
    ("Notifications.NewMessage.Template", "x" * 1025, 50058),
    ("Notifications.RemovedFromChannel.Template", "x" * 1025, 50058),
    ("Notifications.NewMessage.Enabled", "maybe", 20001),
    ("ReadStatusEnabled", "", 20001),
    ("DefaultServiceRoleSid", "RL" + "0" * 32, 50100),
    ("DefaultServiceRoleSid", "service admin", 50100),
    ("DefaultServiceRoleSid", "", 50103),
    ("DefaultChannelRoleSid", "RL" + "0" * 32, 50101),
    ("DefaultChannelCreatorRoleSid", "RL" + "0" * 32, 50101),
]
BAD_IN_V1 = [
    ("Webhooks.OnMessageSend.Url", "nope", 50054),
    ("Webhooks.OnMemberRemoved.Method", "TELL", 50055),
    ("Webhooks.OnMemberRemoved.Format", "x" * 65, 50054),
]
BAD_IN_V2 = [
    ("PreWebhookRetryCount", "4", 50065),
    ("PostWebhookRetryCount", "-1", 50065),
    ("Notifications.InvitedToChannel.Sound", "x" * 257, 50059),
    ("Media.CompatibilityMessage", "x" * 32769, 20001),
    ("Notifications.LogEnabled", "1", 20001),
]


OF_V1 = {"Webhooks.OnMessageSend.Url": "http://example.com/"}
OF_V2 = {"PreWebhookRetryCount": "1"}
"""Parameters that the other version does not have."""


@pytest.mark.parametrize(
    ("root", "bad", "others"), [(V1, BAD_IN_BOTH + BAD_IN_V1, OF_V2), (V2, BAD_IN_BOTH + BAD_IN_V2, OF_V1)]
)
def test_a_bad_value_is_refused_and_changes_nothing(
    api: Api, root: str, bad: list[tuple[str, str, int]], others: dict[str, str]
) -> None:
    fresh = make(api, root)
    assert rejections(api, fresh["url"], bad) == bad
    assert api.post(fresh["url"], others).json() == fresh
    assert_error(api.post(fresh["url"], {"FriendlyName": "new", "Limits.UserChannels": "0"}), 400, 50060)
    assert api.get(fresh["url"]).json() == fresh


def test_the_edges_of_ranges_are_in_them(api: Api) -> None:
    url = make(api, V2)["url"]
    for name, values in {
        "Limits.ChannelMembers": ("1", "1000"),
        "Limits.UserChannels": ("1", "1000"),
        "TypingIndicatorTimeout": ("1", "2147483647"),
        "ConsumptionReportInterval": ("1", "2147483647"),
        "PreWebhookRetryCount": ("3", "0"),
        "Notifications.NewMessage.Template": ("x" * 1024,),
        "Notifications.NewMessage.Sound": ("x" * 256,),
    }.items():
        for value in values:
            assert api.post(url, {name: value}).status_code == 200, (name, value)


def test_default_roles_are_of_their_type_and_of_this_service(api: Api) -> None:
    service, other = make(api), make(api)
    defaults = {
        "DefaultServiceRoleSid": ("default_service_role_sid", "default_channel_role_sid", 50102),
        "DefaultChannelRoleSid": ("default_channel_role_sid", "default_service_role_sid", 50101),
        "DefaultChannelCreatorRoleSid": (
            "default_channel_creator_role_sid",
            "default_service_role_sid",
            50101,
        ),
    }
    for name, (own, of_other_type, code) in defaults.items():
        assert_error(api.post(service["url"], {name: service[of_other_type]}), 400, code)
        unknown = {50102: 50100}.get(code, code)
        assert_error(api.post(service["url"], {name: other[own]}), 400, unknown)
    assert api.get(service["url"]).json() == service


def test_updates_of_different_leaves_at_once_are_all_kept(api: Api) -> None:
    url = make(api)["url"]
    requests = [("POST", url, {f"Webhooks.{name}.Url": "http://example.com/"}) for name in EVENTS]
    requests += [("POST", url, {f"Notifications.{name}.Template": name}) for name in PUSHES]
    requests += [("POST", url, {"Limits.UserChannels": "9"}), ("POST", url, {"Limits.ChannelMembers": "8"})]
    assert {response.status_code for response in api.together(*requests)} == {200}
    body = api.get(url).json()
    assert sorted(body["webhooks"]) == sorted(EVENTS.values())
    assert {body["notifications"][key]["template"] for key in PUSHES.values()} == set(PUSHES)
    assert body["limits"] == {"channel_members": 8, "user_channels": 9}


def test_a_deleted_service_is_gone_with_its_roles(api: Api) -> None:
    service = make(api)
    kept = make(api)
    role = f"{service['url']}/Roles/{service['default_channel_role_sid']}"
    assert api.delete(service["url"]).content == b""
    for root in ROOTS:
        path = f"{root}/{service['sid']}"
        text = f"The requested resource /Services/{service['sid']} was not found"
        for response in (api.get(path), api.post(path, {"FriendlyName": "x"}), api.delete(path)):
            assert assert_error(response, 404, 20404)["message"] == text
        for response in (api.get(f"{path}/Roles"), api.get(role)):
            assert assert_error(response, 403, 50050)["message"] == "Service instance not found"
    assert [row["sid"] for row in api.get(V1).json()["services"]] == [kept["sid"]]
    assert len(api.get(kept["links"]["roles"]).json()["roles"]) == 4


def test_another_account_does_not_see_a_service(api: Api) -> None:
    service, other = make(api), subaccount(api)
    for response in (
        api.get(service["url"], auth=other),
        api.post(service["url"], {"FriendlyName": "x"}, auth=other),
        api.delete(service["url"], auth=other),
    ):
        assert_error(response, 404, 20404)
    assert api.get(V1, auth=other).json()["services"] == []
    own = make(api, V1, auth=other)
    assert own["account_sid"] == other[0]
    theirs = {"DefaultChannelRoleSid": service["default_channel_role_sid"]}
    assert_error(api.post(own["url"], theirs, auth=other), 400, 50101)
    assert api.get(service["url"]).json() == service


def test_a_service_of_another_product_is_not_one_of_chat(api: Api) -> None:
    sid = api.post("/sync/v1/Services").json()["sid"]
    for root in ROOTS:
        assert_error(api.get(f"{root}/{sid}"), 404, 20404)
        assert_error(api.delete(f"{root}/{sid}"), 404, 20404)
        assert_error(api.get(f"{root}/{sid}/Roles"), 403, 50050)
    assert_error(api.get(f"/sync/v1/Services/{make(api)['sid']}"), 404, 54050)


@pytest.mark.parametrize("settings_overrides", [{"chat_limits_as_seen": True}])
def test_new_services_can_have_the_limits_that_were_seen(api: Api) -> None:
    for root in ROOTS:
        assert make(api, root)["limits"] == {"channel_members": 100, "user_channels": 250}


@pytest.mark.parametrize("space", ["+", "%20"], ids=["python", "node"])
def test_both_ways_of_encoding_a_form_are_understood(api: Api, space: str) -> None:
    content = (
        f"Notifications.NewMessage.Template=%24%7BUSER%7D%3A{space}%D0%BA&Notifications.NewMessage.Enabled=true"
        "&WebhookFilters=onMessageSend&WebhookFilters=onMessageSent&PreWebhookUrl="
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = api.request("POST", make(api)["url"], content=content, headers=headers).json()
    assert body["notifications"]["new_message"] == {"enabled": True, "template": "${USER}: к"}
    assert body["webhook_filters"] == ["onMessageSend", "onMessageSent"]
    assert body["pre_webhook_url"] is None
