"""Conditional writers of one Document, over the API."""

from __future__ import annotations

import asyncio
from typing import Any

from api.conftest import Api

SERVICES = "/sync/v1/Services"
WRITERS = 50
ROUNDS = 3


def test_of_many_conditional_writers_one_wins_each_revision(api: Api) -> None:
    url = api.post(f"{SERVICES}/default/Documents", {"Data": '{"n":0}'}).json()["url"]

    async def update(revision: str) -> Any:
        return await api._client.request("POST", url, data={"Data": "{}"}, headers={"If-Match": revision})

    async def all_at_once(revision: str) -> list[Any]:
        return list(await asyncio.gather(*[update(revision) for _ in range(WRITERS)]))

    for revision in range(ROUNDS):
        responses = api.run(all_at_once(str(revision)))
        won = [response.json() for response in responses if response.status_code == 200]
        assert [body["revision"] for body in won] == [str(revision + 1)]
        lost = [response.json()["code"] for response in responses if response.status_code != 200]
        assert lost == [54103] * (WRITERS - 1)
    assert api.get(url).json()["revision"] == str(ROUNDS)


def test_readers_that_change_and_write_back_lose_nothing(api: Api) -> None:
    url = api.post(f"{SERVICES}/default/Documents", {"Data": '{"n":0}'}).json()["url"]

    async def increment() -> None:
        while True:
            response = await api._client.get(url)
            data = {"Data": f'{{"n":{response.json()["data"]["n"] + 1}}}'}
            tag = {"If-Match": response.headers["ETag"]}
            if (await api._client.post(url, data=data, headers=tag)).status_code == 200:
                return

    async def all_of_them() -> None:
        await asyncio.gather(*[increment() for _ in range(10)])

    api.run(all_of_them())
    assert api.get(url).json()["data"] == {"n": 10}


def test_pushes_at_once_get_indexes_of_their_own(api: Api) -> None:
    items = api.post(f"{SERVICES}/default/Lists").json()["links"]["items"]
    responses = api.together(*[("POST", items, {"Data": "{}"})] * 20)
    assert sorted(response.json()["index"] for response in responses) == list(range(20))
    assert sorted(int(response.json()["revision"], 16) for response in responses) == list(range(20))
