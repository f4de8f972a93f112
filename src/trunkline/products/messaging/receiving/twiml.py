"""TwiML for messages: the parser from the response of an inbound webhook to the verbs to carry out. Pure.

1. A response that is no TwiML at all is an error, after which the fallback URL is requested (doc): not well-formed
   12100, of another XML version 12101, without ``Response`` 12102, of another content type 12300, too large 11750.
2. A verb that cannot be carried out is omitted and the others are not; that is a problem for the debugger
   (inferred), with the code of the vendor's dictionary.
3. An empty response has no verbs, and a plain text is the reply itself (doc).
"""

from __future__ import annotations

import msgspec

from trunkline.products.messaging.numbers.parsing import region_of
from trunkline.products.messaging.receiving.markup import BadMarkup, BadVersion, Element, read_markup
from trunkline.products.messaging.receiving.verbs import (
    MessageVerb,
    RedirectVerb,
    TwimlProblem,
    Verb,
    VerbReader,
)

__all__ = ["MessageVerb", "RedirectVerb", "TwimlDocument", "TwimlError", "TwimlProblem", "Verb", "read_twiml"]

MAX_CONTENT = 64 * 1024
"""Bytes of a response (inferred)."""

_MARKUP = ("text/xml", "application/xml", "text/html")
_CHARSETS = (
    "utf-8",
    "utf8",
    "us-ascii",
    "ascii",
    "iso-8859-1",
    "latin1",
    "iso-8859-15",
    "windows-1252",
    "utf-16",
)


class TwimlDocument(msgspec.Struct, frozen=True):
    """The verbs of a document in their order, and its problems."""

    verbs: tuple[Verb, ...] = ()
    problems: tuple[TwimlProblem, ...] = ()


class TwimlError(Exception):
    """The error for a response that is no TwiML. ``code`` is the debugger's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


def read_twiml(content: bytes, content_type: str, *, url: str, number: str) -> TwimlDocument:
    """Return the verbs and problems of the response of ``url``. ``number`` is the one that was written to: numbers
    without a plus sign are of its country. Raise TwimlError if it is no TwiML, and nothing else."""
    if len(content) > MAX_CONTENT:
        raise TwimlError(11750, f"the response has {len(content)} bytes, at most {MAX_CONTENT}")
    if not content.strip():
        return TwimlDocument()
    kind, charset = _content_type(content_type)
    reader = VerbReader(url, region_of(number) or "US")
    if kind == "text/plain":
        text = content.decode(charset or "utf-8", "replace").lstrip("\ufeff").replace("\x00", "")
        reply = reader.reply(Element("Message", {}, [text])) if text.strip() else None
        return TwimlDocument((reply,) if reply is not None else (), tuple(reader.problems))
    if kind not in _MARKUP:
        raise TwimlError(12300, f"the content type is {content_type[:100] or 'missing'}")
    root = _root(content, charset)
    return TwimlDocument(tuple(reader.verbs(root)), tuple(reader.problems))


def _content_type(header: str) -> tuple[str, str | None]:
    kind, *parameters = header.split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        charset = value.strip().strip('"').lower()
        if name.strip().lower() == "charset" and charset in _CHARSETS:
            return kind.strip().lower(), charset
    return kind.strip().lower(), None


def _root(content: bytes, charset: str | None) -> Element:
    try:
        root = read_markup(content, charset)
    except BadMarkup as error:
        raise TwimlError(12100, str(error)) from None
    except BadVersion as error:
        raise TwimlError(12101, str(error)) from None
    if root.name != "Response":
        raise TwimlError(12102, f"the root element is {root.name[:100]}, not Response")
    return root
