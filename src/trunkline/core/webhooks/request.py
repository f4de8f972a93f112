"""The requests of one attempt: made, signed, and led on by redirects."""

from __future__ import annotations

from urllib.parse import urlencode, urljoin

import msgspec

from trunkline.core.egress.message import Headers
from trunkline.core.egress.target import BadUrl, Target, locate
from trunkline.core.webhooks.signature import sign, with_digest, with_query
from trunkline.core.webhooks.webhook import Webhook

MAX_REDIRECTS = 5

_REDIRECTS = (301, 302, 303, 307, 308)
_KEPT = (307, 308)
"""Redirects that keep method and body; the others make the request a GET without parameters."""

_AUTHORIZATION = "Authorization"
_FORM = "application/x-www-form-urlencoded; charset=utf-8"


class SignedRequest(msgspec.Struct, frozen=True):
    """What goes over the line. ``origin`` names the server, whose credentials no other one gets."""

    method: str
    url: str
    origin: str
    headers: Headers
    body: bytes | None


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
            return self._bare(with_query(target.url, urlencode(self.parameters)), target)
        return self._full(webhook.method, target)

    def onward(self, request: SignedRequest, status: int, location: str | None) -> SignedRequest | None:
        """The request that follows an answer; None when it is the last. Raises BadUrl for a bad address."""
        if status not in _REDIRECTS or not location:
            return None
        try:
            target = locate(urljoin(request.url, location))
        except ValueError as error:
            raise BadUrl(str(error)) from None
        if not target.authorization and target.origin == request.origin:
            target = msgspec.structs.replace(target, authorization=_authorization(request))
        if status in _KEPT and request.body is not None:
            return self._full(request.method, target)
        return self._bare(target.url, target)

    def _full(self, method: str, target: Target) -> SignedRequest:
        if self.webhook.json is not None:
            body = self.webhook.json.encode()
            url = with_digest(target.url, body)
            headers = self._headers(target, sign(self.token, url), "application/json")
            return SignedRequest(method, url, target.origin, headers, body)
        headers = self._headers(target, sign(self.token, target.url, self.parameters), _FORM)
        return SignedRequest(method, target.url, target.origin, headers, urlencode(self.parameters).encode())

    def _bare(self, url: str, target: Target) -> SignedRequest:
        headers = self._headers(target, sign(self.token, url), _FORM)
        return SignedRequest("GET", url, target.origin, headers, None)

    def _headers(self, target: Target, signature: str, kind: str) -> Headers:
        """The documented headers (doc); GET too has the Content-Type of a form."""
        headers = (
            ("Accept", "*/*"),
            ("Cache-Control", "max-age=259200"),
            ("Content-Type", kind),
            ("User-Agent", "TwilioProxy/1.1"),
            ("X-Home-Region", self.region),
            ("I-Twilio-Idempotency-Token", self.webhook.token),
            ("X-Twilio-Signature", signature),
        )
        return (*headers, (_AUTHORIZATION, target.authorization)) if target.authorization else headers


def _authorization(request: SignedRequest) -> str:
    return dict(request.headers).get(_AUTHORIZATION, "")
