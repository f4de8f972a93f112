"""The text on the air: what is stored of it gives back the very segments that were composed."""

from __future__ import annotations

import msgspec
import pytest

from trunkline.products.messaging.lifecycle.composition import (
    compose,
    composition_of,
    is_mms,
    with_composition,
)
from trunkline.products.messaging.lifecycle.message import Message, MessageOptions, encode_options
from trunkline.transports.base import Encoding

TEXTS = ["", "hello", "x" * 160, "x" * 161, "€" * 400, "ä" * 71, "Ж" * 70, "Ж" * 71, "😀" * 34, "a😀" * 200]


def _message(body: str, **options: object) -> Message:
    encoded = encode_options(msgspec.convert(options, MessageOptions))
    return Message("SM1", "AC1", 0, 0, None, "outbound-api", "queued", "+1", "+2", body, options=encoded)


def _stored(message: Message, *, smart: bool = False) -> Message:
    options = message.parsed_options
    composition = compose(message.body, smart=smart, mms=is_mms(message, options))
    return msgspec.structs.replace(
        message, options=encode_options(with_composition(options, message.body, composition))
    )


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("mms", [False, True])
def test_the_stored_composition_is_the_composed_one(text: str, mms: bool) -> None:
    message = _message(text, send_as_mms=mms)
    composition = compose(text, smart=False, mms=mms)
    stored = _stored(message)
    assert stored.parsed_options.encoding is composition.segmented.encoding
    assert composition_of(stored) == composition
    assert "".join(composition.segmented.parts) == text
    assert composition.segments == 1 or not mms


def test_a_text_that_was_changed_for_the_air_is_stored_beside_the_body() -> None:
    stored = _stored(_message("“quoted” " * 20), smart=True)
    assert stored.parsed_options.sent_body == '"quoted" ' * 20
    assert composition_of(stored).text == '"quoted" ' * 20
    assert composition_of(stored).segmented.encoding is Encoding.GSM7
    assert composition_of(stored).segments == 2


def test_what_is_stored_is_not_composed_again() -> None:
    message = _message("hello", encoding="ucs2", cuts=[2])
    assert composition_of(message).segmented.encoding is Encoding.UCS2
    assert composition_of(message).segmented.parts == ("he", "llo")


@pytest.mark.parametrize("options", [{}, {"send_as_mms": True}, {"send_as_mms": True, "as_sms": True}])
def test_a_message_without_a_stored_composition_is_composed(options: dict[str, object]) -> None:
    message = _message("Ж" * 100, **options)
    assert composition_of(message) == composition_of(_stored(message))
