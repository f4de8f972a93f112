"""The options of an SMPP carrier, as a ``[[carriers]]`` table with ``kind = "smpp"``."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Literal

import msgspec

from trunkline.core.certificates import check_certificates
from trunkline.core.gsm import BASIC, EXTENSION
from trunkline.transports.smpp.receipts import canonical_error
from trunkline.transports.smpp.status_rules import StatusRule, parse_overrides

_HOST = re.compile(r"[^\s:/@\[\]]+")
_RANGES: dict[str, tuple[float, float]] = {
    "port": (1, 65_535),
    "binds": (1, 32),
    "window": (1, 10_000),
    "rate": (0, 1_000_000),
    "enquire_link": (0.01, 3_600),
    "link_timeout": (0.01, 600),
    "response_timeout": (0.01, 600),
    "reconnect_first": (0.001, 3_600),
    "reconnect_most": (0.001, 3_600),
    "throttle_first": (0.001, 600),
    "throttle_most": (0.001, 600),
    "parts_timeout": (0.01, 86_400),
}
_OCTETS = (
    "number_ton",
    "number_npi",
    "short_code_ton",
    "short_code_npi",
    "alpha_ton",
    "alpha_npi",
    "recipient_ton",
    "recipient_npi",
    "address_ton",
    "address_npi",
)
_NOT_LATIN1 = frozenset(sign for sign in (*BASIC, *EXTENSION) if sign > "\xff")
_TEXTS = {"system_id": 15, "password": 8, "system_type": 12, "service_type": 5, "address_range": 40}


class SmppRoute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An SMSC and the options of its connections. Times are in seconds. An invalid value raises ValueError.

    Address: ``host`` and ``port``; ``tls`` encrypts, trusting the certificates in ``ca_file`` where one is named,
    else the machine's, for ``server_name``, or ``host`` where that is empty.

    Credentials: ``system_id`` (at most 15 characters), ``password`` (8), ``system_type`` (12), and for inbound messages
    ``address_range`` (40) with ``address_ton`` and ``address_npi``.

    Connections: ``bind`` as ``transceiver``, as a ``pair`` of transmitter and receiver, or ``auto``: a pair where the
    SMSC refuses a transceiver. ``binds`` are kept up at once; messages of one sender to one recipient keep to one. Each
    has at most ``window`` outstanding requests. ``rate`` is the most segments a second of the route, 0 for no
    limit. ``enquire_link`` is the silence after which a connection is probed; ``link_timeout`` the time for the
    response to that or to a bind, and for the rest of a PDU; ``response_timeout`` that for the response to a submit.
    Reconnects after ``reconnect_first``, backing off by doubling to ``reconnect_most``; a connection that lasted so
    long resets that. A throttling SMSC pauses the bind for ``throttle_first``, doubling to ``throttle_most``.

    Addresses: ``number_ton`` and the like set the type and the numbering plan of senders by their kind and of
    recipients. ``keep_plus`` leaves E.164 its plus sign. ``country_prefix``, such as ``44``, completes inbound
    addresses of the national type.

    Messages: ``text_coding`` is the coding of a text in the GSM alphabet: ``unpacked`` or ``packed`` septets with
    data_coding 0, or ``latin1`` with 3, where a text with a character that Latin-1 lacks, such as €, goes as UCS-2.
    ``default_coding`` is the SMSC's own coding for data_coding 0. ``concatenation`` joins long messages by user data
    headers (``udh``), by sar parameters (``sar``) or as one message_payload (``payload``). ``service_type`` (5
    characters) goes with each. ``send_validity`` sends the message's validity period. ``parts_timeout`` bounds the wait
    of an inbound message's segments for the others.

    Outcomes: ``receipts`` requests ``final`` ones, ``all`` with intermediate ones, or ``none``. ``id_base`` is for
    ids that are hexadecimal in responses (``response_hex``) or in receipts (``receipt_hex``) and decimal in the other.
    A message without a response is submitted again (``resend``), perhaps twice, or given up (``fail``).
    ``errors`` overrides the rules of command_status: from ``"0x58"`` or ``"88"`` to ``"throttle"``, ``"retry"`` or an
    error code that the message fails with. ``receipt_errors`` goes from a receipt's error code, or its state such as
    ``REJECTD``, to the error code of the undelivered message.
    """

    name: str
    kind: Literal["smpp"] = "smpp"
    host: str
    port: int = 2775
    tls: bool = False
    ca_file: str = ""
    server_name: str = ""
    system_id: str
    password: str = ""
    system_type: str = ""
    address_range: str = ""
    address_ton: int = 0
    address_npi: int = 0
    bind: Literal["auto", "transceiver", "pair"] = "auto"
    binds: int = 1
    window: int = 10
    rate: float = 0.0
    enquire_link: float = 30.0
    link_timeout: float = 10.0
    response_timeout: float = 30.0
    reconnect_first: float = 1.0
    reconnect_most: float = 60.0
    throttle_first: float = 0.5
    throttle_most: float = 30.0
    number_ton: int = 1
    number_npi: int = 1
    short_code_ton: int = 3
    short_code_npi: int = 0
    alpha_ton: int = 5
    alpha_npi: int = 0
    recipient_ton: int = 1
    recipient_npi: int = 1
    keep_plus: bool = False
    country_prefix: str = ""
    text_coding: Literal["unpacked", "packed", "latin1"] = "unpacked"
    default_coding: Literal["unpacked", "packed", "latin1", "ascii"] = "unpacked"
    concatenation: Literal["udh", "sar", "payload"] = "udh"
    service_type: str = ""
    send_validity: bool = False
    parts_timeout: float = 300.0
    receipts: Literal["final", "all", "none"] = "final"
    id_base: Literal["as_is", "response_hex", "receipt_hex"] = "as_is"
    unknown: Literal["resend", "fail"] = "resend"
    errors: dict[str, int | str] = {}
    receipt_errors: dict[str, int] = {}

    def __post_init__(self) -> None:
        """Check the values beyond their types. Raise ValueError if one is invalid."""
        for option in ("name", "host", "system_id"):
            if not getattr(self, option):
                raise ValueError(f"{option} must not be empty")
        if not _HOST.fullmatch(self.host) and not _is_address(self.host):
            raise ValueError("host must be a name or an address, without scheme and port")
        for option, (minimum, maximum) in _RANGES.items():
            if not minimum <= getattr(self, option) <= maximum:
                raise ValueError(f"{option} must be from {minimum:,g} to {maximum:,g}")
        for option in _OCTETS:
            if not 0 <= getattr(self, option) <= 255:
                raise ValueError(f"{option} must be from 0 to 255")
        for option, max_octets in _TEXTS.items():
            text = getattr(self, option)
            if not (text.isascii() and text.isprintable() and len(text) <= max_octets):
                raise ValueError(f"{option} must be at most {max_octets} characters of ASCII")
        if self.country_prefix and not (self.country_prefix.isascii() and self.country_prefix.isdigit()):
            raise ValueError("country_prefix must be digits")
        if (self.ca_file or self.server_name) and not self.tls:
            raise ValueError("ca_file and server_name need tls")
        if self.ca_file:
            try:
                check_certificates(self.ca_file)
            except ValueError as error:
                raise ValueError(f"ca_file: {error}") from None
        for first, last in (("reconnect_first", "reconnect_most"), ("throttle_first", "throttle_most")):
            if getattr(self, first) > getattr(self, last):
                raise ValueError(f"{first} must not be above {last}")
        parse_overrides(self.errors)
        if any(not 10_000 <= code <= 99_999 for code in self.receipt_errors.values()):
            raise ValueError("receipt_errors must name error codes of five digits")

    @property
    def lacks(self) -> frozenset[str]:
        """The characters of the GSM alphabet that ``text_coding`` lacks: a text with one goes as UCS-2."""
        return _NOT_LATIN1 if self.text_coding == "latin1" else frozenset()

    @property
    def address(self) -> str:
        """The host and port."""
        return f"{self.host}:{self.port}"

    @property
    def error_table(self) -> dict[int, StatusRule]:
        """The rules in ``errors`` by command_status."""
        return parse_overrides(self.errors)

    @property
    def receipt_error_table(self) -> dict[str, int]:
        """The codes in ``receipt_errors`` by canonical error codes and states."""
        return {canonical_error(key): code for key, code in self.receipt_errors.items()}


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
