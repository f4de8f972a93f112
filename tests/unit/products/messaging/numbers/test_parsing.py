"""The parsing of addresses: numbers in all their forms, short codes, and the addresses of channels."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.products.messaging.numbers.parsing import (
    AddressKind,
    Channel,
    Recipient,
    area_code_of,
    channel_of,
    parse_recipient,
    region_of,
)

US = Recipient("+14155550100", "US", AddressKind.MOBILE_OR_LANDLINE)


@pytest.mark.parametrize(
    "text",
    [
        "+14155550100",
        " +14155550100\n",
        "+1 415 555 0100",
        "+1 (415) 555-0100",
        "+1.415.555.0100",
        "4155550100",
        "(415) 555-0100",
        "415-555-0100",
        "14155550100",
        "1 415 555 0100",
    ],
)
def test_forms_of_a_number_of_the_united_states(text: str) -> None:
    assert parse_recipient(text) == US


@pytest.mark.parametrize(
    ("text", "region", "kind"),
    [
        ("+14165550100", "CA", AddressKind.MOBILE_OR_LANDLINE),
        ("+18005551212", "US", AddressKind.TOLL_FREE),
        ("+442079460000", "GB", AddressKind.LANDLINE),
        ("+447400123456", "GB", AddressKind.MOBILE),
        ("+33612345678", "FR", AddressKind.MOBILE),
        ("+80012345678", "", AddressKind.TOLL_FREE),
        ("+15005550006", "US", AddressKind.OTHER),
        ("+15005550001", "US", AddressKind.OTHER),
        ("62345", "", AddressKind.SHORT_CODE),
        ("123", "", AddressKind.SHORT_CODE),
    ],
)
def test_kinds(text: str, region: str, kind: AddressKind) -> None:
    assert parse_recipient(text) == Recipient(text, region, kind)


@pytest.mark.parametrize("text", ["+15555555555", "+1 555 555 5555", "5555555555"])
def test_a_number_of_the_right_length_is_possible_and_not_valid(text: str) -> None:
    assert parse_recipient(text) == Recipient("+15555555555", "US", AddressKind.OTHER, valid=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "++14155550100",
        "12",
        "1234567",
        "+15005550",
        "+1500555000600",
        "+1415555010",
        "+999123456789",
        "hello",
        "Acme Co",
        "+1800FLOWERS",
        "4155550100x12",
        "tel:+14155550100",
        "+1415555010０",
        "٤١٥٥٥٥٠١٠٠",
        "whatsapp:",
        "whatsapp:62345",
        "whatsapp:hello",
        "messenger:",
        "messenger:a b",
        "rcs:",
        "rcs:a:b",
        "sms:+14155550100",
        "1" * 65,
        " " * 100 + "+14155550100",
    ],
)
def test_no_address(text: str) -> None:
    assert parse_recipient(text) is None


def test_a_number_without_a_plus_sign_is_of_the_region() -> None:
    found = parse_recipient("07400 123456", "GB")
    assert found is not None
    assert found.address == "+447400123456"
    assert parse_recipient("+14155550100", "GB") == US
    assert parse_recipient("07400 123456", "no region") is None


@pytest.mark.parametrize(
    ("text", "address", "channel", "kind", "region"),
    [
        ("whatsapp:+14155550100", None, Channel.WHATSAPP, AddressKind.MOBILE_OR_LANDLINE, "US"),
        ("WhatsApp: +447400123456", "whatsapp:+447400123456", Channel.WHATSAPP, AddressKind.MOBILE, "GB"),
        (
            "whatsapp:4155550100",
            "whatsapp:+14155550100",
            Channel.WHATSAPP,
            AddressKind.MOBILE_OR_LANDLINE,
            "US",
        ),
        ("rcs:+14155550100", None, Channel.RCS, AddressKind.MOBILE_OR_LANDLINE, "US"),
        ("rcs:acme_agent", None, Channel.RCS, AddressKind.ID, ""),
        ("messenger:1234567890", None, Channel.MESSENGER, AddressKind.ID, ""),
    ],
)
def test_channels(text: str, address: str | None, channel: Channel, kind: AddressKind, region: str) -> None:
    found = parse_recipient(text)
    assert found == Recipient(address or text, region, kind, channel)
    assert channel_of(text) is channel
    assert region_of(text) == region
    assert found is not None
    assert f"{channel.value}:{found.number}" == found.address


def test_the_number_of_an_sms_address_is_the_address() -> None:
    assert US.number == "+14155550100"
    assert channel_of("+14155550100") is Channel.SMS


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("+14155550100", "415"),
        ("+14165550100", "416"),
        ("+17875550100", None),
        ("+18765550100", None),
        ("+447400123456", None),
        ("62345", None),
        ("4155550100", None),
        ("whatsapp:+14155550100", None),
        ("", None),
    ],
)
def test_area_codes(number: str, code: str | None) -> None:
    assert area_code_of(number) == code


@given(st.text(max_size=80) | st.text("+0123456789 ()-.:", max_size=30))
def test_what_is_read_reads_the_same_again(text: str) -> None:
    found = parse_recipient(text)
    if found is not None:
        assert parse_recipient(found.address) == found
        assert found.address.isprintable()


@given(st.from_regex(r"\+1[2-9][0-9]{9}", fullmatch=True))
def test_a_whole_number_of_north_america_is_what_the_library_reads(text: str) -> None:
    import phonenumbers

    number = phonenumbers.parse(text)
    found = parse_recipient(text)
    assert found is not None
    assert found.address == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert found.valid == phonenumbers.is_valid_number(number)
    if found.valid:
        assert found.region == phonenumbers.region_code_for_number(number)


def test_the_numbering_plans_are_loaded_when_they_are_needed() -> None:
    program = (
        "import sys; from trunkline.products.messaging.numbers import parsing, localities;"
        "assert 'phonenumbers' not in sys.modules; parsing.parse_recipient('+14155550100');"
        "assert 'phonenumbers' in sys.modules; localities.locality_of('+14155550100');"
        "assert 'phonenumbers.geodata' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
