"""Redacting, canceling and deleting messages, and their attachments."""

from __future__ import annotations

import datetime
from typing import Any

import httpx
import pytest

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api, assert_error
from api.messaging.outcomes import callbacks, states
from api.messaging.stock import MESSAGES, US, US_MMS, end, own, send, service, stand_still
from trunkline.core.blobs.store import once
from trunkline.core.clock import SECOND
from trunkline.core.dates import rfc2822
from trunkline.core.storage.database import Tx
from trunkline.products.accounts import facade
from trunkline.products.messaging.lifecycle.error_texts import TEXTS
from trunkline.products.messaging.lifecycle.message import FINISHED, MessageStatus
from trunkline.products.messaging.media import store
from trunkline.products.messaging.media.store import Medium

UNKNOWN = f"{MESSAGES}/SM{'0' * 32}"


@pytest.fixture(autouse=True)
def nothing_leaves(api: Api) -> None:
    """Keep messages as they were accepted."""
    stand_still(api)


def path_of(sid: str) -> str:
    return f"{MESSAGES}/{sid}"


def scheduled(api: Api, **more: str) -> str:
    """Return a message that is due in an hour."""
    moment = datetime.datetime.fromtimestamp(api.clock.now / SECOND + 3600, datetime.UTC)
    at = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    sid: str = send(api, ScheduleType="fixed", SendAt=at, **more)["sid"]
    return sid


def attach(api: Api, sid: str, *contents: bytes, kind: str = "image/png") -> list[Medium]:
    """Give a message attachments."""

    async def attached() -> list[Medium]:
        blobs = [await api.node.blobs.write(once(content), len(content)) for content in contents]

        async def add(tx: Tx) -> list[Medium]:
            return [await store.add_medium(tx, ACCOUNT_SID, sid, kind, blob) for blob in blobs]

        return await api.node.database.write(add)

    added: list[Medium] = api.run(attached())
    return added


def set_status(api: Api, sid: str, status: MessageStatus) -> None:
    change = "UPDATE messages SET status = :status WHERE sid = :sid"
    api.run(api.node.database.write(lambda tx: tx.run(change, status=status.value, sid=sid)))


def test_redacting_and_deleting_want_a_message_that_is_finished(api: Api) -> None:
    own(api, US)
    for status in MessageStatus:
        sid = send(api, From=US)["sid"]
        set_status(api, sid, status)
        path = f"{path_of(sid)}.json"
        if status in FINISHED:
            redacted = api.post(path, {"Body": ""})
            assert (redacted.status_code, redacted.json()["body"]) == (200, ""), status
            assert api.get(path).json() == redacted.json()
            assert api.delete(path).status_code == 204
            assert_error(api.get(path), 404, 20404)
            assert_error(api.delete(path), 404, 20404)
        else:
            assert_error(api.post(path, {"Body": ""}), 409, 20009)
            assert_error(api.delete(path), 409, 20009)
            assert api.get(path).json()["body"] == "Hello"


def test_what_an_update_cannot_do(api: Api) -> None:
    own(api, US)
    sid = send(api, From=US)["sid"]
    end(api, sid)
    path = f"{path_of(sid)}.json"
    before = api.get(path).json()
    assert_error(api.post(path, {"Body": "rewritten"}), 400, 20001)
    for status in ("sent", "", "Canceled"):
        assert_error(api.post(path, {"Status": status}), 400, 20001)
    assert_error(api.post(path, {"Status": "canceled"}), 409, 30409)
    assert api.post(path).json() == before
    assert_error(api.post(f"{UNKNOWN}.json", {"Body": ""}), 404, 20404)
    assert_error(api.post(f"{UNKNOWN}.json", {"Status": "canceled"}), 404, 20404)


def test_a_redacted_text_is_gone_from_the_row(api: Api) -> None:
    own(api, US)
    sid = send(api, From=US, Body="“secret”", SmartEncoded="true")["sid"]
    end(api, sid)
    row = "SELECT body || options FROM messages WHERE sid = :sid"

    def text() -> str:
        return str(api.run(api.node.database.read(lambda tx: tx.value(row, sid=sid))))

    assert "secret" in text()
    api.post(f"{path_of(sid)}.json", {"Body": ""})
    assert "secret" not in text()


