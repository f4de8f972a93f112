"""The remedies of failed outgoing requests, and the line by which the log reports a receiver that fails.

A line has the reason, the remedy, and the URL without credentials, query and fragment. It stays one line whatever a
peer sent, since logs are JSON.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic

from trunkline.core.egress.failure import Failure
from trunkline.core.egress.target import BadUrl, locate, without_credentials
from trunkline.core.outages import Outages

FAILING_CALM_SECONDS = 60.0
"""The time without a failing response of a kind after which a success ends its outage: some paths of a receiver may
fail while others work."""

_RECEIVER = "see the log of the receiver"
_SLOW = "let the receiver respond faster"
_THERE = "start the receiver, or correct host and port"
_PROTOCOL = "check that this port speaks HTTP, with TLS for https and without it for http"

REMEDIES = {
    Failure.BAD_URL: "correct the URL: http:// or https://, a host, no spaces",
    Failure.BAD_HOST: "correct the host, or the name service of this machine",
    Failure.ADDRESS_REFUSED: (
        "list its network in webhook_networks; --dev allows this machine and private networks"
    ),
    Failure.ADDRESS_UNFIT: (
        "name an address of the receiver: link-local, multicast and metadata addresses are none"
    ),
    Failure.CONNECT_TIMEOUT: _THERE,
    Failure.CONNECT_REFUSED: _THERE,
    Failure.CONNECT_FAILED: _THERE,
    Failure.TLS_HANDSHAKE: _PROTOCOL,
    Failure.TLS_WRONG_NAME: "give the receiver a certificate for the host of the URL",
    Failure.TLS_EXPIRED: "renew the certificate of the receiver, or set the clock of this machine",
    Failure.TLS_UNTRUSTED: "name a file with the certificate's CA in egress_ca_file",
    Failure.READ_TIMEOUT: _SLOW,
    Failure.TOTAL_TIMEOUT: _SLOW,
    Failure.BROKEN_OFF: _RECEIVER,
    Failure.PROTOCOL: _PROTOCOL,
    Failure.REDIRECTS: "name the address that the redirects lead to",
    Failure.HTTP_VERSION: _PROTOCOL,
    Failure.CLIENT_CERTIFICATE: "do not require a client certificate",
    Failure.STREAM_REFUSED: _RECEIVER,
    Failure.STREAM_RESET: _RECEIVER,
    Failure.POOL_CLOSED: "none: this server stops",
}
"""From a failure to what ends it."""


def remedy_of_status(status: int) -> str:
    """Return what ends responses with a status that is no success."""
    if 300 <= status < 400:
        return REMEDIES[Failure.REDIRECTS]
    if status in (401, 403, 407):
        return "put the receiver's credentials into the URL, or correct its check of the signature"
    if status in (404, 405, 410):
        return "correct the path of the URL, or its method"
    return _RECEIVER


def shown_url(url: str) -> str:
    """Return a URL as logs show it: a path may distinguish receivers, the rest may be secret. Raise BadUrl if it is
    none: then its parts cannot be distinguished."""
    locate(url)
    return without_credentials(url).partition("?")[0]


class ReceiverLog:
    """The log of the receivers of requests: a line when one begins to fail, and one when it works again. A receiver
    that cannot be reached is away with all of its URLs. One that responds with what is of no use has a line for each
    kind of failure, with the first URL that failed so: paths may hold ids, and be as many as the requests."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = monotonic) -> None:
        self._away = Outages(log, clock=clock)
        self._failing = Outages(log, FAILING_CALM_SECONDS, clock)
        self._kinds: set[str] = set()

    def failed(self, subject: str, url: str, reason: str, remedy: str, *, kind: str, **fields: str) -> None:
        """Record a request that failed for good, or for the first of several times. ``kind`` is a status
        or an error code in words if the receiver responded, so one of few; else it is empty."""
        try:
            shown, origin = shown_url(url), locate(url).origin
        except BadUrl:
            # The reason, too, may repeat a password.
            origin, shown, reason = url, "a malformed URL", "it cannot be understood"
        given = {name: value for name, value in fields.items() if value}
        if kind:
            self._kinds.add(kind)
        outage = self._failing.of((origin, kind)) if kind else self._away.of(origin)
        outage.failed("%s failed at %s: %s; %s", subject, shown, reason, remedy, fields=given)

    def works(self, url: str) -> None:
        """Record a request with a response that is of use."""
        if self._away:
            origin = locate(url).origin
            self._away.works(origin, "requests to %s succeed again", origin)
        if self._failing:
            origin = locate(url).origin
            for kind in self._kinds:
                text = "requests to %s succeed again, without %s"
                self._failing.works((origin, kind), text, origin, kind)
