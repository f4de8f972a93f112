"""Messaging's lists in the control API: each is paged, in its order, and each page begins behind the one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from api.conftest import ACCOUNT_SID, OPERATOR, Api, assert_error
from api.messaging import domains, registrations
from api.messaging.stock import own
from trunkline.api.paging import Cursor, encode

ROWS = 5
NUMBERS = [f"+1415555010{number}" for number in range(ROWS)]
OTHERS = ["+14155550108", "+14155550109"]
DAY = "/_trunkline/compliance/deactivations"


def numbers(api: Api) -> list[str]:
    for number in (*reversed(NUMBERS), *OTHERS):
        api.post("/_trunkline/numbers", {"Number": number}, auth=OPERATOR)
    return [*NUMBERS, *OTHERS]


def owned_numbers(api: Api) -> list[str]:
    numbers(api)
    for number in NUMBERS:
        own(api, number)
    return NUMBERS


def waiting_brands(api: Api) -> list[str]:
    operator, made = registrations.Operator(api), []
    for number in range(ROWS + 1):
        sid = registrations.brand(api)["sid"]
        operator.decide(sid, "approve" if number == 2 else "review")
        # Two have one time of creation, and are in the order of their SIDs.
        made.append((number // 2, sid))
        api.clock.advance(number % 2)
    return [sid for _, sid in sorted(made[:2] + made[3:])]


def link_domains(api: Api) -> list[str]:
    sids = []
    for number in range(ROWS):
        sids.append(domains.give(api, f"go{number}.example.com"))
        api.clock.advance(1)
    return sids


def deactivated(api: Api) -> list[str]:
    form = [("Date", "2025-01-31"), ("AccountSid", ACCOUNT_SID), *(("Number", one) for one in NUMBERS)]
    assert api.post(DAY, form, auth=OPERATOR).json()["numbers"] == NUMBERS
    return NUMBERS


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    """Return settings by which registrations wait for the operator."""
    return {"compliance_approval": "manual"}


LISTS: dict[str, tuple[Callable[[Api], list[str]], str, str, str]] = {
    "inventory": (numbers, "/_trunkline/numbers", "numbers", "number"),
    "numbers of an account": (
        owned_numbers,
        f"/_trunkline/numbers?AccountSid={ACCOUNT_SID}",
        "numbers",
        "number",
    ),
    "registrations": (waiting_brands, "/_trunkline/compliance", "waiting", "sid"),
    "registrations of an account": (
        waiting_brands,
        f"/_trunkline/compliance?AccountSid={ACCOUNT_SID}",
        "waiting",
        "sid",
    ),
    "domains": (link_domains, f"/_trunkline/domains?AccountSid={ACCOUNT_SID}", "domains", "sid"),
    "deactivations": (deactivated, f"{DAY}?Date=2025-01-31&AccountSid={ACCOUNT_SID}", "numbers", ""),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_paged(api: Api, name: str) -> None:
    make, url, key, field = LISTS[name]
    expected = make(api)
    path, query = urlsplit(url).path, dict(parse_qsl(urlsplit(url).query))

    def listed(**more: str) -> tuple[list[str], str | None]:
        body = api.get(path, {**query, **more}, auth=OPERATOR).json()
        return [one[field] if field else one for one in body[key]], body["next_page_token"]

    assert listed() == (expected, None)
    assert listed(PageSize=str(len(expected))) == (expected, None)
    seen, token = listed(PageSize="2")
    while token is not None:
        rows, token = listed(PageSize="2", PageToken=token)
        assert 0 < len(rows) <= 2
        seen += rows
    assert seen == expected
    backward = encode(Cursor((0, ""), backward=True))
    for parameter, wrong, code in (
        ("PageToken", "x", 21481),
        ("PageToken", backward, 21481),
        ("PageSize", "0", 20001),
        ("PageSize", "1001", 20001),
    ):
        assert_error(api.get(path, {**query, parameter: wrong}, auth=OPERATOR), 400, code)
