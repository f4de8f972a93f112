"""Small XML documents: the tree, and everything that is refused."""

from __future__ import annotations

import encodings.aliases
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.products.messaging.receiving import markup
from trunkline.products.messaging.receiving.markup import (
    MAX_DEPTH,
    BadMarkup,
    BadVersion,
    Element,
    read_markup,
)

BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1 or str()};" * 10}">' for n in range(1, 10))
    + "]><a>&a9;</a>"
)


def test_the_tree() -> None:
    found = read_markup(
        b'<?xml version="1.0"?><a x="1&amp;2">b<!-- no --><c/><?p i?>d<![CDATA[<e>]]>&#233;&lt;</a>'
    )
    assert found == Element("a", {"x": "1&2"}, ["b", Element("c", {}), "d<e>é<"])
    assert found.text == "bd<e>é<"
    assert found.elements == [Element("c", {})]


def test_names_keep_their_prefixes() -> None:
    assert read_markup(b'<x:A xmlns:x="urn:x" x:y="1"/>') == Element("x:A", {"xmlns:x": "urn:x", "x:y": "1"})


@pytest.mark.parametrize(
    ("content", "charset", "text"),
    [
        ("<a>é</a>".encode(), None, "é"),
        ("\ufeff<a>é</a>".encode(), None, "é"),
        ("<a>é</a>".encode("utf-16"), None, "é"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1"), None, "é"),
        ('<?xml version="1.0" encoding="windows-1252"?><a>€</a>'.encode("cp1252"), None, "€"),
        ("<a>€</a>".encode("cp1252"), "windows-1252", "€"),
        # What the transport says comes before what the document says.
        ('<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode(), "utf-8", "é"),
    ],
)
def test_encodings(content: bytes, charset: str | None, text: str) -> None:
    assert read_markup(content, charset).text == text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"a",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a/>b",
        b"<a b=1/>",
        b'<a b="1" b="2"/>',
        b"<a>&nbsp;</a>",
        b"<a>&#0;</a>",
        b"<a>&#xD800;</a>",
        b"<a>\x00</a>",
        b"<a>\xff</a>",
        b' <?xml version="1.0"?><a/>',
        b"<!DOCTYPE html><a/>",
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        BOMB.encode(),
    ],
)
def test_refused(content: bytes) -> None:
    with pytest.raises(BadMarkup):
        read_markup(content)


def test_a_bomb_is_refused_before_any_of_it_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    expanded: list[str] = []
    monkeypatch.setattr(markup._Builder, "text", lambda _, text: expanded.append(text))
    with pytest.raises(BadMarkup, match="document type"):
        read_markup(BOMB.encode())
    assert expanded == []


@pytest.mark.parametrize("version", ["1.1", "2.0", "0"])
def test_versions(version: str) -> None:
    with pytest.raises(BadVersion):
        read_markup(f'<?xml version="{version}"?><a/>'.encode())


def test_depth() -> None:
    def nested(depth: int) -> bytes:
        return b"<a>" * depth + b"</a>" * depth

    assert read_markup(nested(MAX_DEPTH)).name == "a"
    for depth in (MAX_DEPTH + 1, 9000):
        with pytest.raises(BadMarkup):
            read_markup(nested(depth))


@pytest.mark.parametrize(
    "name", sorted({*encodings.aliases.aliases.values(), "x", "undefined", "a.b", "-", "idna"})
)
def test_no_encoding_does_harm(name: str) -> None:
    content = f'<?xml version="1.0" encoding="{name}"?><a>b</a>'.encode()
    with suppress(BadMarkup):
        assert read_markup(content).name == "a"


PIECES = st.sampled_from(
    [
        "<a>",
        "</a>",
        "<a/>",
        "<!DOCTYPE a>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "&amp;",
        "&x;",
        "<?xml ",
        "?>",
        "\xe9",
        "x",
    ]
)


@given(st.binary(max_size=200) | st.lists(PIECES, max_size=12).map(lambda pieces: "".join(pieces).encode()))
def test_nothing_else_is_raised(content: bytes) -> None:
    with suppress(BadMarkup, BadVersion):
        assert isinstance(read_markup(content), Element)
