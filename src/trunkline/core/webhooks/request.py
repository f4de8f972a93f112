"""The requests of one attempt: built, signed, and redirected."""

from __future__ import annotations

import re
from urllib.parse import quote_plus, urljoin

import msgspec

from trunkline.core.egress.http_message import EgressResponse, Headers
from trunkline.core.egress.target import BadUrl, Target, locate
from trunkline.core.sids import new_token
from trunkline.core.webhooks.challenges import authorization_for
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
    """A request as it is sent. ``origin`` names the server, whose credentials and cookies no other one gets;
    ``authorization`` are the credentials as Basic, withheld until a 401 requests them (doc)."""

    method: str
    url: str
    origin: str
    headers: Headers
    body: bytes | None
    authorization: str = ""
    cookie: str = ""


class Signer(msgspec.Struct, frozen=True):
    """The builder of an attempt's requests, with the account's ``token``; ``region`` is the home region to send."""

    webhook: Webhook
    token: str
    region: str
    parameters: tuple[tuple[str, str], ...]

    def first(self, target: Target) -> SignedRequest:
        """Return the request to the configured URL."""
        webhook = self.webhook
        if webhook.method == "GET":
            request = self._bare(with_query(target.url, form(self.parameters)), target)
        else:
            request = self._full(webhook.method, target)
        return _with_cookie(request, webhook.cookie)

    def authorized(self, request: SignedRequest, response: EgressResponse) -> SignedRequest | None:
        """Return the same request with the URL's credentials, for a 401 that requests them; None if there are none, if
        they were sent already, or if none of the requested schemes is supported."""
        if response.status != 401 or not request.authorization or _authorization(request):
            return None
        challenges = [value for name, value in response.headers if name.lower() == "www-authenticate"]
        value = authorization_for(challenges, request.authorization, request.method, request.url, new_token())
        if value is None:
            return None
        return msgspec.structs.replace(request, headers=(*request.headers, (_AUTHORIZATION, value)))

    def onward(self, request: SignedRequest, status: int, location: str | None) -> SignedRequest | None:
        """Return the request that follows a redirect; None if the response is final. Raise BadUrl if the location is
        no URL."""
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
        # Credentials that a server has requested once are sent at once; a digest is valid for one URL only.
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
        """Return the documented headers (doc); GET too has the Content-Type of a form."""
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
    """Return the parameters in the encoding of forms and queries."""
    return "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in parameters])


def _quoted(text: str) -> str:
    # Names, SIDs and dates, the bulk of it, need no quoting.
    return text if _UNRESERVED.fullmatch(text) else quote_plus(text)


def _with_cookie(request: SignedRequest, cookie: str) -> SignedRequest:
    if not cookie:
        return request
    headers = (*request.headers, ("Cookie", cookie))
    return msgspec.structs.replace(request, headers=headers, cookie=cookie)


def _authorization(request: SignedRequest) -> str:
    return dict(request.headers).get(_AUTHORIZATION, "")
