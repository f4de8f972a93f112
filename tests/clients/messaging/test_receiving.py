"""Inbound messages, with the SDKs on the app's side: their TwiML, their check of signatures, and the
debugger.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients.asking import Client
from clients.messaging.numbers import NUMBERS, buy
from contract import require_node
from servers import Server

APP = Path(__file__).with_name("app.cjs")
PHONE = "+15005550177"
NOWHERE = "http://127.0.0.1:9/sms"
"""An address that webhooks may not reach."""


def write(server: Server, credentials: tuple[str, str], number: str, body: str) -> None:
    """Send a message from a phone to a number."""
    message = {"phone": PHONE, "to": number, "body": body}
    with httpx.Client(base_url=server.url, auth=credentials, verify=False) as client:
        assert client.post("/_trunkline/inbox/messages", json=message).status_code == 202


def patiently(poll: Callable[[], Any]) -> Any:
    """Return the result of ``poll`` once there is one; that takes no longer than 15 s."""
    deadline = time.monotonic() + 15
    while not (found := poll()):
        assert time.monotonic() < deadline
    return found


def test_alerts(client: Client, server: Server) -> None:
    number = buy(client)
    client.call(f"{NUMBERS}({number['sid']})", "update", SmsUrl=NOWHERE)
    pointing = client.pointing
    write(server, (pointing.username, pointing.password), number["phone_number"], "Hi")
    monitor = Client(client.sdk, client.agent, replace(pointing, way="prefix"))
    [alert] = patiently(lambda: monitor.call("monitor.v1.alerts", "list"))
    assert (alert["error_code"], alert["log_level"], alert["request_url"]) == ("11205", "error", NOWHERE)
    assert isinstance(alert["date_generated"], datetime.datetime)
    whole = monitor.call(f"monitor.v1.alerts({alert['sid']})", "fetch")
    assert "Body=Hi" in whole["request_variables"]
    day = datetime.timedelta(days=1)
    begin, end = alert["date_created"] - day, alert["date_created"] + day
    filters = {"LogLevel": "error", "StartDate": begin, "EndDate": end}
    assert monitor.call("monitor.v1.alerts", "list", filters) == [alert]
    assert monitor.call("monitor.v1.alerts", "list", filters | {"LogLevel": "warning"}) == []
    assert monitor.call("monitor.v1.alerts", "list", EndDate=begin) == []


def test_an_app_of_the_node_sdk(tmp_path: Path) -> None:
    modules = require_node()
    with Server(tmp_path, "--dev") as server:
        command = ["node", str(APP), str(modules), server.auth_token]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as app:
            try:
                assert app.stdout is not None
                port = json.loads(app.stdout.readline())["port"]
                _converse(server, f"http://127.0.0.1:{port}/sms?x=%20y")
                seen = [json.loads(app.stdout.readline()) for _ in range(4)]
            finally:
                app.kill()
    assert [one["path"] for one in seen[:3]] == ["/sms?x=%20y", "/action", seen[2]["path"]]
    assert seen[2]["path"].startswith("/next?a=b&ToCountry=US")
    assert (seen[0]["body"], seen[1]["status"]) == ("Zoë's + & ☂", "queued")
    signed = [one for one in seen if one["path"] != "/picture"]
    assert all(one["valid"] for one in signed)


def _converse(server: Server, url: str) -> None:
    """Write to a number whose app is at ``url``, and see what comes back."""
    credentials = (server.account_sid, server.auth_token)
    account = f"/2010-04-01/Accounts/{server.account_sid}"
    with httpx.Client(base_url=server.url, auth=credentials, verify=False) as client:
        found = client.get(f"{account}/AvailablePhoneNumbers/US/Local.json").json()["available_phone_numbers"]
        form = {"PhoneNumber": found[0]["phone_number"], "SmsUrl": url}
        number = client.post(f"{account}/IncomingPhoneNumbers.json", data=form).json()["phone_number"]
        write(server, credentials, number, "Zoë's + & ☂")

        def replies() -> list[dict[str, Any]]:
            listed = client.get(f"{account}/Messages.json").json()["messages"]
            found = [one for one in listed if one["direction"] == "outbound-reply"]
            return found if len(found) == 3 and all(one["status"] == "delivered" for one in found) else []

        bodies = sorted(one["body"] for one in patiently(replies))
        assert bodies == ["Second", "Third", "You said <Zoë's + & ☂> & more"]
        assert client.get("/v1/Alerts").json()["alerts"] == []


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
@pytest.mark.parametrize("sdk", ["python"], indirect=True)
def test_alerts_on_the_other_engine(client: Client, server: Server) -> None:
    test_alerts(client, server)
