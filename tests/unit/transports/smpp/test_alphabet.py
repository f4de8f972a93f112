"""Alphabets and data_coding, in tables and round trips."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.gsm import BASIC, EXTENSION
from trunkline.transports.smpp.alphabet import (
    Alphabet,
    NotEncodable,
    alphabet_of,
    decode,
    encode,
)

GSM_TEXTS = st.text(st.sampled_from(BASIC.replace("\x1b", "") + "".join(EXTENSION)), max_size=160)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("Hi €", "4869201b65"),
        ("@£$", "000102"),
        ("|^{}[]~\\", "1b401b141b281b291b3c1b3e1b3d1b2f"),
        ("\f\n\r", "1b0a0a0d"),
        ("ÄÖÑÜ§¿äöñüà", "5b5c5d5e5f607b7c7d7e7f"),
        ("", ""),
    ],
)
def test_unpacked_septets(text: str, octets: str) -> None:
    assert encode(text, Alphabet.GSM).hex() == octets
    assert decode(bytes.fromhex(octets), Alphabet.GSM) == text


@pytest.mark.parametrize("text", ["ç", "`", "\t", "я", "😀", "\x1b", "´"])
def test_what_is_not_in_the_gsm_alphabet_is_refused(text: str) -> None:
    for alphabet in (Alphabet.GSM, Alphabet.GSM_PACKED):
        with pytest.raises(NotEncodable):
            encode(f"ab{text}", alphabet)


@pytest.mark.parametrize(
    ("alphabet", "text", "octets"),
    [
        (Alphabet.LATIN1, "Grüße ç", "4772fcdf6520e7"),
        (Alphabet.ASCII, "plain", "706c61696e"),
        (Alphabet.UCS2, "я😀", "044fd83dde00"),
        (Alphabet.GSM_PACKED, "hellohello", "e8329bfd4697d9ec37"),
    ],
)
def test_the_other_alphabets(alphabet: Alphabet, text: str, octets: str) -> None:
    assert encode(text, alphabet).hex() == octets
    assert decode(bytes.fromhex(octets), alphabet) == text


@pytest.mark.parametrize(
    ("alphabet", "text"), [(Alphabet.LATIN1, "€"), (Alphabet.ASCII, "é"), (Alphabet.BINARY, "a")]
)
def test_what_another_alphabet_lacks_is_refused(alphabet: Alphabet, text: str) -> None:
    with pytest.raises(NotEncodable):
        encode(text, alphabet)


@pytest.mark.parametrize(
    ("octets", "alphabet", "text"),
    [
        (b"a\x1b", Alphabet.GSM, "a "),
        (b"a\x1b\x1b\x65", Alphabet.GSM, "a €"),
        (b"a\xe4", Alphabet.GSM, "aä"),
        (b"a\xc3\xa4", Alphabet.GSM, "aä"),
        (b"a\x81", Alphabet.LATIN1, "a\x81"),
        (b"a\x80", Alphabet.LATIN1, "a€"),
        (b"\xef\xbb\xbfa", Alphabet.LATIN1, "a"),
        (b"\xef\xbb\xbf\xe4", Alphabet.LATIN1, "ï»¿ä"),
        (b"\xff\xfea\0", Alphabet.ASCII, "a"),
        (b"\x04\x4f", Alphabet.UCS2_LITTLE, "伄"),
        (b"\x82\xa0\x82", Alphabet.JAPANESE, "あ\ufffd"),
        (b"\xa4\xa2\xfd", Alphabet.KOREAN, "ㄲ\ufffd"),
        (b"\x1b$)C\x0e>H\x0f", Alphabet.KOREAN, "안"),
        (b"$3$", Alphabet.JAPANESE, "$3$"),
        (b"a\tb\r\n", Alphabet.BINARY, "a\tb\r\n"),
        (b"", Alphabet.BINARY, ""),
        (b"\x1bA", Alphabet.GSM, "A"),
        (b"a\xe4", Alphabet.ASCII, "aä"),
        (b"\x04\x4f\x04", Alphabet.UCS2, "я\ufffd"),
        (b"\x00\xff", Alphabet.BINARY, "AP8="),
    ],
)
def test_what_is_no_character_is_shown_somehow(octets: bytes, alphabet: Alphabet, text: str) -> None:
    assert decode(octets, alphabet) == text


@given(GSM_TEXTS)
def test_septets_survive_the_round_trip(text: str) -> None:
    assert decode(encode(text, Alphabet.GSM), Alphabet.GSM) == text


@given(GSM_TEXTS.map(lambda text: text.rstrip("\r")), st.sampled_from([0, 6, 7]))
def test_packed_septets_survive_the_round_trip(text: str, header: int) -> None:
    octets = encode(text, Alphabet.GSM_PACKED, header)
    assert decode(octets, Alphabet.GSM_PACKED, header) == text
    assert header + len(octets) <= (len(encode(text, Alphabet.GSM)) * 7 + 7 + header * 8 + 6) // 8


@given(st.binary(max_size=160), st.sampled_from(list(Alphabet)))
def test_every_octet_can_be_read(octets: bytes, alphabet: Alphabet) -> None:
    decode(octets, alphabet, 6)


def test_a_full_part_fits_the_air() -> None:
    assert len(encode("a" * 160, Alphabet.GSM_PACKED)) == 140
    assert 6 + len(encode("a" * 153, Alphabet.GSM_PACKED, 6)) == 140
    assert 7 + len(encode("a" * 152, Alphabet.GSM_PACKED, 7)) == 140


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("1234567", "31d98c56b3dd1a"),
        ("1234567\r", "31d98c56b3dd1a0d"),
        ("1234567@", "31d98c56b3dd00"),
        ("1234567\r\n", "31d98c56b3dd1a0a"),
        ("123456\r", "31d98c56b3351a"),
        ("12345678", "31d98c56b3dd70"),
        ("123456789", "31d98c56b3dd7039"),
    ],
)
def test_seven_bits_that_are_left_are_a_carriage_return(text: str, octets: str) -> None:
    assert encode(text, Alphabet.GSM_PACKED).hex() == octets
    assert decode(bytes.fromhex(octets), Alphabet.GSM_PACKED) == text


@pytest.mark.parametrize("header", [0, 6, 7])
def test_packed_texts_of_every_length_come_back(header: int) -> None:
    for length in range(158 - -(-header * 8 // 7)):
        for tail in ("", "@", "a\r"):
            text = "x" * length + tail
            assert decode(encode(text, Alphabet.GSM_PACKED, header), Alphabet.GSM_PACKED, header) == text
    assert decode(encode("a" * 70_000, Alphabet.GSM_PACKED), Alphabet.GSM_PACKED) == "a" * 70_000


def test_a_full_segment_has_no_room_for_a_second_carriage_return() -> None:
    assert len(encode("a" * 159 + "\r", Alphabet.GSM_PACKED)) == 140
    assert len(encode("a" * 152 + "\r", Alphabet.GSM_PACKED, 6)) == 134


CODINGS = {
    0x00: Alphabet.LATIN1,
    0x01: Alphabet.ASCII,
    0x02: Alphabet.BINARY,
    0x03: Alphabet.LATIN1,
    0x04: Alphabet.BINARY,
    0x08: Alphabet.UCS2,
    0x05: Alphabet.JAPANESE,
    0x06: Alphabet.CYRILLIC,
    0x07: Alphabet.HEBREW,
    0x09: Alphabet.JAPANESE,
    0x0A: Alphabet.JAPANESE,
    0x0B: Alphabet.LATIN1,
    0x0D: Alphabet.JAPANESE_EXTENDED,
    0x0E: Alphabet.KOREAN,
    0x0F: Alphabet.LATIN1,
    0x10: Alphabet.GSM,
    0x13: Alphabet.GSM,
    0x14: Alphabet.BINARY,
    0x17: Alphabet.BINARY,
    0x18: Alphabet.UCS2,
    0x1B: Alphabet.UCS2,
    0x1C: Alphabet.GSM,
    0x20: Alphabet.BINARY,
    0x3F: Alphabet.BINARY,
    0x40: Alphabet.GSM,
    0x44: Alphabet.BINARY,
    0x48: Alphabet.UCS2,
    0x5B: Alphabet.UCS2,
    0x60: Alphabet.BINARY,
    0x7B: Alphabet.BINARY,
    0x80: Alphabet.LATIN1,
    0xBF: Alphabet.LATIN1,
    0xC0: Alphabet.LATIN1,
    0xC8: Alphabet.LATIN1,
    0xD0: Alphabet.LATIN1,
    0xE0: Alphabet.UCS2,
    0xF0: Alphabet.GSM,
    0xF3: Alphabet.GSM,
    0xF4: Alphabet.BINARY,
    0xF7: Alphabet.BINARY,
}


@pytest.mark.parametrize(("data_coding", "alphabet"), CODINGS.items())
def test_data_coding_names_an_alphabet(data_coding: int, alphabet: Alphabet) -> None:
    assert alphabet_of(data_coding, Alphabet.LATIN1) is alphabet


def test_a_message_class_keeps_to_packed_septets() -> None:
    assert alphabet_of(0x10, Alphabet.GSM_PACKED) is Alphabet.GSM_PACKED
    assert alphabet_of(0xF1, Alphabet.GSM_PACKED) is Alphabet.GSM_PACKED
