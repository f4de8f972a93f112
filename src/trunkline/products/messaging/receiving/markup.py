"""A safe parser of small XML documents into a tree: without document types, and so without entities of their own.
Pure.
"""

from __future__ import annotations

from xml.parsers import expat

import msgspec

MAX_DEPTH = 32
"""Levels to which elements may be nested."""


MAX_ELEMENTS = 2_000
"""Elements of a document; the largest that is carried out as a whole has some 400."""


class BadMarkup(Exception):
    """The error for a document that is not well-formed or has what is refused; its text contains the reason and the
    place."""


class BadVersion(Exception):
    """The error for a document of another version of XML than 1.0."""


class Element(msgspec.Struct):
    """An element: its name and attributes as they were written, with the elements and texts in it."""

    name: str
    attributes: dict[str, str]
    children: list[Element | str] = []

    @property
    def elements(self) -> list[Element]:
        """The elements in it."""
        return [one for one in self.children if isinstance(one, Element)]

    @property
    def text(self) -> str:
        """The text directly in it."""
        return "".join(one for one in self.children if isinstance(one, str))


def read_markup(content: bytes, charset: str | None = None) -> Element:
    """Return the root of a document. ``charset`` takes precedence over the document's own. Omit comments and
    processing instructions. Raise BadMarkup or BadVersion if the document is refused, and nothing else."""
    builder = _Builder()
    try:
        parser = expat.ParserCreate(charset)
        parser.buffer_text = True
        parser.XmlDeclHandler = builder.declaration
        parser.StartDoctypeDeclHandler = builder.document_type
        parser.StartElementHandler = builder.start
        parser.EndElementHandler = builder.end
        parser.CharacterDataHandler = builder.text
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise BadMarkup(str(error)) from None
    except (LookupError, ValueError) as error:
        # The encoding is unknown to Python, or is none of texts.
        raise BadMarkup(f"the encoding cannot be read: {error}") from None
    return builder.top.elements[0]


class _Builder:
    """The builder of the tree from the parser's calls."""

    def __init__(self) -> None:
        self.top = Element("", {})
        self._open = [self.top]
        self._count = 0

    def declaration(self, version: str | None, _encoding: str | None, _standalone: int) -> None:
        if version != "1.0":
            raise BadVersion(f"XML version {version}")

    def document_type(self, *_: object) -> None:
        raise BadMarkup("a document type is not accepted")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > MAX_DEPTH:
            raise BadMarkup(f"elements are nested more than {MAX_DEPTH} deep")
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise BadMarkup(f"the document has more than {MAX_ELEMENTS} elements")
        element = Element(name, attributes)
        self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, text: str) -> None:
        self._open[-1].children.append(text)
