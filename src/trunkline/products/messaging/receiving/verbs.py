"""The verbs of TwiML for messages, and their parser. Pure.

1. Names are case-sensitive; URLs may be relative to the document's own (doc).
2. A verb that cannot be carried out is omitted, with a problem: 14101 to, 14102 from, 14103 body, 14104 method,
   14105 status callback, 14109 too many messages, 14110 unknown verb (doc). ``Sms`` is the old name of ``Message``.
3. Anything without a meaning, like an unknown attribute, is ignored, with the problem 12200 (doc).
"""

from __future__ import annotations

from urllib.parse import urljoin

import msgspec

from trunkline.api.params import is_http_url
from trunkline.core.egress.target import MAX_URL
from trunkline.products.messaging.numbers.parsing import AddressKind, parse_recipient, region_of
from trunkline.products.messaging.receiving.markup import Element
from trunkline.products.messaging.senders.alpha_rules import is_alpha

MAX_MESSAGES = 10
"""Replies to one message (doc)."""

MAX_MEDIA = 10
MAX_BODY = 1600
"""Characters of a message (doc)."""

MAX_PROBLEMS = 20
"""Problems of one document that are reported; the others are not."""

_MESSAGES = ("Message", "Sms")
_MESSAGE_ATTRIBUTES = frozenset({"to", "from", "action", "method", "statusCallback"})
_HARMLESS = ("xmlns", "xsi:", "xml:")


class MessageVerb(msgspec.Struct, frozen=True):
    """A message to send. ``to`` is None for the author of the inbound message, ``sender`` for the number that was
    written to. ``method`` is that of requests to ``action`` and ``status_callback``."""

    body: str
    media: tuple[str, ...] = ()
    to: str | None = None
    sender: str | None = None
    action: str | None = None
    method: str = "POST"
    status_callback: str | None = None


class RedirectVerb(msgspec.Struct, frozen=True):
    """The continuation with the TwiML at ``url``; nothing follows it."""

    url: str
    method: str = "POST"


Verb = MessageVerb | RedirectVerb


class TwimlProblem(msgspec.Struct, frozen=True):
    """A problem of a document that is carried out nevertheless, for the debugger."""

    code: int
    text: str


