"""The two kinds of access to the control API: every operation with no credentials, another account's, an account's and
the operator's."""

from __future__ import annotations

import base64

import httpx
import pytest

from api.conftest import ACCOUNT_SID, OPERATOR, Api, assert_error
from trunkline.api.addressing import CONTROL
from trunkline.api.operation import Operation
from trunkline.api.principal import Access
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.jobs.removals import KIND as REMOVAL
from trunkline.products.accounts import facade
from trunkline.products.messaging.numbers import inventory
from trunkline.products.messaging.numbers.inventory import NumberUnavailable

ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""Access is decided before the database is used."""

Request = tuple[str, str, dict[str, str] | None]

SID = "XX" + "0" * 32
OPEN = {
    ("GET", "/health"),
    ("GET", "/health/ready"),
    ("GET", "/health/live"),
    ("GET", "/"),
    ("POST", "/carriers/{Name}/{Report}"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("POST", "/logout"),
    ("GET", "/inbox"),
}
"""Open to everybody; a carrier's report checks the carrier's own secret, a page the browser's session."""
ACCOUNTS = {
    ("GET", "/webhooks"),
    ("GET", "/webhooks/{Sid}"),
    ("POST", "/webhooks/{Sid}/resend"),
    ("GET", "/inbox/phones"),
    ("GET", "/inbox/messages"),
    ("POST", "/inbox/messages"),
    ("DELETE", "/inbox/messages"),
    ("GET", "/opt-outs"),
    ("POST", "/opt-outs"),
    ("DELETE", "/opt-outs"),
    ("GET", "/opt-outs/{Sid}"),
    ("POST", "/opt-outs/{Sid}"),
    ("GET", "/retention"),
    ("POST", "/retention"),
    ("GET", "/domains"),
    ("GET", "/domains/{Sid}/certificate"),
}
OPERATORS = {
    ("GET", "/metrics"),
    ("GET", "/carriers"),
    ("GET", "/jobs"),
    ("GET", "/jobs/{Id}"),
    ("POST", "/jobs/{Id}/retry"),
    ("DELETE", "/jobs/{Id}"),
    ("GET", "/compliance"),
    ("GET", "/compliance/{Sid}"),
    ("POST", "/compliance/{Sid}/review"),
    ("POST", "/compliance/{Sid}/approve"),
    ("POST", "/compliance/{Sid}/reject"),
    ("POST", "/compliance/{Sid}/suspend"),
    ("GET", "/compliance/deactivations"),
    ("POST", "/compliance/deactivations"),
    ("DELETE", "/compliance/deactivations"),
    ("POST", "/domains"),
    ("DELETE", "/domains/{Sid}"),
    ("GET", "/numbers"),
    ("POST", "/numbers"),
    ("GET", "/numbers/{Number}"),
    ("POST", "/numbers/{Number}"),
    ("DELETE", "/numbers/{Number}"),
}


def operations(api: Api) -> dict[tuple[str, str], Operation]:
    """Return the operations of the control API by method and path."""
    found = [route.operation for route in api.node.realtime.router.routes if route.mount.host == CONTROL]
    return {(operation.method, operation.path): operation for operation in found}


def status(api: Api, method: str, path: str, auth: tuple[str, str] | None, query: str = "") -> int:
    """Return the status of a request to an operation with invented variables."""
    for variable in ("{Sid}", "{Id}", "{Number}", "{Name}", "{Report}"):
        path = path.replace(variable, SID)
    return api.request(method, f"/{CONTROL}{path}{query}", auth=auth).status_code


@ONE_ENGINE
def test_every_operation_is_in_the_table(api: Api) -> None:
    found = operations(api)
    assert set(found) == OPEN | ACCOUNTS | OPERATORS
    for key, operation in found.items():
        assert bool(operation.schemes) is (key not in OPEN), key
        if key not in OPEN:
            assert operation.access is (Access.ACCOUNT if key in ACCOUNTS else Access.OPERATOR), key


