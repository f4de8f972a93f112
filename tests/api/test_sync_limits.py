"""The rate at which one object may be used, over the API."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import Api, assert_error

SERVICES = "/sync/v1/Services"
DOCUMENTS = f"{SERVICES}/default/Documents"


def burst(api: Api, count: int, path: str, form: dict[str, str]) -> list[Any]:
    answers = []
    for start in range(0, count, 50):
        answers += api.together(*[("POST", path, form)] * min(50, count - start))
    return answers


def check(answers: list[Any], good: int, allowance: int) -> None:
    """Check that about ``good`` of the responses are good, up to ``allowance`` more; the others state when to
    come back.
    """
    refused = [answer for answer in answers if answer.status_code == 429]
    assert good <= len(answers) - len(refused) <= good + allowance
    for answer in refused:
        assert_error(answer, 429, 54009)
        assert int(answer.headers["Retry-After"]) >= 1


def test_writes_to_one_document_are_bounded(api: Api) -> None:
    one, other = (api.post(DOCUMENTS).json()["url"] for _ in range(2))
    check(burst(api, 300, one, {"Data": "{}"}), 200, 90)
    assert api.post(other, {"Data": "{}"}).status_code == 200
    assert api.get(one).status_code == 200
    assert api.get(one).json()["revision"] != "0"


def test_messages_of_one_stream_are_bounded(api: Api) -> None:
    path = api.post(f"{SERVICES}/default/Streams").json()["links"]["messages"]
    check(burst(api, 400, path, {"Data": "{}"}), 300, 99)


@pytest.mark.parametrize("settings_overrides", [{"sync_limits": False}])
def test_without_limits_nothing_is_refused(api: Api) -> None:
    url = api.post(DOCUMENTS).json()["url"]
    assert {answer.status_code for answer in burst(api, 300, url, {"Data": "{}"})} == {200}
