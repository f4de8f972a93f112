"""The meaning of each response to a submit."""

from __future__ import annotations

import pytest

from trunkline.transports.base import SenderKind
from trunkline.transports.smpp.status_rules import StatusAction, parse_overrides, retry_delay, rule_for

MEANINGS = {
    0x00: ("accept", 30008),
    0x58: ("throttle", 30017),
    0x14: ("retry", 30017),
    0x08: ("retry", 30008),
    0x64: ("retry", 30008),
    0x04: ("rebind", 30008),
    0x0B: ("reject", 30005),
    0x50: ("reject", 30005),
    0x51: ("reject", 30005),
    0x0A: ("reject", 30024),
    0x48: ("reject", 30024),
    0x49: ("reject", 30024),
    0x45: ("reject", 30008),
    0x65: ("reject", 30004),
    0x66: ("reject", 30004),
    0xFE: ("reject", 30008),
    0x0423: ("reject", 30008),
}
OURS = (0x01, 0x02, 0x03, 0x43, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4)


@pytest.mark.parametrize(("status", "meaning"), MEANINGS.items())
def test_the_table(status: int, meaning: tuple[str, int]) -> None:
    found = rule_for(status, SenderKind.NUMBER, {})
    assert (found.action.value, found.error_code) == meaning
    assert not found.our_fault


@pytest.mark.parametrize("status", OURS)
def test_what_the_network_cannot_read_is_our_fault(status: int) -> None:
    found = rule_for(status, SenderKind.NUMBER, {})
    assert (found.action, found.error_code, found.our_fault) == (StatusAction.REJECT, 30008, True)


@pytest.mark.parametrize("status", [0x0A, 0x48, 0x49])
def test_a_refused_sender_fails_by_its_kind(status: int) -> None:
    assert rule_for(status, SenderKind.ALPHANUMERIC, {}).error_code == 30018
    assert rule_for(status, SenderKind.SHORT_CODE, {}).error_code == 30024


def test_the_operators_table_wins() -> None:
    table = parse_overrides({"0x0411": 30007, "1026": "throttle", "0x0b": "retry"})
    assert rule_for(0x411, SenderKind.NUMBER, table).error_code == 30007
    assert rule_for(1026, SenderKind.NUMBER, table).action is StatusAction.THROTTLE
    assert rule_for(0x0B, SenderKind.NUMBER, table).action is StatusAction.RETRY
    assert rule_for(0x0A, SenderKind.NUMBER, table).error_code == 30024


@pytest.mark.parametrize(
    "bad", [{"x": 30007}, {"0": 30007}, {"-1": 30007}, {"0x100000000": 30007}, {"1": 7}, {"1": "taken"}]
)
def test_a_bad_table_is_refused(bad: dict[str, int | str]) -> None:
    with pytest.raises(ValueError, match="errors:"):
        parse_overrides(bad)


def test_each_retry_waits_longer() -> None:
    assert [retry_delay(tries) for tries in range(5)] == [5, 30, 60, 60, 60]
