"""Accounts, keys and auth tokens through the SDKs: every operation, and what the credentials open."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any
from uuid import uuid4

import pytest

from clients.asking import Account, Client
from clients.sdks import SDKS
from servers import Server

ACCOUNTS = "api.v2010.accounts"
SYNC = "sync.v1.services"

with_iam = pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if sdk != "python-6.10"])
"""The SDK 6.10 has neither iam nor the auth tokens."""


@pytest.fixture
def main(client: Client, server: Server) -> Client:
    """Return a client of the main account, the parent of the test's account."""
    return client.but(username=server.account_sid, password=server.auth_token)


def of_key(client: Client, account: Account, key: dict[str, Any]) -> Client:
    """Return a client that uses an API key of the account instead of its auth token."""
    return client.but(username=key["sid"], password=key["secret"], account_sid=account.sid)


def refused(client: Client) -> None:
    """Check that the credentials open nothing."""
    error = client.refused(SYNC, "create")
    assert (error.status, error.code) == (401, 20003)


def times(resource: dict[str, Any], *names: str) -> None:
    """Check that the dates are dates, in UTC and of now."""
    for name in names:
        moment = resource[name]
        assert isinstance(moment, datetime.datetime)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
        assert abs((datetime.datetime.now(datetime.UTC) - aware).total_seconds()) < 60


@pytest.mark.parametrize(
    ("sdk", "server"), [*((sdk, "sqlite") for sdk in SDKS), ("node", "postgresql")], indirect=True
)
def test_a_subaccount_from_its_creation_to_its_end(main: Client, server: Server) -> None:
    name = f"Zoë's ☂ {uuid4().hex}"
    made = main.call(ACCOUNTS, "create", FriendlyName=name)
    chain = f"{ACCOUNTS}({made['sid']})"
    uri = f"/2010-04-01/Accounts/{made['sid']}"
    times(made, "date_created", "date_updated")
    assert re.fullmatch("AC[0-9a-f]{32}", made["sid"])
    assert re.fullmatch("[0-9a-f]{32}", made["auth_token"])
    assert made["subresource_uris"]["keys"] == f"{uri}/Keys.json"
    assert all(one.startswith(f"{uri}/") for one in made["subresource_uris"].values())
    expected = {
        **{key: made[key] for key in ("sid", "auth_token", "date_created", "subresource_uris")},
        "date_updated": made["date_created"],
        "friendly_name": name,
        "owner_account_sid": server.account_sid,
        "status": "active",
        "type": "Full",
        "uri": f"{uri}.json",
    }
    assert made == expected
    assert main.call(chain, "fetch") == expected
    assert main.call(ACCOUNTS, "list", FriendlyName=name) == [expected]
    own = main.but(username=made["sid"], password=made["auth_token"])
    service = own.call(SYNC, "create")
    assert service["account_sid"] == made["sid"]
    assert main.refused(f"{SYNC}({service['sid']})", "fetch").status == 403

    changed = main.call(chain, "update", FriendlyName=f"{name}.")
    assert changed == expected | {"friendly_name": f"{name}.", "date_updated": changed["date_updated"]}
    for status in ("suspended", "active", "closed"):
        assert main.call(chain, "update", Status=status)["status"] == status
        for one in ("suspended", "active", "closed"):
            rows = main.call(ACCOUNTS, "list", FriendlyName=f"{name}.", Status=one)
            assert [row["sid"] for row in rows] == [made["sid"]] * (one == status)
        if status == "active":
            assert own.call(f"{SYNC}({service['sid']})", "fetch") == service
        else:
            error = own.refused(f"{SYNC}({service['sid']})", "fetch")
            assert (error.status, error.code) == (403, 20005)
    assert main.refused(chain, "update", Status="active").status == 400


def test_an_account_without_a_name(main: Client) -> None:
    made = main.call(ACCOUNTS, "create")
    assert made["friendly_name"].startswith("SubAccount Created at ")


def test_a_subaccount_has_no_say_over_accounts(client: Client, main: Client, account: Account) -> None:
    assert client.call(f"{ACCOUNTS}({account.sid})", "fetch")["sid"] == account.sid
    assert client.refused(ACCOUNTS, "create").code == 21101
    assert client.refused(f"{ACCOUNTS}({account.sid})", "update", Status="closed").status == 401
    assert client.refused(f"{ACCOUNTS}({main.pointing.username})", "fetch").code == 20404
    assert [row["sid"] for row in client.call(ACCOUNTS, "list")] == [account.sid]