class _InvalidVerb(Exception):
    """The error for a verb that cannot be carried out."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.problem = TwimlProblem(code, text)


class VerbReader:
    """The parser of a document from ``url``; it collects the problems."""

    def __init__(self, url: str, region: str) -> None:
        self._url = url
        self._region = region
        self.problems: list[TwimlProblem] = []

    def verbs(self, root: Element) -> list[Verb]:
        """Return the verbs up to the first redirect."""
        self._report_attributes(root, frozenset())
        if root.text.strip():
            self._report(12200, "there is text outside of the verbs")
        verbs: list[Verb] = []
        messages = 0
        for element in self._known(root):
            if element.name == "Redirect":
                if (redirect := self._redirect(element)) is not None:
                    return [*verbs, redirect]
                continue
            messages += 1
            if messages > MAX_MESSAGES:
                self._report(14109, f"only the first {MAX_MESSAGES} messages are sent")
            elif (reply := self.reply(element)) is not None:
                verbs.append(reply)
        return verbs

    def reply(self, element: Element) -> MessageVerb | None:
        """Return a message, or None if it cannot be sent."""
        self._report_attributes(element, _MESSAGE_ATTRIBUTES)
        try:
            sender = self._sender(element)
            return MessageVerb(
                media=(media := self._media(element)),
                body=self._body(element, needed=not media),
                to=self._to(element, sender),
                sender=sender,
                action=self._callback(element, "action"),
                method=_method(element),
                status_callback=self._callback(element, "statusCallback"),
            )
        except _InvalidVerb as refused:
            self._report(refused.problem.code, refused.problem.text)
            return None

    def _known(self, root: Element) -> list[Element]:
        known = (*_MESSAGES, "Redirect")
        for element in root.elements:
            if element.name not in known:
                self._report(14110, f"{element.name[:100]} is no verb for messages")
        return [one for one in root.elements if one.name in known]

    def _redirect(self, element: Element) -> RedirectVerb | None:
        self._report_attributes(element, frozenset({"method"}))
        self._report_elements(element)
        try:
            url = self._absolute(element.text)
            if url is None:
                raise _InvalidVerb(12200, f"Redirect leads to no URL: {element.text.strip()[:100]}")
            return RedirectVerb(url, _method(element))
        except _InvalidVerb as refused:
            self._report(refused.problem.code, refused.problem.text)
            return None

    def _body(self, element: Element, *, needed: bool) -> str:
        bodies = [one for one in element.elements if one.name == "Body"]
        for one in bodies:
            self._report_attributes(one, frozenset())
            self._report_elements(one)
        body = (element.text.strip() + "".join(one.text for one in bodies)).strip()
        if len(body) > MAX_BODY:
            raise _InvalidVerb(14103, f"the body has {len(body)} characters, at most {MAX_BODY}")
        if needed and not body:
            raise _InvalidVerb(14103, "a message has neither body nor media")
        return body

    def _media(self, element: Element) -> tuple[str, ...]:
        urls: list[str] = []
        more = 0
        for one in element.elements:
            if one.name not in ("Body", "Media"):
                self._report(12200, f"{element.name} cannot hold {one.name[:100]}")
            if one.name != "Media":
                continue
            if len(urls) == MAX_MEDIA:
                more += 1
                continue
            self._report_attributes(one, frozenset())
            self._report_elements(one)
            url = self._absolute(one.text) if one.text.strip() else None
            if url is None:
                self._report(12200, f"Media is no URL: {one.text.strip()[:100]}")
            else:
                urls.append(url)
        if more:
            count = MAX_MEDIA + more
            self._report(12200, f"a message has {count} media, only the first {MAX_MEDIA} are sent")
        return tuple(urls)

    def _sender(self, element: Element) -> str | None:
        written = element.attributes.get("from")
        if written is None:
            return None
        found = parse_recipient(written, self._region)
        if found is None and not is_alpha(written.strip()):
            raise _InvalidVerb(14102, f"from is no sender: {written[:100]}")
        return found.address if found is not None else written.strip()

    def _to(self, element: Element, sender: str | None) -> str | None:
        """Return the recipient; without a plus sign it is of the sender's country (doc)."""
        written = element.attributes.get("to")
        if written is None:
            return None
        found = parse_recipient(written, (sender and region_of(sender)) or self._region)
        if found is None or found.kind is AddressKind.SHORT_CODE:
            raise _InvalidVerb(14101, f"to is no number: {written[:100]}")
        return found.address

    def _callback(self, element: Element, name: str) -> str | None:
        written = element.attributes.get(name)
        if not written:
            return None
        url = self._absolute(written)
        if url is None:
            raise _InvalidVerb(14105, f"{name} is no URL: {written[:100]}")
        return url

    def _absolute(self, written: str) -> str | None:
        try:
            url = urljoin(self._url, written.strip())
        except ValueError:
            return None
        return url if len(url) <= MAX_URL and is_http_url(url) else None

    def _report_elements(self, element: Element) -> None:
        if element.elements:
            self._report(12200, f"{element.name} cannot hold {element.elements[0].name[:100]}")

    def _report_attributes(self, element: Element, known: frozenset[str]) -> None:
        for name in element.attributes:
            if name not in known and not name.startswith(_HARMLESS):
                self._report(12200, f"{element.name} has no attribute {name[:100]}")

    def _report(self, code: int, text: str) -> None:
        problem = TwimlProblem(code, text)
        if len(self.problems) < MAX_PROBLEMS and problem not in self.problems:
            self.problems.append(problem)


def _method(element: Element) -> str:
    method = element.attributes.get("method", "POST").strip().upper()
    if method not in ("GET", "POST"):
        raise _InvalidVerb(14104, f"{element.name} has no method {method[:100]}")
    return method
