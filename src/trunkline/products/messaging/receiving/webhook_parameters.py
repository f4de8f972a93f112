"""The parameters of the inbound webhook, in the order of the vendor's requests (doc)."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.products.messaging.lifecycle.message import Message
from trunkline.products.messaging.numbers.localities import locality_of
from trunkline.products.messaging.numbers.parsing import Channel, channel_of
from trunkline.transports.base import MediaAddress

API_VERSION = "2010-04-01"

FormPairs = tuple[tuple[str, str], ...]


def inbound_parameters(message: Message, media: Sequence[MediaAddress] = (), opt_out: str = "") -> FormPairs:
    """Return the parameters of a message. Unknown localities are empty; ``opt_out`` is STOP, START or HELP for a
    keyword if the Service has Advanced Opt-Out (doc)."""
    sender = message.sender or ""
    there, here = locality_of(sender), locality_of(message.recipient)
    pairs: list[tuple[str, str | None]] = [
        ("ToCountry", here.country),
        ("ToState", here.state),
        ("SmsMessageSid", message.sid),
        ("NumMedia", str(len(media))),
        ("ToCity", here.city),
        ("FromZip", ""),
        ("SmsSid", message.sid),
        ("FromState", there.state),
        ("SmsStatus", "received"),
        ("FromCity", there.city),
        ("Body", message.body),
        ("FromCountry", there.country),
        ("To", message.recipient),
        ("MessagingServiceSid", message.service_sid),
        ("ToZip", ""),
        ("NumSegments", str(message.num_segments)),
        ("MessageSid", message.sid),
        ("AccountSid", message.account_sid),
        ("From", sender),
        ("ApiVersion", API_VERSION),
        ("OptOutType", opt_out or None),
    ]
    if channel_of(sender) is Channel.WHATSAPP:
        pairs.append(("WaId", sender.removeprefix("whatsapp:").removeprefix("+")))
    for number, one in enumerate(media):
        pairs += [(f"MediaUrl{number}", one.url), (f"MediaContentType{number}", one.content_type)]
    return tuple((name, value) for name, value in pairs if value is not None)


def fallback_parameters(params: FormPairs, code: int, url: str) -> FormPairs:
    """Return the parameters for the fallback URL: the same with the error and the URL that failed (doc; the names
    of these two are inferred)."""
    return (*params, ("ErrorCode", str(code)), ("ErrorUrl", url))
