"""Sync Documents over the API."""

from __future__ import annotations

import json
from urllib.parse import quote

import httpx
import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error

SERVICES = "/sync/v1/Services"


@pytest.fixture
def documents(api: Api) -> str:
    return f"{SERVICES}/{api.post(SERVICES).json()['sid']}/Documents"


def test_a_document_without_data_is_an_empty_object(api: Api, documents: str) -> None:
    created = api.post(documents, {"UniqueName": "MyDoc"})
    assert created.status_code == 201
    body = created.json()
    url = f"http://127.0.0.1:8080{documents}/{body['sid']}"
    assert body == {
        "sid": body["sid"],
        "unique_name": "MyDoc",
        "account_sid": ACCOUNT_SID,
        "service_sid": documents.split("/")[4],
        "url": url,
        "links": {"permissions": f"{url}/Permissions"},
        "revision": "0",
        "data": {},
        "date_expires": None,
        "date_created": body["date_created"],
        "date_updated": body["date_created"],
        "created_by": "system",
    }
    assert api.get(url).json() == api.get(f"{documents}/MyDoc").json() == body
    assert api.get(documents).json()["documents"] == [body]


def test_revisions_are_hexadecimal_and_the_entity_tag(api: Api, documents: str) -> None:
    responses = [api.post(documents, {"Data": '{"n":0}'})]
    url = responses[0].json()["url"]
    responses += [api.post(url, {"Data": f'{{"n":{n}}}'}) for n in range(1, 12)]
    responses.append(api.get(url))
    revisions = [response.json()["revision"] for response in responses]
    assert revisions == [*"0123456789ab", "b"]
    assert [response.headers["ETag"] for response in responses] == [f'"{revision}"' for revision in revisions]
    assert "ETag" not in api.get(documents).headers
    assert "ETag" not in api.delete(url).headers


def test_an_update_replaces_the_data_and_moves_the_date(api: Api, documents: str) -> None:
    body = api.post(documents, {"Data": '{"a":1,"b":2}'}).json()
    api.clock.advance(5)
    changed = api.post(body["url"], {"Data": '{"b":3}'}).json()
    assert changed["data"] == {"b": 3}
    assert changed["date_created"] == body["date_created"]
    assert changed["date_updated"] > body["date_updated"]
    assert api.get(body["url"]).json() == changed


FAITHFUL = [
    '{"z":1,"a":{"y":[1,{}],"b":null}}',
    '{"n":123456789012345678901234567890,"f":1.0,"g":1,"e":1E+2,"m":-0.0}',
    '{"ключ":"значение 😀","nul":"\\u0000"}',
    '{"":""}',
    '{"deep":' + "[" * 200 + "]" * 200 + "}",
]


@pytest.mark.parametrize("text", FAITHFUL)
def test_data_come_back_as_they_were_given(api: Api, documents: str, text: str) -> None:
    created = api.post(documents, {"Data": text})
    assert created.status_code == 201
    assert f'"data":{text},' in created.text
    assert f'"data":{text},' in api.get(created.json()["url"]).text
    assert f'"data":{text},' in api.get(documents).text


def test_blanks_and_escapes_do_not_count_and_are_not_kept(api: Api, documents: str) -> None:
    letters = "я" * 8188
    response = api.post(documents, {"Data": json.dumps({"a": letters}, indent=4)})
    assert response.status_code == 201
    assert f'"data":{{"a":"{letters}"}}' in response.text


@pytest.mark.parametrize(("size", "status"), [(16384, 201), (16385, 413)])
def test_data_may_have_16_kib(api: Api, documents: str, size: int, status: int) -> None:
    response = api.post(documents, {"Data": '{"a":"' + "x" * (size - 8) + '"}'})
    if status == 201:
        assert response.status_code == 201
    else:
        assert_error(response, 413, 54006)


BAD_DATA = [
    ("[1]", 54008),
    ("5", 54008),
    ('"x"', 54008),
    ("{bad", 54008),
    ("{a:1}", 54008),
    ("", 54008),
    ('{"a":NaN}', 54008),
    ('{"a":' * 20_000 + "1" + "}" * 20_000, 54008),
    ("null", 54101),
    (" null ", 54101),
]


@pytest.mark.parametrize(("data", "code"), BAD_DATA)
def test_bad_data_are_refused(api: Api, documents: str, data: str, code: int) -> None:
    url = api.post(documents, {"Data": '{"a":1}'}).json()["url"]
    assert_error(api.post(documents, {"Data": data}), 400, code)
    assert_error(api.post(url, {"Data": data}), 400, code)
    assert api.get(url).json()["revision"] == "0"
    assert len(api.get(documents).json()["documents"]) == 1


@pytest.mark.parametrize("name", ["a", "x" * 320, "a b/c?d#e%", "ключ", "ET" + "A" * 32, "et" + "0" * 32])
def test_good_unique_names(api: Api, documents: str, name: str) -> None:
    body = api.post(documents, {"UniqueName": name}).json()
    assert body["unique_name"] == name
    assert api.get(f"{documents}/{quote(name, safe='')}").json() == body


@pytest.mark.parametrize("name", ["", "x" * 321, "ET" + "a" * 32, "MP" + "0" * 32])
def test_bad_unique_names(api: Api, documents: str, name: str) -> None:
    body = assert_error(api.post(documents, {"UniqueName": name}), 400, 54302)
    assert body["message"] == (
        "Invalid unique name. Expected a string with length 1-320 not matching the SID pattern "
        "[A-Z]{2}[a-f0-9]{32}"
    )


