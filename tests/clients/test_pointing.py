"""Every way to point an unmodified SDK here: base URLs, an HTTP client of one's own, environment variables alone."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import pytest

from clients.asking import Account, Agent, Client, SdkOptions
from clients.old_sdk import old_package, old_python
from clients.sdks import NODE_SDKS, Agents, command
from contract import require_node
from servers import Server, clean_environment

WAYS = [
    (sdk, way)
    for sdk in ("python", "python-async", "python-6.10", *NODE_SDKS)
    for way in ("property", "prefix", "host", "environment")
    if (sdk, way) not in (("python-async", "environment"), ("python-6.10", "environment"))
]
"""The asynchronous client reads no proxy variable, and 6.10 trusts no CA that the environment names."""

ROOTS = {
    "property": "{base}/{label}",
    "prefix": "{base}/{label}",
    "host": "http://{label}.twilio.com",
    "environment": "https://{label}.twilio.com",
}
"""The start of the URLs in responses: they lead back the way that the request came."""


def moved(server: Server, account_sid: str, *program: str) -> list[str]:
    """Return the command line of a program in an environment that ``trunkline env`` has set up, as a shell
    does it.
    """
    options = ["--data-dir", str(server.data_dir), "--proxy-port", str(urlsplit(server.proxy_url).port)]
    options += ["--account", account_sid]
    env = " ".join(f"'{part}'" for part in (sys.executable, "-m", "trunkline", "env", *options))
    return ["sh", "-c", f'variables=$({env}) && eval "$variables" && exec "$@"', "sh", *program]


def scenario(client: Client, account_sid: str, way: str) -> None:
    """Call operations of every host that a program of this release uses, with URLs that are followed."""
    root = {
        label: ROOTS[way].format(base=client.pointing.base, label=label) for label in ("sync", "ip-messaging")
    }
    sids = []
    for name in ("a", "b", "c"):
        made = client.call("sync.v1.services", "create", FriendlyName=name)
        assert made["account_sid"] == account_sid
        assert made["url"] == f"{root['sync']}/v1/Services/{made['sid']}"
        assert made["links"]["maps"] == f"{made['url']}/Maps"
        sids.append(made["sid"])
    pages = {"forwards": [[sid] for sid in sids], "backwards": [[sid] for sid in sids[-2::-1]]}
    pages["addressed"] = pages["forwards"][1:]
    assert client.call("sync.v1.services", "walk", PageSize=1) == pages
    for sid in sids:
        assert client.call(f"sync.v1.services({sid})", "delete") is True
    assert client.refused(f"sync.v1.services({sids[0]})", "fetch").code == 54050

    chat = client.call("ip_messaging.v2.services", "create", FriendlyName="c")
    assert chat["url"] == f"{root['ip-messaging']}/v2/Services/{chat['sid']}"
    assert client.call(f"chat.v1.services({chat['sid']})", "delete") is True
    for chain in ("messaging.v1.services", "notify.v1.services"):
        made = client.call(chain, "create", FriendlyName="s")
        assert client.call(f"{chain}({made['sid']})", "delete") is True


def two_keys(client: Client, account_sid: str) -> None:
    """Call a list of the 2010 API whose pages have relative addresses."""
    chain = f"api.v2010.accounts({account_sid})"
    sids = [client.call(f"{chain}.new_keys", "create", FriendlyName="k")["sid"] for _ in range(2)]
    assert client.call(f"{chain}.keys", "walk", PageSize=1) == {
        "forwards": [[sids[0]], [sids[1]]],
        "backwards": [[sids[0]]],
        "addressed": [[sids[1]]],
    }


@pytest.mark.parametrize(("sdk", "way"), WAYS)
def test_each_way(sdk: str, way: str, agents: Agents, server: Server, account: Account) -> None:
    pointing = SdkOptions(server.url, account.sid, account.auth_token, account.sid, way)
    if way != "environment":
        client = Client(sdk, agents(sdk), pointing)
        scenario(client, account.sid, way)
        two_keys(client, account.sid)
        return
    with Agent(moved(server, account.sid, *command(sdk))) as agent:
        # The SDK finds its credentials where it looks for them by itself.
        client = Client(sdk, agent, SdkOptions(way="nothing"))
        scenario(client, account.sid, way)
        two_keys(client, account.sid)


@pytest.mark.parametrize(("sdk", "way"), WAYS)
def test_each_way_with_an_api_key(
    sdk: str, way: str, agents: Agents, server: Server, account: Account, http: httpx.Client
) -> None:
    path = f"/2010-04-01/Accounts/{account.sid}/Keys.json"
    key = http.post(path, auth=(account.sid, account.auth_token)).json()
    pointing = SdkOptions(server.url, key["sid"], key["secret"], account.sid, way)
    if way != "environment":
        scenario(Client(sdk, agents(sdk), pointing), account.sid, way)
        return
    with Agent(moved(server, server.account_sid, *command(sdk))) as agent:
        scenario(Client(sdk, agent, pointing).but(way="nothing"), account.sid, way)


PYTHON = """
import os
from twilio.rest import Client

account_sid = os.environ["TWILIO_ACCOUNT_SID"]
auth_token = os.environ["TWILIO_AUTH_TOKEN"]
client = Client(account_sid, auth_token)

service = client.messaging.v1.services.create(friendly_name="My First Messaging Service")
print(client.messaging.v1.services(service.sid).fetch().friendly_name)
print(service.delete())
"""

NODE = """
const accountSid = process.env.TWILIO_ACCOUNT_SID;
const authToken = process.env.TWILIO_AUTH_TOKEN;
const client = require("twilio")(accountSid, authToken);

client.messaging.v1.services
  .create({ friendlyName: "My First Messaging Service" })
  .then((service) => client.messaging.v1.services(service.sid).fetch())
  .then((service) => {
    console.log(service.friendlyName);
    return client.messaging.v1.services(service.sid).remove();
  })
  .then((removed) => console.log(removed));
"""


@pytest.mark.parametrize("language", ["python", "node"])
def test_a_program_that_knows_nothing_of_trunkline(language: str, server: Server) -> None:
    environment = clean_environment()
    program = [sys.executable, "-c", PYTHON]
    if language == "node":
        environment["NODE_PATH"] = str(require_node())
        program = ["node", "-e", NODE]
    ended = subprocess.run(
        moved(server, server.account_sid, *program),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout.split("\n")[0] == "My First Messaging Service", ended.stderr
    assert ended.stdout.split("\n")[1].lower() == "true"


@pytest.mark.parametrize(("version", "honours"), [("7.7.1", False), ("7.9.1", True)])
def test_versions_of_the_python_sdk_that_trust_the_ca(version: str, honours: bool, server: Server) -> None:
    ended = subprocess.run(
        moved(server, server.account_sid, str(old_python()), "-c", PYTHON),
        env={**clean_environment(), "PYTHONPATH": str(old_package(version))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout.startswith("My First Messaging Service") is honours, ended.stderr
    assert ("SSLError" in ended.stderr) is not honours
