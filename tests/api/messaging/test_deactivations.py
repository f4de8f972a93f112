"""Deactivated numbers: the address of a day's file, the file, and what the operator adds to it."""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from api.messaging.registrations import V1, Operator
from trunkline.api.errors import ApiError
from trunkline.api.public import PublicRequest, PublicResponse
from trunkline.core.clock import SECOND
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.compliance.deactivations import DeactivationFiles
from trunkline.products.messaging.lifecycle.message import Message

PATH = f"{V1}/Deactivations"
DAY_SECONDS = 24 * 3600


def day(api: Api, before: int) -> str:
    """Return the day so many before today."""
    moment = datetime.datetime.fromtimestamp(api.clock.now // SECOND - before * DAY_SECONDS, datetime.UTC)
    return moment.date().isoformat()


def fetch(api: Api, url: str, method: str = "GET") -> PublicResponse | None:
    """Return the response that anybody gets at an address."""
    files = DeactivationFiles(api.node.database, api.node.vault, api.clock)
    path = urlsplit(url).path
    assert files.claims(path.encode())
    response: PublicResponse | None = api.run(files.respond(PublicRequest(method, "127.0.0.1:8080", path)))
    return response


def address(api: Api, date: str, **options: Any) -> str:
    """Return the address of a day's file."""
    response = api.get(PATH, {"Date": date}, **options)
    assert response.status_code == 307
    url: str = response.json()["redirect_to"]
    assert response.headers["Location"] == url
    assert list(response.json()) == ["redirect_to"]
    return url


def text(api: Api, date: str, **options: Any) -> str:
    """Return a day's file."""
    response = fetch(api, address(api, date, **options))
    assert response is not None
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Content-Length"] == str(len(response.body))
    return response.body.decode()


def report(api: Api, recipient: str, code: int | None, created: float, updated: float) -> None:
    """Store a message that ended with a code; the times are in days before now."""

    async def add(tx: Tx) -> None:
        await tx.insert(
            "messages",
            Message(
                sid=new_sid("SM"),
                account_sid=ACCOUNT_SID,
                date_created=tx.now - int(created * DAY_SECONDS * SECOND),
                date_updated=tx.now - int(updated * DAY_SECONDS * SECOND),
                date_sent=None,
                direction="outbound-api",
                status="undelivered",
                sender="+14155550100",
                recipient=recipient,
                body="x",
                error_code=code,
            ),
        )

    api.run(api.node.database.write(add))


@pytest.fixture(autouse=True)
def noon(api: Api) -> None:
    """Set the clock to the middle of a day, so that a second more or less is no other day."""
    api.clock.advance(DAY_SECONDS / 2 - api.clock.now // SECOND % DAY_SECONDS)


def test_a_file_has_what_carriers_reported_and_what_the_operator_added(api: Api) -> None:
    yesterday = day(api, 1)
    for recipient, code, created, updated in (
        ("+14155550102", 30005, 1, 1),
        ("+14155550102", 30005, 1, 1),
        ("+14155550101", 30005, 2.5, 1),
        ("+14155550103", 30003, 1, 1),
        ("+14155550104", None, 1, 1),
        ("+14155550105", 30005, 2, 2),
        ("+14155550106", 30005, 1, 0),
        ("+447700900100", 30005, 1, 1),
    ):
        report(api, recipient, code, created, updated)
    operator = Operator(api)
    assert operator.numbers("POST", yesterday, "+14155550110", "+14155550101") == [
        "+14155550101",
        "+14155550110",
    ]
    assert operator.numbers("POST", yesterday, "+14155550110") == ["+14155550101", "+14155550110"]
    assert text(api, yesterday) == "+14155550101\n+14155550102\n+14155550110\n"
    assert operator.numbers("DELETE", yesterday, "+14155550110") == ["+14155550101"]
    assert operator.numbers("GET", yesterday) == ["+14155550101"]
    assert text(api, yesterday) == "+14155550101\n+14155550102\n"
    assert text(api, day(api, 2)) == "+14155550105\n"
    assert text(api, day(api, 3)) == ""


def test_a_file_is_of_one_account(api: Api) -> None:
    yesterday = day(api, 1)
    report(api, "+14155550102", 30005, 1, 1)
    Operator(api).numbers("POST", yesterday, "+14155550110")
    sub = api.post("/2010-04-01/Accounts.json").json()
    assert text(api, yesterday, auth=(sub["sid"], sub["auth_token"])) == ""


def test_an_address_is_good_for_two_minutes(api: Api) -> None:
    url = address(api, day(api, 1))
    api.clock.advance(119)
    assert fetch(api, url) is not None
    api.clock.advance(1)
    assert fetch(api, url) is None


def test_an_address_cannot_be_made_up(api: Api) -> None:
    url = address(api, day(api, 1))
    for bad in (url[:-4], url + "AAAA", f"{url[:-6]}AAAAAA", url.rpartition("/")[0] + "/", f"{PATH}/%C3%A4"):
        assert fetch(api, bad) is None
    with pytest.raises(ApiError) as refused:
        fetch(api, url, "POST")
    assert refused.value.code == 20004


def test_an_address_leads_back_the_way_the_request_came(api: Api) -> None:
    yesterday = {"Date": day(api, 1)}
    start = "http://messaging.localhost:8080/v1/Deactivations"
    url = api.get(start, yesterday).json()["redirect_to"]
    assert url.startswith(f"{start}/")
    assert fetch(api, url) is not None


def test_only_past_days_have_files(api: Api) -> None:
    for date in (day(api, 0), day(api, -1), "2999-01-01"):
        assert_error(api.get(PATH, {"Date": date}), 400, 30114)
    assert_error(api.get(PATH, {"Date": "2020-08-26"}), 400, 30113)
    assert api.get(PATH, {"Date": "2020-08-27"}).status_code == 307
    for bad in ("20-08-27", "2021-02-30", "2021-08-27T00:00:00Z", "today", ""):
        assert_error(api.get(PATH, {"Date": bad}), 400, 30115)
    assert_error(api.get(PATH), 400, 20001)


def test_nothing_else_is_claimed(api: Api) -> None:
    files = DeactivationFiles(api.node.database, api.node.vault, api.clock)
    for path in (
        b"/v1/Deactivations",
        b"/messaging/v1/Deactivations",
        b"/v1/Services/Deactivations/x",
        b"/sync/v1/Services/IS1/Maps/m/Items/a/v1/Deactivations/x",
    ):
        assert not files.claims(path)
