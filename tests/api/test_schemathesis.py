"""Requests that Schemathesis makes from the vendor's documents, valid and not: no 5xx and no undocumented shape.

Every answer is held against the contract by the client. ``TRUNKLINE_FUZZ_EXAMPLES`` asks for more requests an
operation, and for other ones in each run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from api.conftest import ACCOUNT_SID, Api
from contract.documents import document

WIDER = int(os.environ.get("TRUNKLINE_FUZZ_EXAMPLES", "0"))

ACCOUNT_PATHS = ("/2010-04-01/Accounts.json", "/2010-04-01/Accounts/{Sid}.json")
KEY_PATHS = ("/2010-04-01/Accounts/{AccountSid}/Keys", "/2010-04-01/Accounts/{AccountSid}/SigningKeys")


def served(product: str, path: str) -> bool:
    """Whether Trunkline serves this path of the vendor's document."""
    if product == "api":
        return path in ACCOUNT_PATHS or path.startswith(KEY_PATHS)
    if product == "iam":
        return path in ("/v1/Keys", "/v1/Keys/{Sid}")
    if product == "accounts":
        return path.startswith("/v1/AuthTokens")
    below = path.partition("/Services")[2]
    if product == "sync":
        return path.startswith("/v1/Services")
    if product in ("chat", "ip-messaging"):
        return path.startswith(("/v1/Services", "/v2/Services")) and (
            below in ("", "/{Sid}") or below.startswith("/{ServiceSid}/Roles")
        )
    return path.startswith("/v1/Services") and below in ("", "/{Sid}", "/Usecases")


DOCUMENTS = (
    ("sync", "v1"),
    ("notify", "v1"),
    ("messaging", "v1"),
    ("chat", "v1"),
    ("chat", "v2"),
    ("ip-messaging", "v1"),
    ("ip-messaging", "v2"),
    ("iam", "v1"),
    ("accounts", "v1"),
    ("api", "2010-04-01"),
)


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"sync_limits": False, "max_notify_services": 1000}


FORMS: dict[str, list[tuple[str, str]]] = {
    "Services": [("FriendlyName", "there")],
    "Items": [("Key", "k"), ("Data", '{"a": 1}')],
    "Roles": [("FriendlyName", "r"), ("Type", "channel"), ("Permission", "sendMessage")],
}
"""What makes a resource of a collection, where an empty form does not."""
NAMES = {"Items/{Index}": "index", "Items/{Key}": "key"}
"""Which property names a resource that has no SID."""


PLAUSIBLE = {
    "AccountSid": ACCOUNT_SID,
    "Data": '{"a": 1}',
    "FriendlyName": "a name",
    "Key": "another",
    "Permission": "sendMessage",
    "Type": "channel",
    "WebhookFilters": "onMessageSent",
}
ENDINGS = {
    ("RoleSid", "CredentialSid", "MessagingServiceSid", "UniqueName"): "",
    ("RetryCount", "ChannelMembers", "UserChannels", "Timeout", "Interval", "Ttl"): "2",
    ("Url", "Callback"): "https://example.com/there",
    ("Method",): "POST",
    ("Template", "Sound"): "short",
}
"""Values that can be right, by a parameter's name or its ending; an empty one leaves it out."""


def plausible(name: str, value: str) -> str:
    """A value that can be right."""
    for endings, good in ENDINGS.items():
        if name.endswith(endings):
            return good
    return PLAUSIBLE.get(name, value)


class Ground:
    """Makes the resources that the paths of one product need; anew for each path, since requests change and delete
    them."""

    def __init__(self, api: Api, product: str) -> None:
        self._api = api
        self._product = product

    def path(self, template: str) -> str:
        """A path to something that exists."""
        segments = template.removesuffix(".json").strip("/").split("/")
        here = ""
        for number, segment in enumerate(segments):
            if segment.startswith("{"):
                segment = self._make(here, segments[number - 1], segment)
            here += f"/{segment}"
        return here + (".json" if template.endswith(".json") else "")

    def _make(self, path: str, collection: str, variable: str) -> str:
        if collection == "Permissions":
            grants = [("Read", "true"), ("Write", "true"), ("Manage", "false")]
            self._api.post(f"/{self._product}{path}/alice", grants)
            return "alice"
        if collection == "Accounts" and variable == "{AccountSid}":
            return ACCOUNT_SID
        form = list(FORMS.get(collection, []))
        if collection == "Keys" and self._product == "iam":
            form = [("AccountSid", ACCOUNT_SID)]
        suffix = ".json" if self._product == "api" else ""
        made = self._api.post(f"/{self._product}{path}{suffix}", form).json()
        return str(made[NAMES.get(f"{collection}/{variable}", "sid")])


def cases(product: str, version: str) -> Iterator[tuple[str, Any]]:
    """The strategies of a document's operations, by their names."""
    source = dict(document(product, version).source)
    source["paths"] = {path: item for path, item in source["paths"].items() if served(product, path)}
    source["servers"] = [{"url": "http://127.0.0.1:8080"}]
    schema = schemathesis.openapi.from_dict(source)
    for found in schema.get_all_operations():
        operation = found.ok()
        modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
        yield operation.label, st.one_of(modes)


def send(api: Api, product: str, case: Case, ground: Ground | None, helped: bool) -> int:
    """Send a case below the product's prefix, on what exists or (without ground) on whatever the case names; ``helped``
    gives it values that can be right. Answers the status."""
    path = case.path
    if ground:
        path = ground.path(path)
    else:
        for name, value in case.path_parameters.items():
            path = path.replace("{" + name + "}", str(value))
    query, body = _texts(case.query), _texts(case.body)
    if helped:
        query, body = (
            [(name, good) for name, value in pairs if (good := plausible(name, value))]
            for pairs in (query, body)
        )
        if path.endswith("/Promote"):
            api.post(f"/{product}{path.replace('Promote', 'Secondary')}")
    if case.method.upper() == "POST":
        answer = api.post(f"/{product}{path}", body, params=query)
    else:
        answer = api.request(case.method, f"/{product}{path}", params=query)
    assert answer.status_code < 500, answer.text
    return answer.status_code


def _texts(fields: Any) -> list[tuple[str, str]]:
    return [
        (str(name), str(one))
        for name, value in (fields.items() if isinstance(fields, dict) else ())
        for one in (value if isinstance(value, list) else [value])
    ]


@pytest.mark.parametrize(("product", "version"), DOCUMENTS)
def test_no_request_breaks_the_contract(api: Api, product: str, version: str) -> None:
    failed: list[str] = []
    answered: dict[str, set[int]] = {}
    ground = Ground(api, product)

    def check(label: str, strategy: Any) -> None:
        @settings(
            max_examples=WIDER or 10,
            derandomize=not WIDER,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy, st.sampled_from([(ground, True), (ground, False), (None, False)]))
        def run(case: Case, way: tuple[Ground | None, bool]) -> None:
            answered.setdefault(label, set()).add(send(api, product, case, *way))

        try:
            run()
        except AssertionError as error:
            failed.append(f"{label}: {error}")

    # Promoting a token ends the one that the others are sent with.
    for label, strategy in sorted(cases(product, version), key=lambda case: "Promote" in case[0]):
        check(label, strategy)
    assert not failed, "\n\n".join(failed)
    # What only ever refuses was not tried: the fuzz would show nothing.
    refused = {label: sorted(codes) for label, codes in answered.items() if min(codes) >= 400}
    assert answered
    assert not refused
