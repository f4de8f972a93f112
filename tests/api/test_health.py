"""Health and metrics of a running node."""

from __future__ import annotations

import httpx
import pytest

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, OPERATOR, Api, assert_error


def test_a_started_node_is_ready_and_says_so_without_credentials(api: Api) -> None:
    response = api.get("/_trunkline/health", auth=None)
    assert (response.status_code, response.json()["ready"]) == (200, True)
    assert response.headers["content-type"] == "application/json"
    for path in ("/_trunkline/health/ready", "/_trunkline/health/live", "/_trunkline/health/"):
        assert api.get(path, auth=None).status_code == 200


def test_a_node_that_stops_is_alive_but_not_ready(api: Api) -> None:
    api.node.health.stopping = True
    assert api.get("/_trunkline/health/ready", auth=None).status_code == 503
    assert api.get("/_trunkline/health/live", auth=None).status_code == 200


def test_the_metrics_count_what_was_answered(api: Api) -> None:
    api.get("/sync/v1/Services")
    response = api.get("/_trunkline/metrics", auth=OPERATOR)
    assert response.headers["content-type"].startswith("text/plain")
    assert 'operation="sync.services.list",product="sync",status="200"} 1.0' in response.text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_metrics_are_the_operators_and_need_no_database(api: Api) -> None:
    assert_error(api.get("/_trunkline/metrics", auth=None), 401, 20003)
    assert_error(api.get("/_trunkline/metrics"), 403, 20403)
    api.run(api.node.database.stop())
    assert b"trunkline_storage_queue" in api.get("/_trunkline/metrics", auth=OPERATOR).content


def test_other_origins_get_no_leave_to_read_the_control_api(api: Api) -> None:
    for response in (
        api.get("/_trunkline/health", headers={"Origin": "https://evil.example"}),
        api.get("/_trunkline/nope", headers={"Origin": "https://evil.example"}),
        api.request("OPTIONS", "/_trunkline/health", headers={"Origin": "https://evil.example"}),
    ):
        assert not [name for name in response.headers if name.startswith("access-control")]
        assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/%5Ftrunkline/metrics", "localhost"),
        ("/%5ftrunkline/inbox/messages", "localhost"),
        ("/_%74runkline/metrics", "sync.localhost"),
        ("//_trunkline/metrics", "localhost"),
        ("/metrics", "_trunkline.example"),
    ],
)
def test_the_control_api_is_not_reached_by_another_spelling(api: Api, path: str, host: str) -> None:
    url = httpx.URL("http://localhost", raw_path=path.encode())
    for auth in (None, (ACCOUNT_SID, AUTH_TOKEN)):
        response = api.run(api._client.client.get(url, headers={"Host": host}, auth=auth))
        assert_error(response, 404, 20404)


def test_unknown_control_paths_and_methods_are_refused_in_json(api: Api) -> None:
    for path in ("/_trunkline/nope", "/_trunklines/health", "/_trunkline/../v1/Services"):
        assert_error(api.run(api._client.client.get(f"http://h{path}")), 404, 20404)
    response = api.post("/_trunkline/health")
    assert_error(response, 405, 20004)
    assert response.headers["allow"] == "GET, HEAD"
