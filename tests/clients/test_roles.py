"""Chat's roles through the SDKs, in both versions and on both hosts."""

from __future__ import annotations

import datetime
import re

import pytest

from clients.asking import Client
from clients.sdks import SDKS
from clients.services import CHAT, Kind

ROLES = {
    "deployment": (["createChannel", "joinChannel"], ["editAnyUserInfo"]),
    "channel": (["sendMessage", "leaveChannel", "editOwnMessage"], ["sendMediaMessage", "sendMessage"]),
}

every_kind = pytest.mark.parametrize("kind", CHAT, ids=[kind.chain for kind in CHAT])


@pytest.mark.parametrize(
    ("sdk", "server"),
    [*((sdk, "sqlite") for sdk in SDKS), ("python", "postgresql"), ("node", "postgresql")],
    indirect=True,
)
@every_kind
def test_every_operation(client: Client, kind: Kind) -> None:
    service = client.call(kind.chain, "create", FriendlyName="with roles")
    chain = f"{kind.chain}({service['sid']}).roles"
    defaults = client.call(chain, "list")
    for type_, (first, second) in ROLES.items():
        made = client.call(chain, "create", FriendlyName="Zoë's ☂", Type=type_, Permission=first)
        assert re.fullmatch("RL[0-9a-f]{32}", made["sid"])
        assert isinstance(made["date_created"], datetime.datetime)
        expected = {
            "sid": made["sid"],
            "account_sid": client.pointing.username,
            "service_sid": service["sid"],
            "friendly_name": "Zoë's ☂",
            "type": type_,
            "permissions": first,
            "date_created": made["date_created"],
            "date_updated": made["date_created"],
            "url": f"{service['url']}/Roles/{made['sid']}",
        }
        assert made == expected
        one = f"{chain}({made['sid']})"
        assert client.call(one, "fetch") == expected
        changed = client.call(one, "update", Permission=second)
        assert changed["date_updated"] >= expected["date_updated"]
        expected |= {"permissions": second, "date_updated": changed["date_updated"]}
        assert changed == expected
        assert client.call(chain, "list") == [*defaults, expected]
        assert client.call(one, "delete") is True
        for method in ("fetch", "delete"):
            error = client.refused(one, method)
            assert (error.status, error.code) == (404, 20404)
    assert client.call(chain, "list") == defaults


@every_kind
def test_the_roles_that_a_service_starts_with(client: Client, kind: Kind) -> None:
    service = client.call(kind.chain, "create", FriendlyName="fresh")
    chain = f"{kind.chain}({service['sid']})"
    roles = {role["friendly_name"]: role for role in client.call(f"{chain}.roles", "list")}
    assert {name: role["type"] for name, role in roles.items()} == {
        "service admin": "deployment",
        "service user": "deployment",
        "channel admin": "channel",
        "channel user": "channel",
    }
    defaults = {
        "DefaultServiceRoleSid": ("default_service_role_sid", "service user", "service admin"),
        "DefaultChannelRoleSid": ("default_channel_role_sid", "channel user", "channel admin"),
        "DefaultChannelCreatorRoleSid": (
            "default_channel_creator_role_sid",
            "channel admin",
            "channel user",
        ),
    }
    for parameter, (attribute, first, second) in defaults.items():
        assert service[attribute] == roles[first]["sid"]
        assert (
            client.call(chain, "update", {parameter: roles[second]["sid"]})[attribute]
            == (roles[second]["sid"])
        )


@every_kind
def test_what_is_refused(client: Client, kind: Kind) -> None:
    service = client.call(kind.chain, "create", FriendlyName="with roles")
    chain = f"{kind.chain}({service['sid']}).roles"
    bad = [
        ({"FriendlyName": "n", "Type": "room", "Permission": ["sendMessage"]}, 50105),
        ({"FriendlyName": "n", "Type": "channel", "Permission": ["createChannel"]}, 50104),
        ({"FriendlyName": "n" * 65, "Type": "channel", "Permission": ["sendMessage"]}, 50003),
    ]
    for parameters, code in bad:
        error = client.refused(chain, "create", **parameters)
        assert (error.status, error.code) == (400, code)
    default = client.refused(f"{chain}({service['default_channel_role_sid']})", "delete")
    assert (default.status, default.code) == (409, 20409)
    client.call(f"{kind.chain}({service['sid']})", "delete")
    gone = client.refused(f"{chain}({service['default_channel_role_sid']})", "fetch")
    assert (gone.status, gone.code) == (403, 50050)


def test_both_versions_and_hosts_show_the_same_services(client: Client) -> None:
    made = [client.call(kind.chain, "create", FriendlyName=kind.chain)["sid"] for kind in CHAT]
    for kind in CHAT:
        rows = client.call(kind.chain, "list")
        assert [row["sid"] for row in rows] == made
        assert {row["url"].partition("/Services")[0] for row in rows} == {
            f"{client.pointing.base}/{kind.label}/{kind.version}"
        }
