"""Use cases that go together."""

from __future__ import annotations

import pytest

from trunkline.products.messaging.campaign_usecases import CODES, USECASES, compatible, offered
from trunkline.products.messaging.service_usecases import USECASES as SERVICE_USECASES


def test_every_code_is_there_once() -> None:
    assert len(CODES) == len(set(CODES)) == 21
    assert {one.code for one in USECASES} | {"SOLE_PROPRIETOR"} == set(CODES)


def test_an_undeclared_service_takes_any() -> None:
    assert all(compatible("undeclared", code) for code in CODES)


@pytest.mark.parametrize("usecase", [one.usecase for one in SERVICE_USECASES])
def test_some_go_with_any_service(usecase: str) -> None:
    for code in ("MIXED", "LOW_VOLUME", "SOLE_PROPRIETOR", None):
        assert compatible(usecase, code)
    assert {one.code for one in offered(usecase, None)} == {
        one.code for one in USECASES if compatible(usecase, one.code)
    }


@pytest.mark.parametrize("code", CODES)
def test_each_goes_with_a_declared_service(code: str) -> None:
    declared = [one.usecase for one in SERVICE_USECASES if one.usecase != "undeclared"]
    assert any(compatible(usecase, code) for usecase in declared)


@pytest.mark.parametrize(
    ("usecase", "code"),
    [
        ("marketing", "2FA"),
        ("verification", "MARKETING"),
        ("notifications", "MARKETING"),
        ("discussion", "POLLING_VOTING"),
        ("poll", "DELIVERY_NOTIFICATION"),
    ],
)
def test_what_does_not_go_together(usecase: str, code: str) -> None:
    assert not compatible(usecase, code)
    assert code not in {one.code for one in offered(usecase, "STANDARD")}
