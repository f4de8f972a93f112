"""Pages of Sync's objects: at most 100 rows, in the order of creation, whole under change."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import Api, assert_error

SERVICES = "/sync/v1/Services"
DOCUMENTS = f"{SERVICES}/default/Documents"


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"sync_limits": False, "max_concurrent_requests": 1000}


def walk(api: Api, url: str | None, key: str = "documents") -> list[list[str]]:
    pages = []
    while url:
        body = api.get(url).json()
        pages.append([row["sid"] for row in body[key]])
        url = body["meta"]["next_page_url"]
    return pages


def test_250_documents(api: Api) -> None:
    api.get(f"{SERVICES}/default")
    made = []
    for _ in range(5):
        api.clock.advance(1)
        responses = api.together(*[("POST", DOCUMENTS, None)] * 50)
        made.append({response.json()["sid"] for response in responses})
    pages = walk(api, f"{DOCUMENTS}?PageSize=100")
    assert [len(page) for page in pages] == [100, 100, 50]
    assert walk(api, f"{DOCUMENTS}?PageSize=1000") == pages
    found = [sid for page in pages for sid in page]
    assert [set(found[n * 50 : n * 50 + 50]) for n in range(5)] == made
    default = api.get(DOCUMENTS).json()
    assert (len(default["documents"]), default["meta"]["page_size"]) == (50, 50)
    assert api.get(f"{DOCUMENTS}?PageSize=1000").json()["meta"]["page_size"] == 100


def test_rows_that_go_between_pages_hide_no_others(api: Api) -> None:
    made = []
    for _ in range(6):
        api.clock.advance(1)
        made.append(api.post(DOCUMENTS).json())
    first = api.get(f"{DOCUMENTS}?PageSize=2").json()
    for body in made[:3]:
        api.delete(body["url"])
    assert walk(api, first["meta"]["next_page_url"]) == [[made[3]["sid"], made[4]["sid"]], [made[5]["sid"]]]


@pytest.mark.parametrize("kind", ["Documents", "Lists", "Maps", "Streams"])
def test_bad_pages_and_good_ones_of_each_kind(api: Api, kind: str) -> None:
    path = f"{SERVICES}/default/{kind}"
    made = []
    for _ in range(3):
        api.clock.advance(1)
        made.append(api.post(path).json()["sid"])
    assert walk(api, f"{path}?PageSize=2", kind.lower()) == [made[:2], made[2:]]
    for query, code in [("PageSize=0", 54454), ("PageSize=-1", 54454), ("PageSize=x", 54454)]:
        assert_error(api.get(f"{path}?{query}"), 400, code)
    assert_error(api.get(f"{path}?PageToken=zzz"), 400, 54453)
