"""Kinds of numbers, and partial numbers in filters."""

from __future__ import annotations

import pytest

from trunkline.api.errors import ApiError
from trunkline.products.messaging.numbers.number_types import (
    Capabilities,
    NumberType,
    capabilities_of,
    country_of,
    type_of,
)
from trunkline.products.messaging.numbers.parsing import parse_recipient
from trunkline.products.messaging.numbers.patterns import area_of, partial_number, whole_number


@pytest.mark.parametrize(
    ("text", "kind", "country", "prefix"),
    [
        ("+14155550100", NumberType.LOCAL, "US", "PN"),
        ("+18005550100", NumberType.TOLL_FREE, "US", "PN"),
        ("+447400123456", NumberType.MOBILE, "GB", "PN"),
        ("+442079460100", NumberType.LOCAL, "GB", "PN"),
        ("+15005550006", NumberType.NATIONAL, "US", "PN"),
        ("72345", NumberType.SHORT_CODE, "US", "SC"),
        ("whatsapp:+442079460100", NumberType.CHANNEL, "GB", "XE"),
        ("rcs:agent", NumberType.CHANNEL, "", "XE"),
    ],
)
def test_what_a_number_is(text: str, kind: NumberType, country: str, prefix: str) -> None:
    read = parse_recipient(text)
    assert read is not None
    assert (type_of(read), country_of(read), type_of(read).prefix) == (kind, country, prefix)


@pytest.mark.parametrize(
    ("kind", "country", "able"),
    [
        (NumberType.LOCAL, "US", Capabilities(sms=True, mms=True, voice=True)),
        (NumberType.TOLL_FREE, "CA", Capabilities(sms=True, mms=True, voice=True)),
        (NumberType.MOBILE, "GB", Capabilities(sms=True, mms=False, voice=True)),
        (NumberType.SHORT_CODE, "US", Capabilities(sms=True, mms=False, voice=False)),
        (NumberType.CHANNEL, "US", Capabilities(sms=True, mms=True, voice=False)),
    ],
)
def test_what_numbers_of_a_kind_can_do(kind: NumberType, country: str, able: Capabilities) -> None:
    assert capabilities_of(kind, country) == able


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("+14155550100", "+14155550100%"),
        (" +1 (628) *", "+1628_%"),
        ("1+628", "%1628%"),
        ("(415) 555-01**", "%41555501__%"),
        ("ABCdefGHIjklMNOpqrsTUVwxyz", "%22233344455566677778889999%"),
        ("510555****", "%510555____%"),
        ("+", "%%"),
    ],
)
def test_a_part_of_a_number(text: str, pattern: str) -> None:
    assert partial_number().parse("Contains", text) == pattern


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+1 (415) 555-0100", "+14155550100"),
        ("+1415KKKabab", "+14155552222"),
        ("14155550100", None),
        ("+1415555010*", None),
        ("+415555", None),
        ("+0415555010", None),
        ("+" + "1" * 16, None),
        ("", None),
    ],
)
def test_the_whole_of_a_number(text: str, number: str | None) -> None:
    assert whole_number(partial_number().parse("Contains", text)) == number


@pytest.mark.parametrize(
    ("text", "country", "area"),
    [
        ("628*******", "US", "+1628"),
        ("1628*******", "CA", "+1628"),
        ("(628) 555-0100", "US", "+1628"),
        ("628*******", "GB", None),
        ("628******", "US", None),
        ("628********", "US", None),
        ("62********", "US", None),
        ("128*******", "US", None),
        ("628", "US", None),
        ("+1628*", "US", "+1628"),
        ("+44771", "GB", "+4477"),
        ("+162", "US", None),
        ("+16**", "US", None),
    ],
)
def test_the_area_that_a_pattern_selects(text: str, country: str, area: str | None) -> None:
    assert area_of(partial_number().parse("Contains", text), country) == area


def test_a_short_code_has_no_plus() -> None:
    assert partial_number(international=False).parse("ShortCode", "+555") == "%555%"


@pytest.mark.parametrize("text", ["%", "_", "41!", "é", "٣", "1" * 65])
def test_what_is_no_part_of_a_number(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        partial_number().parse("Contains", text)
    assert refused.value.code == 20001
    assert "Contains" in refused.value.message
