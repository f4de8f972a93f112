"""The national language tables: samples of every language, from the Unicode code points of 3GPP 23.038."""

from __future__ import annotations

import pytest

from trunkline.core.gsm import BASIC, EXTENSION
from trunkline.transports.smpp.shift_tables import locking_table, single_table

LOCKING = [
    ("Turkish", 1, "04070b0c1c1d4060", "\u20ac\u0131\u011e\u011f\u015e\u015f\u0130\u00e7"),
    ("Portuguese", 3, "040608121518245b607d", "\u00ea\u00fa\u00f3\u00aa\u221e\u20ac\u00ba\u00c3\u007e\u0060"),
    (
        "Bengali",
        4,
        "0310151f2f42515f607b7f",
        "\u0985\u0990\u0995\u099e\u09a8\u09ae\u09bf\u09cd\u09ce\u09d7\u09f1",
    ),
    (
        "Gujarati",
        5,
        "0310151f2f42515f607b7f",
        "\u0a85\u0a90\u0a95\u0a9e\u0aa8\u0aae\u0abf\u0acd\u0ad0\u0ae0\u0af1",
    ),
    (
        "Hindi",
        6,
        "0310151f2f42515f607b7f",
        "\u0905\u0910\u0915\u091e\u0928\u092e\u093f\u094d\u0950\u0972\u097f",
    ),
    (
        "Kannada",
        7,
        "0310151f2f42515f607b7f",
        "\u0c85\u0c90\u0c95\u0c9e\u0ca8\u0cae\u0cbf\u0ccd\u0cd5\u0cd6\u0ce3",
    ),
    (
        "Malayalam",
        8,
        "0310151f2f42515f607b7f",
        "\u0d05\u0d10\u0d15\u0d1e\u0d28\u0d2e\u0d3f\u0d4d\u0d57\u0d60\u0d79",
    ),
    (
        "Oriya",
        9,
        "0310151f2f42515f607b7f",
        "\u0b05\u0b10\u0b15\u0b1e\u0b28\u0b2e\u0b3f\u0b4d\u0b56\u0b57\u0b63",
    ),
    (
        "Punjabi",
        10,
        "0310151f2f42515f607b7f",
        "\u0a05\u0a10\u0a15\u0a1e\u0a28\u0a2e\u0a3f\u0a4d\u0a51\u0a70\u0a74",
    ),
    (
        "Tamil",
        11,
        "0310151f2f42515f607b7f",
        "\u0b85\u0b90\u0b95\u0b9e\u0ba8\u0bae\u0bbf\u0bcd\u0bd0\u0bd7\u0bf9",
    ),
    (
        "Telugu",
        12,
        "0310151f2f42515f607b7f",
        "\u0c05\u0c10\u0c15\u0c1e\u0c28\u0c2e\u0c3f\u0c4d\u0c55\u0c56\u0c63",
    ),
    (
        "Urdu",
        13,
        "0310151f2f42515f607b7f",
        "\u067b\u062b\u0685\u068a\u0698\u0637\u06bb\u0657\u0654\u0655\u0670",
    ),
]
SINGLE = [
    ("Turkish", 1, "47496367", "\u011e\u0130\u00e7\u011f"),
    ("Spanish", 2, "0941496175", "\u00e7\u00c1\u00cd\u00e1\u00fa"),
    ("Portuguese", 3, "0509414961757f", "\u00ea\u00e7\u00c0\u00cd\u00c2\u00fa\u00e2"),
    ("Bengali", 4, "0509191c25262a3034", "\u0022\u0027\u09e6\u09e8\u09e0\u09e1\u09e3\u09f6\u09fa"),
    ("Gujarati", 5, "0509191c25", "\u0022\u0027\u0964\u0ae6\u0aef"),
    ("Hindi", 6, "0509191c25262a303439", "\u0022\u0027\u0964\u0966\u096f\u0951\u0953\u095b\u095f\u0970"),
    ("Kannada", 7, "0509191c25262a", "\u0022\u0027\u0964\u0ce6\u0cef\u0cde\u0cf2"),
    ("Malayalam", 8, "0509191c25262a3034", "\u0022\u0027\u0964\u0d66\u0d6f\u0d70\u0d72\u0d7b\u0d7f"),
    ("Oriya", 9, "0509191c25262a", "\u0022\u0027\u0964\u0b66\u0b6f\u0b5c\u0b5f"),
    ("Punjabi", 10, "0509191c25262a", "\u0022\u0027\u0964\u0a66\u0a6f\u0a59\u0a5b"),
    ("Tamil", 11, "0509191c25262a", "\u0022\u0027\u0964\u0be6\u0bef\u0bf3\u0bf5"),
    ("Telugu", 12, "05091c25262a30", "\u0022\u0027\u0c66\u0c6f\u0c58\u0c78\u0c7d"),
    (
        "Urdu",
        13,
        "0509191c25262a3034393f",
        "\u0022\u0027\u0600\u06f0\u06f9\u060c\u060e\u0613\u0640\u0672\u06d4",
    ),
]


@pytest.mark.parametrize(
    ("language", "septets", "text"), [row[1:] for row in LOCKING], ids=[row[0] for row in LOCKING]
)
def test_locking_tables(language: int, septets: str, text: str) -> None:
    table = locking_table(language)
    assert "".join(table[septet] for septet in bytes.fromhex(septets)) == text
    assert [table[code] for code in (0x0A, 0x0D, 0x20, 0x21, 0x2E, 0x30, 0x39, 0x61, 0x7A)] == list(
        "\n\r !.09az"
    )
    assert len(table) == 128


@pytest.mark.parametrize(
    ("language", "septets", "text"), [row[1:] for row in SINGLE], ids=[row[0] for row in SINGLE]
)
def test_single_tables(language: int, septets: str, text: str) -> None:
    table = single_table(language)
    assert "".join(table[septet] for septet in bytes.fromhex(septets)) == text
    assert {sign: code for code, sign in table.items()}.items() >= EXTENSION.items()
    if language > 3:
        assert "".join(table[code] for code in (0x00, 0x02, 0x41, 0x5A)) == "@$AZ"


def test_the_tables_of_india_have_brackets_the_other_way_round() -> None:
    for language in range(4, 14):
        assert (
            locking_table(language)[0x28] + locking_table(language)[0x29] + locking_table(language)[0x2C]
            == ")(,"
        )


@pytest.mark.parametrize("language", [0, 2, 14, 255])
def test_a_language_without_a_table_has_the_gsm_alphabet(language: int) -> None:
    assert list(locking_table(language).values()) == list(BASIC)
    assert language == 2 or single_table(language) == {code: sign for sign, code in EXTENSION.items()}


def test_a_code_without_a_character_is_in_no_table() -> None:
    assert 0x19 not in single_table(12)
    assert 0x0D not in single_table(6)
