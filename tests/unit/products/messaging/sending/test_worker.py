"""Concatenation references count up for each recipient and wrap."""

from __future__ import annotations

from trunkline.products.messaging.sending.worker import References


def test_each_recipient_has_its_own_counter() -> None:
    references = References()
    assert [references.next("a", 7), references.next("a", 99), references.next("b", 3)] == [7, 8, 3]
    assert references.next("a", 0) == 9


def test_the_counter_wraps_at_an_octet() -> None:
    references = References()
    found = [references.next("a", 254) for _ in range(4)]
    assert found == [254, 255, 0, 1]


def test_256_messages_to_one_recipient_have_256_references() -> None:
    references = References()
    assert len({references.next("a", 5) for _ in range(256)}) == 256


def test_only_so_many_recipients_are_remembered() -> None:
    references = References()
    references.next("first", 1)
    for number in range(10_000):
        references.next(str(number), 1)
    assert references.next("first", 100) == 100
