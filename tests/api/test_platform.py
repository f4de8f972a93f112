"""Overload, faults inside, and secrets that stay inside."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, OPERATOR, Api, assert_error
from trunkline.api.execution import OperationExecutor
from trunkline.core.storage.database import LOGGED_ONCE, OutcomeUnknown, StorageError, Unavailable
from trunkline.core.telemetry import JsonFormatter

SERVICES = "/sync/v1/Services"


class LogEntries(logging.Handler):
    """The log as it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def logs() -> Iterator[LogEntries]:
    logger, handler = logging.getLogger("trunkline"), LogEntries()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


class TestOverload:
    """An account has so many places for requests."""

    @pytest.fixture
    def settings_overrides(self) -> dict[str, Any]:
        return {"max_concurrent_requests": 2}

    def test_one_request_too_many_is_a_429_and_is_not_carried_out(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        handle = OperationExecutor.handle
        go, entered = asyncio.Event(), []

        async def wait(self: OperationExecutor, request: Any) -> Any:
            entered.append(request)
            await go.wait()
            return await handle(self, request)

        other = api.post("/2010-04-01/Accounts.json").json()
        monkeypatch.setattr(OperationExecutor, "handle", wait)
        client = api._client

        async def scenario() -> None:
            held = [asyncio.create_task(client.request("POST", SERVICES)) for _ in range(2)]
            while len(entered) < 2:
                await asyncio.sleep(0)
            refused = await client.request("POST", SERVICES)
            assert_error(refused, 429, 20429)
            assert refused.headers["retry-after"] == "1"
            assert refused.headers["twilio-concurrent-requests"] == "2"
            assert len(entered) == 2
            elsewhere = asyncio.create_task(
                client.request("GET", SERVICES, auth=(other["sid"], other["auth_token"]))
            )
            while len(entered) < 3:
                await asyncio.sleep(0)
            go.set()
            responses = await asyncio.gather(*held, elsewhere)
            # Which of the two came first is the network's affair.
            *counts, apart = [response.headers["twilio-concurrent-requests"] for response in responses]
            assert (sorted(counts), apart) == (["1", "2"], "1")
            assert [response.status_code for response in responses] == [201, 201, 200]
            again = await client.request("GET", SERVICES)
            assert again.headers["twilio-concurrent-requests"] == "1"
            assert len(again.json()["services"]) == 2

        api.run(scenario())


FAULTS = [
    (ZeroDivisionError("s3cret detail"), 500, 20500, None),
    (StorageError("s3cret detail"), 500, 20500, None),
    (OutcomeUnknown("s3cret detail"), 500, 20500, None),
    (RecursionError("s3cret detail"), 500, 20500, None),
    (Unavailable("s3cret detail"), 503, 20503, "1"),
]


@pytest.mark.parametrize(("fault", "status", "code", "retry"), FAULTS)
def test_a_fault_inside_is_told_without_detail_and_logged_with_the_request_id(
    api: Api,
    logs: LogEntries,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
    status: int,
    code: int,
    retry: str | None,
) -> None:
    async def break_down(self: OperationExecutor, request: Any) -> Any:
        raise fault

    monkeypatch.setattr(OperationExecutor, "handle", break_down)
    response = api.post(SERVICES)
    body = assert_error(response, status, code)
    assert set(body) == {"code", "message", "more_info", "status"}
    assert b"s3cret" not in response.content
    assert response.headers.get("retry-after") == retry
    lines = [line for line in logs.objects() if line["level"] == "error"]
    # The storage logs its outages itself, once.
    assert len(lines) == (not isinstance(fault, LOGGED_ONCE))
    for line in lines:
        assert line["request_id"] == response.headers["twilio-request-id"]
        assert "s3cret detail" in line.get("exception", "") + line["message"]
    monkeypatch.undo()
    assert api.get(SERVICES).json()["services"] == []


def test_an_action_that_breaks_down_leaves_nothing_behind(
    api: Api, logs: LogEntries, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trunkline.core.sids import new_sid

    made: list[str] = []

    def twice_the_same(prefix: str) -> str:
        made.append(made[0] if made else new_sid(prefix))
        return made[-1]

    monkeypatch.setattr("trunkline.products.sync.services.new_sid", twice_the_same)
    assert api.post(SERVICES).status_code == 201
    assert_error(api.post(SERVICES), 409, 20409)
    assert len(api.get(SERVICES).json()["services"]) == 1


def test_a_fault_in_the_control_api_is_told_in_json_too(
    api: Api, logs: LogEntries, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down() -> bytes:
        raise ZeroDivisionError("s3cret")

    monkeypatch.setattr(api.node.metrics, "render", break_down)
    response = api.get("/_trunkline/metrics", auth=OPERATOR)
    assert_error(response, 500, 20500)
    assert b"s3cret" not in response.content
    assert logs.objects()[-1]["request_id"] == response.headers["twilio-request-id"]


def test_a_stopped_database_is_a_503(api: Api) -> None:
    api.run(api.node.database.stop())
    response = api.get(SERVICES)
    assert_error(response, 503, 20503)
    assert response.headers["retry-after"] == "1"
    assert_error(api.post(SERVICES), 503, 20503)
    assert api.get("/_trunkline/health/ready", auth=None).status_code == 503
    assert api.get("/_trunkline/health/live", auth=None).status_code == 200


class TestSecrets:
    """Nothing secret leaves by a log, a metric, an error or the disk."""

    @pytest.fixture
    def settings_overrides(self) -> dict[str, Any]:
        return {"log_requests": True}

    def test_secrets_are_shown_once_and_nowhere_else(
        self, api: Api, logs: LogEntries, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        secondary = api.post("/v1/AuthTokens/Secondary").json()["secondary_auth_token"]
        key = api.post(f"/2010-04-01/Accounts/{ACCOUNT_SID}/Keys.json").json()
        iam = api.post("/v1/Keys", {"AccountSid": ACCOUNT_SID}).json()
        sub = api.post("/2010-04-01/Accounts.json").json()
        guessed = "0123456789abcdef" * 2
        secrets = [secondary, key["secret"], iam["secret"], guessed]
        tokens = [AUTH_TOKEN, sub["auth_token"]]
        responses = [
            api.get(f"/2010-04-01/Accounts/{ACCOUNT_SID}/Keys.json"),
            api.get(f"/2010-04-01/Accounts/{ACCOUNT_SID}/Keys/{key['sid']}.json"),
            api.get("/v1/Keys", {"AccountSid": ACCOUNT_SID}),
            api.get(f"/v1/Keys/{iam['sid']}"),
            api.post(f"/v1/Keys/{iam['sid']}", {"FriendlyName": "x"}),
            api.get(SERVICES, auth=(ACCOUNT_SID, secondary)),
            api.get(SERVICES, auth=(key["sid"], key["secret"])),
            api.get(SERVICES, auth=(ACCOUNT_SID, guessed)),
            api.get(SERVICES, auth=(key["sid"], guessed)),
            api.get("/_trunkline/metrics", auth=OPERATOR),
            api.get("/_trunkline/health", auth=None),
        ]
        accounts = api.get("/2010-04-01/Accounts.json")
        assert all(token in accounts.text for token in tokens)
        assert not any(secret in accounts.text for secret in secrets)
        requests = capsys.readouterr().err.splitlines()
        shown = [response.text + str(response.headers) for response in responses] + logs.lines + requests
        assert len(requests) >= 14
        assert not [secret for secret in secrets + tokens for text in shown if secret in text]
        files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
        assert not [secret for secret in secrets + tokens for file in files if secret.encode() in file]

    def test_a_request_is_logged_with_its_path_but_not_its_query(
        self, api: Api, capsys: pytest.CaptureFixture[str]
    ) -> None:
        response = api.get("/sync/v1/Services?Token=s3cret")
        [line] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        assert line["request_id"] == response.headers["twilio-request-id"]
        assert (line["method"], line["path"], line["status"]) == ("GET", SERVICES, 200)
        assert "s3cret" not in str(line)


CALLS = [
    (
        "GET",
        "/sync/v1/Services",
        "localhost",
        'operation="sync.services.list",product="sync",status="200"',
    ),
    (
        "GET",
        "/v1/Services",
        "chat.localhost",
        'operation="chat.services.list",product="chat",status="200"',
    ),
    ("GET", "/v1/Keys", "localhost", 'operation="accounts.keys.list",product="accounts",status="400"'),
    (
        "GET",
        "/v1/Services",
        "localhost",
        'operation="notify.services.list",product="notify",status="200"',
    ),
    ("GET", "/v1/nope", "localhost", 'operation="",product="notify",status="404"'),
    ("PUT", "/v1/Services", "messaging.localhost", 'operation="",product="messaging",status="405"'),
    ("GET", "/ip-messaging/v9/Services", "localhost", 'operation="",product="chat",status="404"'),
    ("GET", "/sync", "localhost", 'operation="",product="sync",status="404"'),
    (
        "GET",
        f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/SM1/Nope.json",
        "localhost",
        'product="messaging"',
    ),
    ("DELETE", f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json", "localhost", 'product="messaging"'),
    ("PUT", f"/2010-04-01/Accounts/{ACCOUNT_SID}.json", "localhost", 'product="accounts"'),
    ("GET", f"/2010-04-01/Accounts/{ACCOUNT_SID}/Nope.json", "localhost", 'operation="",product="accounts"'),
    ("GET", "/m/AAAAAAA", "localhost", 'product="notify",status="404"'),
    ("POST", "/", "localhost", 'operation="",product="",status="405"'),
    ("GET", "/", "go.example.com", 'operation="messaging.public.fetch",product="messaging",status="404"'),
]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_call_is_counted_for_the_product_that_serves_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    door = msgspec.structs.replace(api.node.application._door, default_product="notify")
    monkeypatch.setattr(api.node.application, "_door", door)
    domain = {"Name": "go.example.com", "AccountSid": ACCOUNT_SID}
    assert api.post("/_trunkline/domains", domain, auth=OPERATOR).status_code == 201

    def counts() -> set[str]:
        lines = api.get("/_trunkline/metrics", auth=OPERATOR).text.splitlines()
        return {line for line in lines if line.startswith("trunkline_requests_total{")}

    for method, path, host, label in CALLS:
        before = counts()
        api.run(api._http.request(method, path, headers={"Host": host}))
        (counted,) = counts() - before
        assert label in counted, (method, path, counted)


def test_the_metrics_names_do_not_grow_with_what_clients_ask_for(api: Api) -> None:
    def series() -> set[str]:
        text = api.get("/_trunkline/metrics", auth=OPERATOR).text
        return {line.rpartition(" ")[0] for line in text.splitlines() if "_created" not in line}

    api.get("/nope")
    api.get(f"{SERVICES}/nope")
    api.request("PROPFIND", SERVICES)
    before = series()
    for number in range(20):
        api.get(f"/nope/{number}")
        api.get(f"{SERVICES}/nope{number}")
        api.request(f"VERB{number}", SERVICES)
        api.get(f"http://host{number}.example/v1/Services")
    assert series() == before
    assert any('operation="sync.services.fetch",product="sync",status="404"' in line for line in before)
    # No product serves a path without a prefix on a neutral host.
    assert any('operation="",product="",status="404"' in line for line in before)
    assert not any('product="start"' in line for line in before)
