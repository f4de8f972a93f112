"""Token buckets, and which operation takes from which."""

from __future__ import annotations

import pytest

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty
from trunkline.api.principal import Credential, Principal
from trunkline.core.clock import SECOND
from trunkline.core.secrets import Vault
from trunkline.products import sync
from trunkline.products.sync import limits
from trunkline.products.sync.limits import Buckets, Rate, cost, limited, rate_of


class MovedClock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def allowed(buckets: Buckets, rate: Rate, key: str = "k", weight: float = 1.0) -> int:
    """Return the number of takes that a bucket allows."""
    for count in range(10_000):
        try:
            buckets.take(rate, key, weight)
        except ApiError:
            return count
    raise AssertionError("no end")


@pytest.mark.parametrize(
    ("rate", "burst", "each_second"),
    [
        (Rate.READ, 200, 20),
        (Rate.WRITE, 200, 20),
        (Rate.MESSAGE, 300, 30),
        (Rate.PERMISSION, 800, 80),
        (Rate.CREATION, 1200, 20),
    ],
)
def test_a_burst_and_then_the_rate(rate: Rate, burst: int, each_second: int) -> None:
    clock = MovedClock()
    buckets = Buckets(clock)
    assert allowed(buckets, rate) == burst
    clock.now += SECOND
    assert allowed(buckets, rate) == each_second
    clock.now += 3600 * SECOND
    assert allowed(buckets, rate) == burst


def test_buckets_are_each_for_themselves() -> None:
    buckets = Buckets(MovedClock())
    assert allowed(buckets, Rate.READ, "a") == allowed(buckets, Rate.READ, "b") == 200
    assert allowed(buckets, Rate.WRITE, "a") == 200


def test_the_refusal_says_when_to_come_back() -> None:
    clock = MovedClock()
    buckets = Buckets(clock)
    allowed(buckets, Rate.WRITE, weight=10.0)
    with pytest.raises(ApiError) as refused:
        buckets.take(Rate.WRITE, "k", 10.0)
    assert (refused.value.code, refused.value.status) == (54009, 429)
    assert refused.value.headers == {"Retry-After": "1"}
    clock.now += SECOND
    buckets.take(Rate.WRITE, "k", 10.0)


NAMES = {
    ("GET", "/Lists/{Sid}/Items"): "read-list-one",
    ("GET", "/Documents/{Sid}"): "read-document-one",
    ("POST", "/Maps/{Sid}/Items"): "write-map-one",
    ("DELETE", "/Streams/{Sid}"): "write-stream-one",
    ("POST", "/Streams/{Sid}/Messages"): "message-stream-one",
    ("GET", "/Maps/{Sid}/Permissions"): "permission-map-one",
    ("POST", "/Maps/{Sid}/Permissions/{Identity+}"): "permission-map-one-bob",
    ("POST", "/Maps"): "creation-service-IS1",
}


def test_the_refusal_names_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rate, "burst", property(lambda _: 0))
    operations = {
        (one.method, one.path.removeprefix("/Services/{ServiceSid}")): one for one in sync.OPERATIONS
    }
    principal = Principal("AC1", "AC1", Credential.AUTH_TOKEN)
    for place, name in NAMES.items():
        path = {"ServiceSid": "IS1"}
        path |= {"Sid": "one"} if "{Sid}" in place[1] else {}
        path |= {"Identity": "bob"} if "{Identity+}" in place[1] else {}
        limit = limited(operations[place], Buckets(MovedClock())).limit
        assert limit is not None
        with pytest.raises(ApiError) as refused:
            limit(Call(principal, path, Empty(), Vault(b"k" * 32)))
        assert refused.value.message == f"Rate limit exceeded for {name}"


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    clock = MovedClock()
    clock.now = 3600 * SECOND
    buckets = Buckets(clock)
    allowed(buckets, Rate.READ)
    clock.now = 0
    assert allowed(buckets, Rate.READ) == 0
    clock.now = SECOND
    assert allowed(buckets, Rate.READ) == 20


def test_large_writes_cost_more() -> None:
    assert cost(None) == cost("x" * 1024) == 1.0
    assert cost("x" * 2048) == 2.0
    assert cost("я" * 1024) == 2.0
    assert cost("x" * 16384) == 10.0


def test_only_so_many_buckets_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_BUCKETS", 2)
    buckets = Buckets(MovedClock())
    assert allowed(buckets, Rate.READ, "a") == 200
    allowed(buckets, Rate.READ, "b")
    allowed(buckets, Rate.READ, "c")
    assert allowed(buckets, Rate.READ, "a") == 200


def test_each_operation_has_its_class() -> None:
    found = {
        (operation.method, operation.path.removeprefix("/Services")): rate_of(operation)
        for operation in sync.OPERATIONS
    }
    objects = ("Documents", "Lists", "Maps", "Streams")
    expected: dict[tuple[str, str], Rate | None] = {
        ("POST", ""): None,
        ("GET", ""): None,
        ("GET", "/{Sid}"): None,
        ("POST", "/{Sid}"): None,
        ("DELETE", "/{Sid}"): None,
        ("POST", "/{ServiceSid}/Streams/{Sid}/Messages"): Rate.MESSAGE,
    }
    for kind in objects:
        start = f"/{{ServiceSid}}/{kind}"
        expected |= {
            ("POST", start): Rate.CREATION,
            ("GET", start): None,
            ("GET", f"{start}/{{Sid}}"): Rate.READ,
        }
        expected |= {(method, f"{start}/{{Sid}}"): Rate.WRITE for method in ("POST", "DELETE")}
        if kind != "Streams":
            permissions = f"{start}/{{Sid}}/Permissions"
            expected[("GET", permissions)] = Rate.PERMISSION
            expected |= {
                (method, f"{permissions}/{{Identity+}}"): Rate.PERMISSION
                for method in ("GET", "POST", "DELETE")
            }
    for kind, name in (("Lists", "{Index}"), ("Maps", "{Key+}")):
        items = f"/{{ServiceSid}}/{kind}/{{Sid}}/Items"
        expected |= {
            ("GET", items): Rate.READ,
            ("POST", items): Rate.WRITE,
            ("GET", f"{items}/{name}"): Rate.READ,
        }
        expected |= {(method, f"{items}/{name}"): Rate.WRITE for method in ("POST", "DELETE")}
    assert found == expected
    assert len(found) == 48