@pytest.mark.parametrize("name", ["keys", "signing_keys"])
def test_keys_of_the_2010_api(client: Client, account: Account, name: str) -> None:
    chain = f"{ACCOUNTS}({account.sid})"
    made = client.call(f"{chain}.new_{name}", "create", FriendlyName="Zoë's ☂")
    times(made, "date_created", "date_updated")
    assert re.fullmatch("SK[0-9a-f]{32}", made["sid"])
    assert re.fullmatch("[0-9A-Za-z]{32}", made["secret"])
    shown = {key: value for key, value in made.items() if key != "secret"}
    assert shown == {
        "sid": made["sid"],
        "friendly_name": "Zoë's ☂",
        "date_created": made["date_created"],
        "date_updated": made["date_created"],
    }
    one = f"{chain}.{name}({made['sid']})"
    assert client.call(one, "fetch") == shown
    changed = client.call(one, "update", FriendlyName="b")
    assert changed == shown | {"friendly_name": "b", "date_updated": changed["date_updated"]}
    assert client.call(f"{chain}.{name}", "list") == [changed]

    by_key = of_key(client, account, made)
    assert by_key.call(SYNC, "create")["account_sid"] == account.sid
    for method in ("fetch", "delete"):
        assert by_key.refused(one, method).status == 401
    assert by_key.refused(ACCOUNTS, "create").status == 401
    assert client.call(one, "delete") is True
    assert client.refused(one, "delete").code == 20404
    assert client.call(f"{chain}.{name}", "list") == []
    refused(by_key)


@with_iam
@pytest.mark.parametrize("kind", [None, "standard", "restricted"])
def test_keys_of_iam(client: Client, account: Account, kind: str | None) -> None:
    policy = {"allow": ["/twilio/sync/services/read", "/twilio/sync/services/create"]}
    more = {"KeyType": kind} if kind else {}
    if kind == "restricted":
        more["Policy"] = json.dumps(policy) if client.sdk != "node" else policy  # type: ignore[assignment]
    made = client.call(
        "iam.v1.new_api_key", "create", {"AccountSid": account.sid, "FriendlyName": "Zoë's ☂", **more}
    )
    times(made, "date_created", "date_updated")
    shown = {key: value for key, value in made.items() if key != "secret"}
    assert shown == {
        "sid": made["sid"],
        "friendly_name": "Zoë's ☂",
        "date_created": made["date_created"],
        "date_updated": made["date_created"],
        "policy": policy if kind == "restricted" else None,
    }
    one = f"iam.v1.api_key({made['sid']})"
    assert client.call(one, "fetch") == shown
    (row,) = client.call("iam.v1.get_api_keys", "list", AccountSid=account.sid)
    assert {name: row[name] for name in row.keys() & shown.keys()} == {
        name: shown[name] for name in row.keys() & shown.keys()
    }
    by_key = of_key(client, account, made)
    service = by_key.call(SYNC, "create")
    if kind == "restricted":
        error = by_key.refused(f"{SYNC}({service['sid']})", "delete")
        assert (error.status, error.code) == (401, 70051)
        assert by_key.refused("notify.v1.services", "create").code == 70051
    else:
        assert by_key.call(f"{SYNC}({service['sid']})", "delete") is True
    assert client.call(one, "update", FriendlyName="b")["friendly_name"] == "b"
    assert client.call(one, "delete") is True
    assert client.refused(one, "fetch").code == 20404
    if kind == "restricted":
        # Of the others the 2010 API's keys tell; too many failed log-ins are slowed down.
        refused(by_key)


@with_iam
def test_a_secondary_auth_token_and_its_promotion(client: Client, account: Account) -> None:
    secondary = client.call("accounts.v1.secondary_auth_token()", "create")
    times(secondary, "date_created", "date_updated")
    url = f"{client.pointing.base}/accounts/v1/AuthTokens"
    assert (secondary["account_sid"], secondary["url"]) == (account.sid, f"{url}/Secondary")
    token = secondary["secondary_auth_token"]
    renewed = client.but(password=token)
    for one in (client, renewed):
        assert one.call(SYNC, "create")["account_sid"] == account.sid

    promoted = renewed.call("accounts.v1.auth_token_promotion()", "update")
    assert promoted == {
        "account_sid": account.sid,
        "auth_token": token,
        "date_created": secondary["date_created"],
        "date_updated": promoted["date_updated"],
        "url": f"{url}/Promote",
    }
    refused(client)
    assert renewed.call(SYNC, "create")["account_sid"] == account.sid
    assert renewed.call(f"{ACCOUNTS}({account.sid})", "fetch")["auth_token"] == token
    assert renewed.refused("accounts.v1.auth_token_promotion()", "update").status == 404


@with_iam
def test_a_secondary_auth_token_that_is_given_up(client: Client) -> None:
    made = client.call("accounts.v1.secondary_auth_token()", "create")
    assert client.call("accounts.v1.secondary_auth_token()", "delete") is True
    refused(client.but(password=made["secondary_auth_token"]))
    assert client.refused("accounts.v1.secondary_auth_token()", "delete").status == 404
    assert client.call(SYNC, "create")
