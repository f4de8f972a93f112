"""The requests of one attempt: made, signed, and led on by redirects."""

from __future__ import annotations

import re
from urllib.parse import quote_plus, urljoin

import msgspec

from trunkline.core.egress.message import Headers, Incoming
from trunkline.core.egress.target import BadUrl, Target, locate
from trunkline.core.sids import new_token
from trunkline.core.webhooks.credentials import answer as answer_of
from trunkline.core.webhooks.signature import Parameters, sign, with_digest, with_query
from trunkline.core.webhooks.webhook import Webhook

MAX_REDIRECTS = 5

_REDIRECTS = (301, 302, 303, 307, 308)
_KEPT = (307, 308)
"""Redirects that keep method and body; the others make the request a GET without parameters."""

_AUTHORIZATION = "Authorization"
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")
_FORM = "application/x-www-form-urlencoded; charset=utf-8"


class SignedRequest(msgspec.Struct, frozen=True):
    """What goes over the line. ``origin`` names the server, whose credentials and cookies no other one gets;
    ``authorization`` are the credentials as Basic, kept back until a 401 asks for them (doc)."""

    method: str
    url: str
    origin: str
    headers: Headers
    body: bytes | None
    authorization: str = ""
    cookie: str = ""


class Signer(msgspec.Struct, frozen=True):
    """Makes the requests of one attempt with the account's ``token``; ``region`` is the home region told."""

    webhook: Webhook
    token: str
    region: str
    parameters: tuple[tuple[str, str], ...]

    def first(self, target: Target) -> SignedRequest:
        """The request to the configured URL."""
        webhook = self.webhook
        if webhook.method == "GET":
            request = self._bare(with_query(target.url, form(self.parameters)), target)
        else:
            request = self._full(webhook.method, target)
        return _with_cookie(request, webhook.cookie)

    def authorized(self, request: SignedRequest, answer: Incoming) -> SignedRequest | None:
        """The same request with the URL's credentials, for a 401 that asks for them; None when there are none, when
        they were sent already, or when they cannot be given as they are asked for."""
        if answer.status != 401 or not request.authorization or _authorization(request):
            return None
        challenges = [value for name, value in answer.headers if name.lower() == "www-authenticate"]
        value = answer_of(challenges, request.authorization, request.method, request.url, new_token())
        if value is None:
            return None
        return msgspec.structs.replace(request, headers=(*request.headers, (_AUTHORIZATION, value)))

    def onward(self, request: SignedRequest, status: int, location: str | None) -> SignedRequest | None:
        """The request that follows a redirect; None when the answer is the last. Raises BadUrl for a bad address."""
        if status not in _REDIRECTS or not location:
            return None
        try:
            target = locate(urljoin(request.url, location))
        except ValueError as error:
            raise BadUrl(str(error)) from None
        same = target.origin == request.origin
        if not target.authorization and same:
            target = msgspec.structs.replace(target, authorization=request.authorization)
        if status in _KEPT and request.body is not None:
            following = self._full(request.method, target)
        else:
            following = self._bare(target.url, target)
        if not same:
            return following
        # What a server has asked for once, it is given at once; a digest holds for one address only.
        if _authorization(request).startswith("Basic") and target.authorization:
            headers = (*following.headers, (_AUTHORIZATION, target.authorization))
            following = msgspec.structs.replace(following, headers=headers)
        return _with_cookie(following, request.cookie)

    def _full(self, method: str, target: Target) -> SignedRequest:
        if self.webhook.json is not None:
            body = self.webhook.json.encode()
            url = with_digest(target.url, body)
            headers = self._headers(sign(self.token, url), "application/json")
            return SignedRequest(method, url, target.origin, headers, body, target.authorization)
        headers = self._headers(sign(self.token, target.url, self.parameters), _FORM)
        content = form(self.parameters).encode()
        return SignedRequest(method, target.url, target.origin, headers, content, target.authorization)

    def _bare(self, url: str, target: Target) -> SignedRequest:
        headers = self._headers(sign(self.token, url), _FORM)
        return SignedRequest("GET", url, target.origin, headers, None, target.authorization)

    def _headers(self, signature: str, kind: str) -> Headers:
        """The documented headers (doc); GET too has the Content-Type of a form."""
        return (
            ("Accept", "*/*"),
            ("Cache-Control", "max-age=259200"),
            ("Content-Type", kind),
            ("User-Agent", "TwilioProxy/1.1"),
            ("X-Home-Region", self.region),
            ("I-Twilio-Idempotency-Token", self.webhook.token),
            ("X-Twilio-Signature", signature),
        )


def form(parameters: Parameters) -> str:
    """The parameters in the coding of forms and queries."""
    return "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in parameters])


def _quoted(text: str) -> str:
    # Names, SIDs and dates, the most of it, stand for themselves.
    return text if _UNRESERVED.fullmatch(text) else quote_plus(text)


def _with_cookie(request: SignedRequest, cookie: str) -> SignedRequest:
    if not cookie:
        return request
    headers = (*request.headers, ("Cookie", cookie))
    return msgspec.structs.replace(request, headers=headers, cookie=cookie)


def _authorization(request: SignedRequest) -> str:
    return dict(request.headers).get(_AUTHORIZATION, "")
