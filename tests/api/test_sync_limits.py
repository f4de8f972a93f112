"""The rate at which one object may be used, over the API."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import Api, assert_error

SERVICES = "/sync/v1/Services"
DOCUMENTS = f"{SERVICES}/default/Documents"


def burst(api: Api, count: int, path: str, form: dict[str, str]) -> list[Any]:
    responses = []
    for start in range(0, count, 50):
        responses += api.together(*[("POST", path, form)] * min(50, count - start))
    return responses


def check(responses: list[Any], good: int, allowance: int, name: str) -> None:
    """Check that about ``good`` of the responses are good, up to ``allowance`` more; the others name the limit and
    state when to come back.
    """
    refused = [response for response in responses if response.status_code == 429]
    assert good <= len(responses) - len(refused) <= good + allowance
    for response in refused:
        assert assert_error(response, 429, 54009)["message"] == f"Rate limit exceeded for {name}"
        assert int(response.headers["Retry-After"]) >= 1


def test_writes_to_one_document_are_bounded(api: Api) -> None:
    one, other = (api.post(DOCUMENTS).json()["url"] for _ in range(2))
    check(burst(api, 300, one, {"Data": "{}"}), 200, 90, f"write-document-{one[-34:]}")
    assert api.post(other, {"Data": "{}"}).status_code == 200
    assert api.get(one).status_code == 200
    assert api.get(one).json()["revision"] != "0"


def test_messages_of_one_stream_are_bounded(api: Api) -> None:
    stream = api.post(f"{SERVICES}/default/Streams").json()
    check(
        burst(api, 400, stream["links"]["messages"], {"Data": "{}"}),
        300,
        99,
        f"message-stream-{stream['sid']}",
    )


@pytest.mark.parametrize("settings_overrides", [{"sync_limits": False}])
def test_without_limits_nothing_is_refused(api: Api) -> None:
    url = api.post(DOCUMENTS).json()["url"]
    assert {response.status_code for response in burst(api, 300, url, {"Data": "{}"})} == {200}
