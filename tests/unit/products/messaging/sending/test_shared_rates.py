"""The rates that senders share."""

from __future__ import annotations

from trunkline.products.messaging.sending.shared_rates import SharedRates


def test_shared_rates_are_kept_for_those_that_have_one() -> None:
    paces = SharedRates(account_rate=5)
    account, other = "AC" + "0" * 32, "AC" + "1" * 32
    assert [bucket.rate for bucket in paces.of(account, "MG" + "0" * 32)] == [5]
    assert paces.of(account, None)[0] is paces.of(account)[0]
    assert paces.of(other)[0] is not paces.of(account)[0]
    assert SharedRates().of(account, "MG" + "0" * 32) == []
