"""Sync Streams and their messages over the API."""

from __future__ import annotations

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from trunkline.products.sync.event_types import EventType, SyncEvent

SERVICES = "/sync/v1/Services"


@pytest.fixture
def streams(api: Api) -> str:
    return f"{SERVICES}/{api.post(SERVICES).json()['sid']}/Streams"


def test_a_stream(api: Api, streams: str) -> None:
    created = api.post(streams, {"UniqueName": "s", "Ttl": "60"})
    assert created.status_code == 201
    body = created.json()
    url = f"http://127.0.0.1:8080{streams}/{body['sid']}"
    assert body == {
        "sid": body["sid"],
        "unique_name": "s",
        "account_sid": ACCOUNT_SID,
        "service_sid": streams.split("/")[4],
        "url": url,
        "links": {"messages": f"{url}/Messages"},
        "date_expires": body["date_expires"],
        "date_created": body["date_created"],
        "date_updated": body["date_created"],
        "created_by": "system",
    }
    assert body["date_expires"] > body["date_created"]
    assert api.get(url).json() == api.get(f"{streams}/s").json() == body
    assert api.get(streams).json()["streams"] == [body]
    assert_error(api.post(streams, {"UniqueName": "s"}), 409, 54301)
    assert_error(api.post(url), 400, 54010)
    assert api.post(url, {"Ttl": "0"}).json()["date_expires"] is None
    assert_error(api.post(url, {"Ttl": "x"}), 400, 54011)
    assert api.delete(url).status_code == 204
    for path in (url, f"{streams}/TO{'f' * 32}"):
        assert_error(api.get(path), 404, 54250)
    assert_error(api.get(f"{streams}/s"), 404, 54300)
    assert_error(api.post(f"{url}/Messages", {"Data": "{}"}), 404, 54250)


def test_a_message_is_told_and_not_kept(api: Api, streams: str) -> None:
    announced: list[SyncEvent] = []
    api.node.database.listen(announced.extend)
    sid = api.post(streams, {"UniqueName": "s"}).json()["sid"]
    response = api.post(f"{streams}/s/Messages", {"Data": '{"b": 1, "a": 2.0}'})
    assert response.status_code == 201
    assert '"data":{"b":1,"a":2.0}' in response.text
    body = response.json()
    assert list(body) == ["sid", "data"]
    assert body["sid"].startswith("TZ")
    assert len(body["sid"]) == 34
    event = announced[-1]
    assert event.type is EventType.STREAM_MESSAGE_PUBLISHED
    assert (event.object_sid, event.message_sid, event.data) == (sid, body["sid"], '{"b":1,"a":2.0}')
    assert event.event_id is None
    assert_error(api.get(f"{streams}/s/Messages"), 405, 20004)


def test_bad_messages(api: Api, streams: str) -> None:
    path = api.post(streams).json()["links"]["messages"]
    largest = '{"a":"' + "x" * 4088 + '"}'
    assert api.post(path, {"Data": largest}).status_code == 201
    for form, status, code in [
        ({}, 400, 54251),
        ({"Data": "null"}, 400, 54251),
        ({"Data": '"x"'}, 400, 54008),
        ({"Data": largest.replace("x", "xx", 1)}, 413, 54006),
    ]:
        assert_error(api.post(path, form), status, code)