def test_a_scheduled_message_is_canceled_once(api: Api) -> None:
    service_sid = service(api, own(api, US))
    sid = scheduled(api, MessagingServiceSid=service_sid, StatusCallback="http://127.0.0.1:9/")
    path = f"{path_of(sid)}.json"
    assert_error(api.post(path, {"Body": ""}), 409, 20009)
    api.clock.advance(60)
    canceled = api.post(path, {"Status": "canceled"})
    assert canceled.status_code == 200
    body = canceled.json()
    assert (body["status"], body["from"], body["num_segments"]) == ("canceled", None, "0")
    assert body["date_updated"] == rfc2822(api.clock.now)
    assert states(callbacks(api, sid)) == ["canceled"]
    assert_error(api.post(path, {"Status": "canceled"}), 409, 30409)
    redacted = api.post(path, {"Body": "", "Status": ""})
    assert_error(redacted, 400, 20001)
    assert api.post(path, {"Body": ""}).json()["body"] == ""
    assert api.delete(path).status_code == 204


def test_of_two_who_cancel_at_once_one_is_refused(api: Api) -> None:
    sid = scheduled(api, MessagingServiceSid=service(api, own(api, US)), StatusCallback="http://127.0.0.1:9/")
    cancel = ("POST", f"{path_of(sid)}.json", {"Status": "canceled"})
    assert sorted(response.status_code for response in api.together(cancel, cancel)) == [200, 409]
    assert states(callbacks(api, sid)) == ["canceled"]


def test_canceling_and_redacting_at_once(api: Api) -> None:
    sid = scheduled(api, MessagingServiceSid=service(api, own(api, US)))
    body = api.post(f"{path_of(sid)}.json", {"Status": "canceled", "Body": ""}).json()
    assert (body["status"], body["body"]) == ("canceled", "")


def test_a_message_that_is_being_sent_is_not_canceled(api: Api) -> None:
    sid = scheduled(api, MessagingServiceSid=service(api, own(api, US)))
    change = "UPDATE message_queue SET step = 'media' WHERE message_sid = :sid"
    api.run(api.node.database.write(lambda tx: tx.run(change, sid=sid)))
    assert_error(api.post(f"{path_of(sid)}.json", {"Status": "canceled"}), 409, 30409)


def test_a_failure_is_explained(api: Api) -> None:
    own(api, US)
    for code, text in {
        30003: "Unreachable destination handset",
        30008: "Unknown error",
        39999: "Unknown error",
    }.items():
        sid = send(api, From=US)["sid"]
        end(api, sid, MessageStatus.UNDELIVERED, error_code=code)
        body = api.get(f"{path_of(sid)}.json").json()
        assert (body["status"], body["error_code"], body["error_message"]) == ("undelivered", code, text)
    assert all(TEXTS.values())


def test_prices_are_texts(api: Api) -> None:
    own(api, US)
    sid = send(api, From=US)["sid"]
    end(api, sid, MessageStatus.SENT, price="-0.00750", price_unit="EUR")
    body = api.get(f"{path_of(sid)}.json").json()
    assert (body["price"], body["price_unit"], body["date_sent"]) == (
        "-0.00750",
        "EUR",
        rfc2822(api.clock.now),
    )


def test_attachments_are_listed_fetched_and_deleted(api: Api) -> None:
    own(api, US_MMS, mms=True)
    sid = send(api, From=US_MMS, MediaUrl="https://example.com/a.png")["sid"]
    media = attach(api, sid, b"one", b"two", b"three")
    path = path_of(sid)
    first = {
        "account_sid": ACCOUNT_SID,
        "content_type": "image/png",
        "date_created": rfc2822(api.clock.now),
        "date_updated": rfc2822(api.clock.now),
        "parent_sid": sid,
        "sid": media[0].sid,
        "uri": f"{path}/Media/{media[0].sid}.json",
    }
    page = api.get(f"{path}/Media.json?PageSize=2").json()
    assert page["media_list"][0] == first
    rest = api.get(page["next_page_uri"]).json()["media_list"]
    assert [row["sid"] for row in page["media_list"] + rest] == [medium.sid for medium in media]
    assert api.get(f"{path}/Media/{media[0].sid}.json").json() == first
    day = datetime.datetime.fromtimestamp(api.clock.now / SECOND, datetime.UTC).date()
    for query, count in {
        f"DateCreated={day}": 3,
        f"DateCreated={day - datetime.timedelta(1)}": 0,
        f"DateCreated>={day}": 3,
        f"DateCreated<={day}": 0,
    }.items():
        assert len(api.get(f"{path}/Media.json?{query}").json()["media_list"]) == count, query
    assert_error(api.get(f"{path}/Media.json?DateCreated=soon"), 400, 20001)
    gone = f"{path}/Media/{media[0].sid}.json"
    assert api.delete(gone).status_code == 204
    assert_error(api.delete(gone), 404, 20404)
    assert_error(api.get(gone), 404, 20404)
    assert_error(api.get(f"{UNKNOWN}/Media.json"), 404, 20404)
    assert_error(api.get(f"{path}/Media/ME{'0' * 32}.json"), 404, 20404)
    end(api, sid)
    assert api.delete(f"{path}.json").status_code == 204
    count = "SELECT (SELECT count(*) FROM message_media) + (SELECT count(*) FROM blobs)"
    assert api.run(api.node.database.read(lambda tx: tx.value(count))) == 0


