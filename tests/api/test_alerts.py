"""The debugger: which alerts an account finds, and for how long."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Tx
from trunkline.products.accounts import facade

ALERTS = "/monitor/v1/Alerts"
DAY = 24 * 3600


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"alert_days": 3}


def write(api: Api, code: int = 11200, account_sid: str = ACCOUNT_SID, **more: str) -> None:
    """Write an alert, and let a second pass."""

    async def record(tx: Tx) -> None:
        await facade.record_alert(tx, account_sid, code, f"It failed: {code}", **more)

    api.run(api.node.database.write(record))
    api.clock.advance(1)


def codes(api: Api, **query: str) -> list[str]:
    return [one["error_code"] for one in api.get(ALERTS, query).json()["alerts"]]


def test_an_alert(api: Api) -> None:
    write(
        api,
        resource_sid="SM" + "1" * 32,
        service_sid="MG" + "2" * 32,
        request_url="https://hooks.example.com/in",
        request_method="POST",
        request_variables="Body=Hi",
        request_headers="Accept: */*",
        response_body="a\0b" + "x" * 20_000,
        response_headers="Server: x",
    )
    [listed] = api.get(ALERTS).json()["alerts"]
    assert "response_body" not in listed
    fetched = api.get(f"{ALERTS}/{listed['sid']}").json()
    assert listed["sid"].startswith("NO")
    assert listed.items() <= fetched.items()
    assert fetched | {"sid": "", "url": "", "response_body": ""} == {
        "account_sid": ACCOUNT_SID,
        "alert_text": "It failed: 11200",
        "api_version": "2010-04-01",
        "date_created": fetched["date_created"],
        "date_generated": fetched["date_created"],
        "date_updated": fetched["date_created"],
        "error_code": "11200",
        "log_level": "error",
        "more_info": "https://www.twilio.com/docs/errors/11200",
        "request_headers": "Accept: */*",
        "request_method": "POST",
        "request_url": "https://hooks.example.com/in",
        "request_variables": "Body=Hi",
        "resource_sid": "SM" + "1" * 32,
        "response_body": "",
        "response_headers": "Server: x",
        "service_sid": "MG" + "2" * 32,
        "sid": "",
        "url": "",
    }
    assert fetched["url"].endswith(f"/monitor/v1/Alerts/{listed['sid']}")
    assert len(fetched["response_body"]) == 16 * 1024
    assert api.get(f"/v1/Alerts/{listed['sid']}").json()["sid"] == listed["sid"]


def test_the_list_is_filtered_and_newest_first(api: Api) -> None:
    start = api.clock.now // SECOND
    for code, level in ((11200, "error"), (12200, "warning"), (11205, "error")):
        write(api, code, level=level)

    def at(second: int) -> str:
        return datetime.datetime.fromtimestamp(start + second, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    assert codes(api) == ["11205", "12200", "11200"]
    assert codes(api, LogLevel="error") == ["11205", "11200"]
    assert codes(api, LogLevel="Warning") == ["12200"]
    assert codes(api, LogLevel="debug") == []
    assert codes(api, StartDate=at(1)) == ["11205", "12200"]
    assert codes(api, EndDate=at(1)) == ["12200", "11200"]
    assert codes(api, StartDate=at(1), EndDate=at(1), LogLevel="warning") == ["12200"]
    assert codes(api, StartDate=at(0)[:10]) == ["11205", "12200", "11200"]
    assert codes(api, EndDate=at(2)[:10]) == ["11205", "12200", "11200"]
    assert codes(api, EndDate=at(-2 * DAY)[:10]) == []
    assert codes(api, StartDate=at(0)[:7], EndDate=at(0)[:4]) == ["11205", "12200", "11200"]
    assert codes(api, StartDate="0001-01-01", EndDate="9999-12-31") == ["11205", "12200", "11200"]
    assert codes(api, EndDate="1960") == []
    page = api.get(ALERTS, {"PageSize": "2", "LogLevel": "error"}).json()
    assert [one["error_code"] for one in page["alerts"]] == ["11205", "11200"]
    assert page["meta"]["next_page_url"] is None
    page = api.get(ALERTS, {"PageSize": "2"}).json()
    following = api.get(page["meta"]["next_page_url"].removeprefix("http://127.0.0.1:8080")).json()
    assert [one["error_code"] for one in following["alerts"]] == ["11200"]


@pytest.mark.parametrize(
    "query",
    [{"LogLevel": "fatal"}, {"StartDate": "yesterday"}, {"EndDate": "2020-13-01"}, {"EndDate": "0000-12-31"}],
)
def test_bad_filters(api: Api, query: dict[str, str]) -> None:
    assert_error(api.get(ALERTS, query), 400, 20001)


def test_alerts_are_the_accounts_own(api: Api) -> None:
    sub = api.post("/2010-04-01/Accounts.json", {"FriendlyName": "Other"}).json()
    write(api)
    sid = api.get(ALERTS).json()["alerts"][0]["sid"]
    theirs = (sub["sid"], sub["auth_token"])
    assert api.get(ALERTS, auth=theirs).json()["alerts"] == []
    assert_error(api.get(f"{ALERTS}/{sid}", auth=theirs), 404, 20404)
    assert_error(api.get(f"{ALERTS}/NO{'0' * 32}"), 404, 20404)
    assert_error(api.post(ALERTS), 405, 20004)


def test_old_alerts_are_forgotten(api: Api) -> None:
    write(api)
    api.clock.advance(2 * DAY)
    write(api, 11205)
    api.run(api.node.retention.sweep())
    assert codes(api) == ["11205", "11200"]
    api.clock.advance(DAY + 1)
    api.run(api.node.retention.sweep())
    assert codes(api) == ["11205"]
