"""Every error code of Sync, brought about once. The list is held against the catalogue: none can be forgotten."""

from __future__ import annotations

from typing import Any

from api.conftest import Api, assert_error
from trunkline.api.error_codes import ERROR_CODES

SERVICES = "/sync/v1/Services"
HERE = f"{SERVICES}/default"
UNKNOWN = "0" * 32
FIRST, LAST = 54000, 54999

ON_THE_DOOR = {
    54007: "test_sync_door, test_sync_access",
    54009: "test_sync_limits",
    54056: "test_sync_door",
    54419: "test_subscriptions of the realtime door",
    54502: "test_sync_door",
}
"""Codes that take an access token, or more requests than fit here, and the tests that bring them about."""

Request = tuple[int, str, str, dict[str, Any]]
"""The code's HTTP status, and the method, path and fields that bring it about."""

REQUESTS: dict[int, list[Request]] = {
    54003: [(400, "POST", f"{HERE}/Documents/one", {"Data": "{}", "headers": {"If-Match": "x y"}})],
    54006: [
        (413, "POST", f"{HERE}/Documents", {"Data": '{"a":"' + "x" * 16_384 + '"}'}),
        (413, "POST", f"{HERE}/Streams/one/Messages", {"Data": '{"a":"' + "x" * 4_096 + '"}'}),
    ],
    54008: [(400, "POST", f"{HERE}/Documents", {"Data": "{"})],
    54010: [(400, "POST", f"{HERE}/Documents/one", {})],
    54011: [
        (400, "POST", f"{HERE}/{kind}", {"Ttl": "31536001"})
        for kind in ("Documents", "Lists", "Maps", "Streams")
    ],
    54050: [(404, "GET", f"{SERVICES}/IS{UNKNOWN}", {}), (404, "GET", f"{SERVICES}/IS{UNKNOWN}/Maps", {})],
    54051: [(400, "POST", SERVICES, {"WebhookUrl": "ftp://example.com"})],
    54053: [
        (400, "POST", SERVICES, {"FriendlyName": ""}),
        (400, "POST", SERVICES, {"FriendlyName": "x" * 256}),
    ],
    54100: [(404, "GET", f"{HERE}/Documents/ET{UNKNOWN}", {})],
    54101: [(400, "POST", f"{HERE}/Documents", {"Data": "null"})],
    54103: [(412, "POST", f"{HERE}/Documents/one", {"Data": "{}", "headers": {"If-Match": "fff"}})],
    54150: [(404, "GET", f"{HERE}/Lists/ES{UNKNOWN}", {})],
    54151: [(404, "GET", f"{HERE}/Lists/one/Items/99", {})],
    54155: [(412, "POST", f"{HERE}/Lists/one/Items/0", {"Data": "{}", "headers": {"If-Match": "fff"}})],
    54156: [(400, "POST", f"{HERE}/Lists/one/Items", {"Data": "null"})],
    54200: [(404, "GET", f"{HERE}/Maps/MP{UNKNOWN}", {})],
    54201: [(404, "GET", f"{HERE}/Maps/one/Items/none", {})],
    54205: [(412, "POST", f"{HERE}/Maps/one/Items/key", {"Data": "{}", "headers": {"If-Match": "fff"}})],
    54206: [(400, "POST", f"{HERE}/Maps/one/Items", {"Key": "k", "Data": "null"})],
    54208: [(409, "POST", f"{HERE}/Maps/one/Items", {"Key": "key", "Data": "{}"})],
    54209: [(400, "POST", f"{HERE}/Maps/one/Items", {"Key": "x" * 321, "Data": "{}"})],
    54250: [(404, "GET", f"{HERE}/Streams/TO{UNKNOWN}", {})],
    54251: [(400, "POST", f"{HERE}/Streams/one/Messages", {"Data": "null"})],
    54300: [(404, "GET", f"{HERE}/{kind}/none", {}) for kind in ("Documents", "Lists", "Maps", "Streams")],
    54301: [
        (409, "POST", f"{HERE}/{kind}", {"UniqueName": "one"})
        for kind in ("Documents", "Lists", "Maps", "Streams")
    ],
    54302: [(400, "POST", f"{HERE}/Documents", {"UniqueName": f"ET{UNKNOWN}"})],
    54351: [
        (
            400,
            "POST",
            f"{HERE}/Documents/one/Permissions/{'x' * 257}",
            {"Read": "true", "Write": "true", "Manage": "true"},
        )
    ],
    54354: [
        (404, "GET", f"{HERE}/{kind}/one/Permissions/bob", {}) for kind in ("Documents", "Lists", "Maps")
    ],
    54451: [(400, "GET", f"{HERE}/{kind}/one/Items?Order=up", {}) for kind in ("Lists", "Maps")],
    54452: [(400, "GET", f"{HERE}/{kind}/one/Items?Bounds=open", {}) for kind in ("Lists", "Maps")],
    54453: [(400, "GET", f"{HERE}/Lists/one/Items?PageToken=zzz", {})],
    54454: [(400, "GET", f"{HERE}/Documents?PageSize=0", {})],
    54458: [(400, "GET", f"{HERE}/Lists/one/Items/first", {})],
}


def test_every_code_of_the_catalogue_is_brought_about_somewhere() -> None:
    catalogue = {code for code in ERROR_CODES if FIRST <= code <= LAST}
    assert catalogue == REQUESTS.keys() | ON_THE_DOOR.keys()


def test_each_code_has_its_status_and_changes_nothing(api: Api) -> None:
    for kind in ("Documents", "Lists", "Maps", "Streams"):
        assert api.post(f"{HERE}/{kind}", {"UniqueName": "one"}).status_code == 201
    api.post(f"{HERE}/Lists/one/Items", {"Data": "{}"})
    api.post(f"{HERE}/Maps/one/Items", {"Key": "key", "Data": "{}"})

    def state() -> list[Any]:
        places = ["", *(f"/{kind}" for kind in ("Documents", "Lists", "Maps", "Streams"))]
        return [api.get(HERE + place).json() for place in (*places, "/Lists/one/Items", "/Maps/one/Items")]

    before = state()
    for code, requests in REQUESTS.items():
        for status, method, path, fields in requests:
            headers = fields.get("headers", {})
            form = {name: value for name, value in fields.items() if name != "headers"}
            response = api.post(path, form, headers=headers) if method == "POST" else api.get(path)
            body = assert_error(response, status, code)
            assert body["message"], (code, path)
    assert state() == before
