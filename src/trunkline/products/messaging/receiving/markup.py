"""Reads a small XML document into a tree, safely: no document types, and so no entities of its own. Pure."""

from __future__ import annotations

from xml.parsers import expat

import msgspec

MAX_DEPTH = 32
"""How deep elements may be nested."""


class BadMarkup(Exception):
    """The document is not well-formed, or has what is refused; the text says what and where."""


class BadVersion(Exception):
    """The document is of another version of XML than 1.0."""


class Element(msgspec.Struct):
    """An element: its name and attributes as they were written, and the elements and texts in it."""

    name: str
    attributes: dict[str, str]
    children: list[Element | str] = []

    @property
    def elements(self) -> list[Element]:
        """The elements in it."""
        return [one for one in self.children if isinstance(one, Element)]

    @property
    def text(self) -> str:
        """The text that is directly in it."""
        return "".join(one for one in self.children if isinstance(one, str))


def read_markup(content: bytes, charset: str | None = None) -> Element:
    """The root of a document. ``charset`` comes before what the document says of itself. Comments and processing
    instructions are left out. Raises BadMarkup and BadVersion, and nothing else."""
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
        # An encoding that Python does not know, or that is none of texts.
        raise BadMarkup(f"the encoding cannot be read: {error}") from None
    return builder.top.elements[0]


class _Builder:
    """Puts the tree together from the parser's calls."""

    def __init__(self) -> None:
        self.top = Element("", {})
        self._open = [self.top]

    def declaration(self, version: str | None, _encoding: str | None, _standalone: int) -> None:
        if version != "1.0":
            raise BadVersion(f"XML version {version}")

    def document_type(self, *_: object) -> None:
        raise BadMarkup("a document type is not accepted")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > MAX_DEPTH:
            raise BadMarkup(f"elements are nested more than {MAX_DEPTH} deep")
        element = Element(name, attributes)
        self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, text: str) -> None:
        self._open[-1].children.append(text)
