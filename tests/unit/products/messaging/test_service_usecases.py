"""The table of use cases."""

from __future__ import annotations

from trunkline.products.messaging.service_usecases import USECASES
from trunkline.products.messaging.services import MessagingService


def test_words_are_unique_and_hold_the_default_of_a_service() -> None:
    words = [one.usecase for one in USECASES]
    assert len(set(words)) == len(words)
    default = MessagingService("MG" + "a" * 32, "AC" + "a" * 32, "x", 0, 0).usecase
    assert default in words
