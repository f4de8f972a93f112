"""The text of a message on the air: composed once, when the message gets its sender, and stored with its row."""

from __future__ import annotations

from itertools import accumulate, pairwise

import msgspec

from trunkline.products.messaging.lifecycle.message import Message, MessageOptions
from trunkline.products.messaging.text.segments import Segmentation, segment
from trunkline.products.messaging.text.smart import smart_encode


class Composition(msgspec.Struct, frozen=True):
    """The text as it is sent, its alphabet and its segments."""

    text: str
    segmented: Segmentation

    @property
    def segments(self) -> int:
        """The number of segments that the network carries."""
        return len(self.segmented.parts)


def compose(text: str, *, smart: bool, mms: bool, lacked: frozenset[str] = frozenset()) -> Composition:
    """Return the text as it is sent: with ``smart``, look-alike characters replace those that would need UCS-2, which
    a text with one of ``lacked`` needs nevertheless. An MMS is one segment, however long its text is."""
    sent = smart_encode(text) if smart else text
    segmented = segment(sent, lacked)
    if mms and len(segmented.parts) > 1:
        segmented = msgspec.structs.replace(segmented, parts=(sent,))
    return Composition(sent, segmented)


def with_composition(options: MessageOptions, body: str, composition: Composition) -> MessageOptions:
    """Return the options with the composition of a message whose text is ``body``."""
    parts = composition.segmented.parts
    return msgspec.structs.replace(
        options,
        sent_body=None if composition.text == body else composition.text,
        encoding=composition.segmented.encoding,
        cuts=tuple(accumulate(len(part) for part in parts[:-1])),
    )


def composition_of(message: Message) -> Composition:
    """Return the composition that is stored with a message. Compose the text of a message that got its sender
    before compositions were stored."""
    options = message.parsed_options
    text = message.body if options.sent_body is None else options.sent_body
    if options.encoding is None:
        return compose(text, smart=False, mms=is_mms(message, options))
    parts = tuple(text[start:end] for start, end in pairwise((0, *options.cuts, len(text))))
    return Composition(text, Segmentation(options.encoding, parts))


def is_mms(message: Message, options: MessageOptions) -> bool:
    """Return whether the message is sent as an MMS: with attachments, or on request, and not as a text with links to
    its attachments."""
    return (message.num_media > 0 or options.send_as_mms) and not options.as_sms