def test_a_unique_name_is_taken_within_its_kind_and_service(api: Api, documents: str) -> None:
    assert api.post(documents, {"UniqueName": "n"}).status_code == 201
    body = assert_error(api.post(documents, {"UniqueName": "n"}), 409, 54301)
    assert body["message"] == "Unique name already exists"
    assert api.post(documents, {"UniqueName": "N"}).status_code == 201
    for kind in ("Maps", "Lists", "Streams"):
        assert api.post(documents.replace("Documents", kind), {"UniqueName": "n"}).status_code == 201
    other = f"{SERVICES}/{api.post(SERVICES).json()['sid']}/Documents"
    assert api.post(other, {"UniqueName": "n"}).status_code == 201
    api.delete(f"{documents}/n")
    assert api.post(documents, {"UniqueName": "n"}).status_code == 201


def test_many_creators_of_one_name_make_one(api: Api, documents: str) -> None:
    responses = api.together(*[("POST", documents, {"UniqueName": "n"})] * 12)
    assert sorted(response.status_code for response in responses) == [201] + [409] * 11
    for response in responses:
        assert response.status_code == 201 or assert_error(response, 409, 54301)


@pytest.mark.parametrize(
    ("name", "code"),
    [("ET" + "f" * 32, 54100), ("nosuch", 54300), ("TO111", 54300), ("MP" + "f" * 32, 54300)],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_is_not_there_is_named_by_its_form(
    api: Api, documents: str, method: str, name: str, code: int
) -> None:
    form = {"Data": "{}"} if method == "POST" else None
    assert_error(api.request(method, f"{documents}/{name}", data=form), 404, code)


def test_a_document_of_another_service_is_not_there(api: Api, documents: str) -> None:
    sid = api.post(documents).json()["sid"]
    other = f"{SERVICES}/{api.post(SERVICES).json()['sid']}/Documents"
    assert_error(api.get(f"{other}/{sid}"), 404, 54100)
    assert_error(api.delete(f"{other}/{sid}"), 404, 54100)


def test_an_update_of_nothing_is_refused(api: Api, documents: str) -> None:
    url = api.post(documents).json()["url"]
    assert_error(api.post(url), 400, 54010)
    assert_error(api.post(url, {"Ttl": ""}), 400, 54010)
    assert_error(api.post(url, {"UniqueName": "new"}), 400, 54010)
    assert api.get(url).json()["revision"] == "0"


def test_if_match_lets_only_the_current_revision_through(api: Api, documents: str) -> None:
    url = api.post(documents, {"Data": '{"n":0}'}).json()["url"]

    def update(tag: str) -> httpx.Response:
        return api.post(url, {"Data": '{"n":1}'}, headers={"If-Match": tag})

    assert update("0").json()["revision"] == "1"
    assert_error(update("0"), 412, 54103)
    assert_error(update("2"), 412, 54103)
    assert_error(update("-1"), 412, 54103)
    assert update('"1"').json()["revision"] == "2"
    assert update("*").json()["revision"] == "3"
    for bad in ("zz", '"1', "1, 2", "", "0x1"):
        assert_error(update(bad), 400, 54003)
    assert api.get(url).json()["revision"] == "3"


def test_if_match_on_what_is_not_there_is_not_found(api: Api, documents: str) -> None:
    assert_error(api.post(f"{documents}/no", {"Data": "{}"}, headers={"If-Match": "*"}), 404, 54300)


def test_a_deleted_document_is_gone(api: Api, documents: str) -> None:
    url = api.post(documents).json()["url"]
    assert api.delete(url).status_code == 204
    assert_error(api.delete(url), 404, 54100)
    assert_error(api.get(url), 404, 54100)
    assert api.get(documents).json()["documents"] == []


def test_a_deleted_service_takes_its_objects_along(api: Api, documents: str) -> None:
    url = api.post(documents).json()["url"]
    other = f"{SERVICES}/{api.post(SERVICES).json()['sid']}/Documents"
    kept = api.post(other).json()["url"]
    assert api.delete(documents.removesuffix("/Documents")).status_code == 204
    for path in (url, documents, f"{url}/Permissions"):
        assert_error(api.get(path), 404, 54050)
    assert_error(api.post(documents), 404, 54050)
    assert api.get(kept).status_code == 200


def test_other_services_are_out_of_reach(api: Api) -> None:
    account = api.post("/api/2010-04-01/Accounts.json", {"FriendlyName": "sub"}).json()
    foreign = api.post(SERVICES, auth=(account["sid"], account["auth_token"])).json()["sid"]
    notify = api.post("/notify/v1/Services").json()["sid"]
    for path in ("Documents", "Lists/l/Items", "Maps/m/Items/k", "Streams", "Documents/d/Permissions/p"):
        assert_error(api.get(f"{SERVICES}/{foreign}/{path}"), 403, 54056)
        assert_error(api.get(f"{SERVICES}/{notify}/{path}"), 404, 54050)


def test_the_default_service_serves_objects(api: Api) -> None:
    body = api.post(f"{SERVICES}/default/Documents", {"UniqueName": "d"}).json()
    assert api.get(f"{SERVICES}/default/Documents/d").json() == body
    assert api.get(body["url"]).json() == body
