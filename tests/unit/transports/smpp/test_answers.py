"""What each answer to a submit means."""

from __future__ import annotations

import pytest

from trunkline.transports.base import SenderKind
from trunkline.transports.smpp.answers import Action, overrides, retry_delay, verdict

MEANINGS = {
    0x00: ("taken", 30008),
    0x58: ("throttle", 30017),
    0x14: ("retry", 30017),
    0x08: ("retry", 30008),
    0x64: ("retry", 30008),
    0x04: ("rebind", 30008),
    0x0B: ("refused", 30005),
    0x50: ("refused", 30005),
    0x51: ("refused", 30005),
    0x0A: ("refused", 30024),
    0x48: ("refused", 30024),
    0x49: ("refused", 30024),
    0x45: ("refused", 30008),
    0x65: ("refused", 30004),
    0x66: ("refused", 30004),
    0xFE: ("refused", 30008),
    0x0423: ("refused", 30008),
}
OURS = (0x01, 0x02, 0x03, 0x43, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4)


@pytest.mark.parametrize(("status", "meaning"), MEANINGS.items())
def test_the_table(status: int, meaning: tuple[str, int]) -> None:
    found = verdict(status, SenderKind.NUMBER, {})
    assert (found.action.value, found.error_code) == meaning
    assert not found.our_fault


@pytest.mark.parametrize("status", OURS)
def test_what_the_network_cannot_read_is_our_fault(status: int) -> None:
    found = verdict(status, SenderKind.NUMBER, {})
    assert (found.action, found.error_code, found.our_fault) == (Action.REFUSED, 30008, True)


@pytest.mark.parametrize("status", [0x0A, 0x48, 0x49])
def test_a_refused_sender_fails_by_its_kind(status: int) -> None:
    assert verdict(status, SenderKind.ALPHANUMERIC, {}).error_code == 30018
    assert verdict(status, SenderKind.SHORT_CODE, {}).error_code == 30024


def test_the_operators_table_wins() -> None:
    table = overrides({"0x0411": 30007, "1026": "throttle", "0x0b": "retry"})
    assert verdict(0x411, SenderKind.NUMBER, table).error_code == 30007
    assert verdict(1026, SenderKind.NUMBER, table).action is Action.THROTTLE
    assert verdict(0x0B, SenderKind.NUMBER, table).action is Action.RETRY
    assert verdict(0x0A, SenderKind.NUMBER, table).error_code == 30024


@pytest.mark.parametrize(
    "bad", [{"x": 30007}, {"0": 30007}, {"-1": 30007}, {"0x100000000": 30007}, {"1": 7}, {"1": "taken"}]
)
def test_a_bad_table_is_refused(bad: dict[str, int | str]) -> None:
    with pytest.raises(ValueError, match="errors:"):
        overrides(bad)


def test_each_retry_waits_longer() -> None:
    assert [retry_delay(tries) for tries in range(5)] == [5, 30, 60, 60, 60]
