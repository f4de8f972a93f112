"""Texts of the error codes of messages, for ``error_message`` and for ``ErrorMessage`` in callbacks.

The texts are the vendor's own short messages where they are documented (doc), else inferred from the codes' titles.
"""

from __future__ import annotations

UNKNOWN = "Unknown error"

OPTED_OUT = 21610
QUEUE_FULL = 30001
ACCOUNT_SUSPENDED = 30002
NO_MMS = 30011
"""Codes that several steps of a message fail with."""

TEXTS: dict[int, str] = {
    11100: "Invalid URL format",
    11200: "HTTP retrieval failure",
    11201: "TCP connection timed out",
    11202: "Connection refused",
    11203: "Connection timed out",
    11205: "HTTP connection failure",
    11206: "HTTP protocol violation",
    11210: "HTTP bad host name",
    11215: "HTTP too many redirects",
    11220: "SSL/TLS handshake error",
    11235: "Certificate invalid - domain mismatch",
    11236: "Certificate invalid - certificate expired",
    11237: "Certificate invalid - could not find path to certificate",
    11751: "Media Message - Media exceeds messaging provider size limit",
    11770: "Empty HTTP response body",
    12300: "Invalid Content-Type",
    14107: "Reply message loop detected",
    21408: "Permission to send an SMS or MMS has not been enabled for the region",
    OPTED_OUT: "Attempt to send to unsubscribed recipient",
    21659: "The 'From' number is not a phone number or short code of this account",
    21701: "The Messaging Service does not exist",
    21703: "The Messaging Service does not have a phone number available to send a message",
    21711: "The 'From' number is not in the Messaging Service",
    QUEUE_FULL: "Queue overflow",
    ACCOUNT_SUSPENDED: "Account suspended",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: UNKNOWN,
    30009: "Missing inbound segment",
    30010: "Message price exceeds max price",
    NO_MMS: "MMS not supported by the receiving phone number in this region",
    30017: "Carrier network congestion",
    30018: "Destination carrier requires sender ID pre-registration",
    30019: "Content size exceeds carrier limit",
    30022: "US A2P 10DLC - Rate limits exceeded",
    30023: "US A2P 10DLC - Daily message cap reached",
    30024: "Numeric sender ID not provisioned on carrier",
    30027: "US A2P 10DLC - T-Mobile daily message limit reached",
    30032: "Toll-free number has not been verified",
    30033: "US A2P 10DLC - Campaign suspended",
    30034: "US A2P 10DLC - Message from an unregistered number",
    30035: "US A2P 10DLC - Number is being configured",
    30036: "Validity period expired",
    30102: "The TLS certificate of the domain for short links has expired",
    30103: "Unable to shorten links in the message",
    30139: "URL not valid for link shortening",
    63003: "Channel could not find To address",
}


def error_text(code: int) -> str:
    """Return the text of an error code."""
    return TEXTS.get(code, UNKNOWN)
