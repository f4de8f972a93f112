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
    pack,
    unpack,
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
        (b"\x1bA", Alphabet.GSM, "A"),
        (b"a\xe4", Alphabet.GSM, "a\ufffd"),
        (b"\x1b\xe4", Alphabet.GSM, "\ufffd"),
        (b"a\xe4", Alphabet.ASCII, "a\ufffd"),
        (b"\x04\x4f\x04", Alphabet.UCS2, "я\ufffd"),
        (b"\x00\xff", Alphabet.BINARY, "AP8="),
    ],
)
def test_what_is_no_character_is_shown_somehow(octets: bytes, alphabet: Alphabet, text: str) -> None:
    assert decode(octets, alphabet) == text


@given(GSM_TEXTS)
def test_septets_survive_the_round_trip(text: str) -> None:
    assert decode(encode(text, Alphabet.GSM), Alphabet.GSM) == text


@given(GSM_TEXTS.map(lambda text: text + "."), st.sampled_from([0, 6, 7]))
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


def test_padding_is_no_character() -> None:
    assert unpack(pack(b"\x31" * 7)) == b"\x31" * 7
    assert unpack(pack(b"\x31" * 7 + b"\r")) == b"\x31" * 7
    assert unpack(pack(b"\x31" * 8)) == b"\x31" * 8


CODINGS = {
    0x00: Alphabet.LATIN1,
    0x01: Alphabet.ASCII,
    0x02: Alphabet.BINARY,
    0x03: Alphabet.LATIN1,
    0x04: Alphabet.BINARY,
    0x08: Alphabet.UCS2,
    0x05: None,
    0x0D: None,
    0x10: Alphabet.GSM,
    0x13: Alphabet.GSM,
    0x14: Alphabet.BINARY,
    0x17: Alphabet.BINARY,
    0x18: Alphabet.UCS2,
    0x1B: Alphabet.UCS2,
    0x1C: None,
    0x20: None,
    0x3F: None,
    0x40: None,
    0xC8: Alphabet.LATIN1,
    0xD0: Alphabet.LATIN1,
    0xE0: Alphabet.UCS2,
    0xF0: Alphabet.GSM,
    0xF3: Alphabet.GSM,
    0xF4: Alphabet.BINARY,
    0xF7: Alphabet.BINARY,
}


@pytest.mark.parametrize(("data_coding", "alphabet"), CODINGS.items())
def test_data_coding_names_an_alphabet(data_coding: int, alphabet: Alphabet | None) -> None:
    assert alphabet_of(data_coding, Alphabet.LATIN1) is alphabet


def test_a_message_class_keeps_to_packed_septets() -> None:
    assert alphabet_of(0x10, Alphabet.GSM_PACKED) is Alphabet.GSM_PACKED
    assert alphabet_of(0xF1, Alphabet.GSM_PACKED) is Alphabet.GSM_PACKED