@ONE_ENGINE
def test_every_operation_with_every_kind_of_credentials(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def pass_at_once(address: str) -> None:
        """Skip the delay of guesses: up to 2 s each; the table makes some fifty, and another test holds the
        delay.
        """

    monkeypatch.setattr(api.node.application._failures, "hold", pass_at_once)
    other = api.post("/2010-04-01/Accounts.json").json()
    key = api.post(f"/2010-04-01/Accounts/{ACCOUNT_SID}/Keys.json").json()
    form = {
        "AccountSid": ACCOUNT_SID,
        "KeyType": "restricted",
        "Policy": '{"allow": ["/twilio/control/jobs/read"]}',
    }
    restricted = api.post("/iam/v1/Keys", form).json()
    main, secret = api.run(
        facade.create_key(api.node.database, api.node.vault, ACCOUNT_SID, "main", main=True)
    )
    test = api.run(facade.test_credentials(api.node.database, api.node.vault, ACCOUNT_SID))
    account = (ACCOUNT_SID, "f" * 32)
    denied, refused = {401}, {403}
    for method, path in sorted(ACCOUNTS | OPERATORS):
        own = (method, path) in ACCOUNTS
        for auth, expected in (
            (None, denied),
            ((ACCOUNT_SID, "0" * 32), denied),
            ((key["sid"], key["secret"]), denied),
            ((restricted["sid"], restricted["secret"]), denied),
            (test, denied),
            (("operator", "0" * 32), denied),
            (account, None if own else refused),
            ((main.sid, secret), None if own else refused),
            ((other["sid"], other["auth_token"]), None if own else refused),
        ):
            got = status(api, method, path, auth)
            assert got in expected if expected else got not in (401, 403), (method, path, auth, got)
        named = status(api, method, path, OPERATOR, f"?AccountSid={ACCOUNT_SID}")
        assert named not in (401, 403, 405), (method, path, named)
    for method, path in sorted(OPEN):
        assert status(api, method, path, None) in (200, 303, 403, 404), (method, path)


@ONE_ENGINE
def test_the_operator_is_named_in_the_refusal_and_may_use_a_bearer_token(api: Api) -> None:
    body = assert_error(api.get(f"/{CONTROL}/jobs"), 403, 20403)
    assert "operator's token" in body["message"]
    bearer = {"Authorization": f"Bearer {OPERATOR[1]}"}
    assert api.get(f"/{CONTROL}/jobs", auth=None, headers=bearer).json() == {"jobs": []}
    for wrong in ("Bearer", "Bearer x", "Basic !", "Basic " + base64.b64encode(b"operator").decode()):
        response = api.get(f"/{CONTROL}/jobs", auth=None, headers={"Authorization": wrong})
        assert_error(response, 401, 20003)
        assert response.headers["www-authenticate"]


@ONE_ENGINE
def test_the_operators_token_is_no_accounts(api: Api) -> None:
    assert_error(api.get("/sync/v1/Services", auth=OPERATOR), 401, 20003)
    bearer = {"Authorization": f"Bearer {OPERATOR[1]}"}
    assert_error(api.get("/sync/v1/Services", auth=None, headers=bearer), 401, 20003)


@ONE_ENGINE
def test_the_operator_names_the_account_of_an_accounts_operation(api: Api) -> None:
    path = f"/{CONTROL}/webhooks"
    unnamed = api.get(path, auth=OPERATOR)
    assert_error(unnamed, 400, 20001)
    assert unnamed.json()["message"] == "Missing required parameter AccountSid in the query"
    assert_error(api.get(f"{path}?AccountSid={SID}", auth=OPERATOR), 400, 20001)
    assert api.get(f"{path}?AccountSid={ACCOUNT_SID}", auth=OPERATOR).json()["webhooks"] == []
    opt_out = {"AccountSid": ACCOUNT_SID, "Scope": "+14155550100", "Recipient": "+14155550101"}
    assert_error(api.post(f"/{CONTROL}/opt-outs", opt_out, auth=OPERATOR), 400, 20001)


@ONE_ENGINE
def test_an_account_names_itself_or_a_subaccount_and_no_other(api: Api) -> None:
    other = api.post("/2010-04-01/Accounts.json").json()
    child = (other["sid"], other["auth_token"])
    opt_out = {"Scope": "+14155550100", "Recipient": "+14155550101"}
    for method, path, form, done in (
        ("GET", "/webhooks", None, 200),
        ("POST", "/webhooks/x/resend", None, 404),
        ("GET", "/domains", None, 200),
        ("GET", "/opt-outs", None, 200),
        ("POST", "/opt-outs", opt_out, 400),
        ("GET", "/retention", None, 200),
        ("POST", "/retention", {"MessageDays": "1"}, 200),
        ("GET", "/inbox/phones", None, 200),
        ("GET", "/inbox/messages", None, 200),
        ("POST", "/inbox/messages", None, 400),
        ("DELETE", "/inbox/messages", None, 204),
    ):

        def send(auth: tuple[str, str], sid: str, sent: Request = (method, path, form)) -> httpx.Response:
            method, path, form = sent
            return api.request(method, f"/{CONTROL}{path}?AccountSid={sid}", auth=auth, data=form)

        for sid in (ACCOUNT_SID, SID, "AC" + "0" * 32):
            assert_error(send(child, sid), 404, 20404)
        assert send(child, child[0]).status_code == done, path
        assert send((ACCOUNT_SID, "f" * 32), child[0]).status_code == done, path
    # In a body as in a query.
    named = {"AccountSid": ACCOUNT_SID, **opt_out}
    assert_error(api.request("POST", f"/{CONTROL}/opt-outs", auth=child, data=named), 404, 20404)


@ONE_ENGINE
def test_wrong_operators_tokens_are_slowed_down(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []

    async def hold(address: str) -> None:
        held.append(address)

    monkeypatch.setattr(api.node.application._failures, "hold", hold)
    assert_error(api.get(f"/{CONTROL}/jobs", auth=("operator", "x")), 401, 20003)
    assert len(held) == 1


def test_dead_jobs_are_listed_retried_and_discarded(api: Api) -> None:
    async def fill() -> list[str]:
        ids = [await api.node.database.write(lambda tx: enqueue(tx, Job("nothing", "{}"))) for _ in range(2)]
        await api.node.database.write(lambda tx: tx.run("UPDATE jobs SET state = 'dead', due = 0"))
        return ids

    api.run(api.node.runner.stop())
    first, second = sorted(api.run(fill()))
    listed = api.get(f"/{CONTROL}/jobs", auth=OPERATOR).json()["jobs"]
    assert sorted(job["id"] for job in listed) == [first, second]
    assert "payload" not in listed[0]
    shown = api.get(f"/{CONTROL}/jobs/{first}", auth=OPERATOR).json()
    assert (shown["kind"], shown["state"], shown["payload"]) == ("nothing", "dead", "{}")
    assert api.post(f"/{CONTROL}/jobs/{first}/retry", auth=OPERATOR).json()["state"] == "ready"
    assert api.delete(f"/{CONTROL}/jobs/{second}", auth=OPERATOR).status_code == 204
    assert_error(api.delete(f"/{CONTROL}/jobs/{second}", auth=OPERATOR), 404, 20404)
    assert api.get(f"/{CONTROL}/jobs?State=ready&Limit=1", auth=OPERATOR).json()["jobs"][0]["id"] == first
    assert_error(api.get(f"/{CONTROL}/jobs?State=odd", auth=OPERATOR), 400, 20001)


def test_numbers_are_added_assigned_and_removed(api: Api) -> None:
    path, number = f"/{CONTROL}/numbers", "+14155550123"
    made = api.post(path, {"Number": "(415) 555-0123", "Mms": "false", "Rate": "2.5"}, auth=OPERATOR)
    expected = {"number": number, "kind": "local", "country": "US", "sms": True, "mms": False, "rate": 2.5}
    assert made.status_code == 201
    assert expected.items() <= made.json().items()
    assert_error(api.post(path, {"Number": number}, auth=OPERATOR), 409, 20409)
    for form in (
        {"Number": "x"},
        {"Number": "+14155550124", "Country": "USA"},
        {"Number": "+14155550124", "Kind": "short-code"},
        {"Number": "+14155550124", "Rate": "nan"},
        {"Number": "+14155550124", "AccountSid": SID},
        {},
    ):
        assert_error(api.post(path, form, auth=OPERATOR), 400, 20001)
    given = api.post(f"{path}/{number}", {"AccountSid": ACCOUNT_SID}, auth=OPERATOR).json()
    assert (given["account_sid"], given["sid"][:2]) == (ACCOUNT_SID, "PN")
    assert api.get(f"{path}/{number}", auth=OPERATOR).json() == given
    assert api.get(f"{path}?AccountSid={ACCOUNT_SID}", auth=OPERATOR).json() == {
        "numbers": [given],
        "next_page_token": None,
    }
    assert api.post(f"{path}/{number}", auth=OPERATOR).json()["account_sid"] is None
    assert api.delete(f"{path}/{number}", auth=OPERATOR).status_code == 204
    assert_error(api.get(f"{path}/{number}", auth=OPERATOR), 404, 20404)
    assert_error(api.post(f"{path}/{number}", auth=OPERATOR), 404, 20404)


def test_the_error_of_a_number_names_its_parameter_and_reason(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, number = f"/{CONTROL}/numbers", "+14155550123"
    assert api.post(path, {"Number": number, "Country": ""}, auth=OPERATOR).json()["country"] == "US"
    bad = api.post(path, {"Number": "+14155550124", "Country": "USA"}, auth=OPERATOR)
    reason = "must be the two letters of a country"
    assert assert_error(bad, 400, 20001)["message"] == f"Invalid parameter Country: {reason}"

    async def bought(*_: object) -> None:
        raise NumberUnavailable(number)

    monkeypatch.setattr(inventory, "assign_number", bought)
    lost = api.post(f"{path}/{number}", {"AccountSid": ACCOUNT_SID}, auth=OPERATOR)
    assert assert_error(lost, 409, 20409)["message"] == f"{number} was bought just now; try again"


def test_the_removal_of_what_was_deleted_is_not_discarded(api: Api) -> None:
    api.run(api.node.runner.stop())
    id = api.run(api.node.database.write(lambda tx: enqueue(tx, Job(REMOVAL, "{}"))))
    assert_error(api.delete(f"/{CONTROL}/jobs/{id}", auth=OPERATOR), 409, 20409)
    assert api.post(f"/{CONTROL}/jobs/{id}/retry", auth=OPERATOR).json()["id"] == id
