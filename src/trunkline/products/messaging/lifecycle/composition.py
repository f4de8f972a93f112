"""What goes over the air for a message: the text as it is sent, its alphabet and its segments. Pure."""

from __future__ import annotations

import msgspec

from trunkline.products.messaging.lifecycle.message import Message
from trunkline.products.messaging.text.segments import Segmented, segment
from trunkline.products.messaging.text.smart import smart_encode


class Composed(msgspec.Struct, frozen=True):
    """The text that is sent and how it is cut."""

    text: str
    segmented: Segmented

    @property
    def segments(self) -> int:
        """How many segments the network carries."""
        return len(self.segmented.parts)


def compose(text: str, *, smart: bool) -> Composed:
    """The text as it is sent: with ``smart``, look-alikes take the place of characters that would need UCS-2."""
    sent = smart_encode(text) if smart else text
    return Composed(sent, segment(sent))


def recompose(message: Message) -> Composed:
    """What was decided when the message got its sender."""
    sent = message.asked.sent_body
    return compose(message.body if sent is None else sent, smart=False)