def raw(api: Api, method: str, path: str, auth: Any = None, **headers: str) -> httpx.Response:
    """Return a request as a phone makes it, which is no client of the API."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=api.node.application)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            return await client.request(method, path, auth=auth, headers=headers)

    response: httpx.Response = api.run(send())
    return response


def test_bytes_are_served_to_everybody(api: Api) -> None:
    own(api, US_MMS, mms=True)
    sid = send(api, From=US_MMS, MediaUrl="https://example.com/a.png")["sid"]
    content = bytes(range(256)) * 40
    (medium,) = attach(api, sid, content)
    (strange,) = attach(api, sid, b"<script>", kind="text/html\r\nX: y")
    path = f"{path_of(sid)}/Media/{medium.sid}"
    for prefix in ("", "/api"):
        response = raw(api, "GET", prefix + path)
        assert (response.status_code, response.content) == (200, content)
        assert response.headers["content-type"] == "image/png"
    head = raw(api, "HEAD", path)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(content)))
    part = raw(api, "GET", path, Range="bytes=256-511")
    assert (part.status_code, part.content) == (206, bytes(range(256)))
    assert part.headers["content-range"] == f"bytes 256-511/{len(content)}"
    outside = raw(api, "GET", path, Range=f"bytes={len(content)}-")
    assert (outside.status_code, outside.headers["content-range"]) == (416, f"bytes */{len(content)}")
    odd = raw(api, "GET", f"{path_of(sid)}/Media/{strange.sid}")
    assert odd.headers["content-type"] == "application/octet-stream"
    assert (odd.headers["x-content-type-options"], odd.headers["content-security-policy"]) == (
        "nosniff",
        "sandbox",
    )
    refused = raw(api, "POST", path)
    assert (refused.status_code, refused.headers["allow"], refused.json()["code"]) == (
        405,
        "GET, HEAD",
        20004,
    )
    other = raw(api, "GET", path.replace(ACCOUNT_SID, "AC" + "0" * 32))
    assert (other.status_code, other.json()["code"]) == (404, 20404)
    assert raw(api, "GET", f"{path}.json").status_code == 401
    assert raw(api, "GET", f"{path}0").status_code == 401


class TestProtected:
    """Attachments that only their account may read."""

    @pytest.fixture
    def settings_overrides(self) -> dict[str, Any]:
        return {"protect_media": True}

    def test_bytes_are_served_to_their_account(self, api: Api) -> None:
        own(api, US_MMS, mms=True)
        sid = send(api, From=US_MMS, MediaUrl="https://example.com/a.png")["sid"]
        (medium,) = attach(api, sid, b"content")
        path = f"{path_of(sid)}/Media/{medium.sid}"
        other = api.post("/2010-04-01/Accounts.json").json()
        key = api.post(f"/2010-04-01/Accounts/{ACCOUNT_SID}/Keys.json").json()
        for auth in ((ACCOUNT_SID, AUTH_TOKEN), (key["sid"], key["secret"])):
            assert raw(api, "GET", path, auth).content == b"content"
        tester = api.run(facade.test_credentials(api.node.database, api.node.vault, ACCOUNT_SID))
        for auth in (None, (ACCOUNT_SID, "0" * 32), (other["sid"], other["auth_token"]), tester):
            refused = raw(api, "GET", path, auth)
            assert (refused.status_code, refused.json()["code"]) == (401, 20003)
            assert refused.headers["www-authenticate"].startswith("Basic ")
