"""The failures of an outgoing request, with the debugger's codes (doc), and the mapping from libcurl's codes."""

from __future__ import annotations

import errno
import re
from enum import Enum

import msgspec
import pycurl  # type: ignore[import-untyped]

from trunkline.core.egress.guard import AddressGuard


class Failure(Enum):
    """The kinds of failure. The value is a name; ``code`` is the debugger's."""

    BAD_URL = "bad_url"
    BAD_HOST = "bad_host"
    ADDRESS_REFUSED = "address_refused"
    ADDRESS_UNFIT = "address_unfit"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_FAILED = "connect_failed"
    TLS_HANDSHAKE = "tls_handshake"
    TLS_WRONG_NAME = "tls_wrong_name"
    TLS_EXPIRED = "tls_expired"
    TLS_UNTRUSTED = "tls_untrusted"
    READ_TIMEOUT = "read_timeout"
    TOTAL_TIMEOUT = "total_timeout"
    BROKEN_OFF = "broken_off"
    PROTOCOL = "protocol"
    REDIRECTS = "redirects"
    HTTP_VERSION = "http_version"
    CLIENT_CERTIFICATE = "client_certificate"
    STREAM_REFUSED = "stream_refused"
    STREAM_RESET = "stream_reset"
    POOL_CLOSED = "pool_closed"

    @property
    def code(self) -> int:
        """The debugger's code (doc); an address that is not allowed counts as a failed connection (inferred)."""
        return _CODES[self]

    @property
    def before_request(self) -> bool:
        """True if nothing of the request was sent."""
        return self in _BEFORE_REQUEST


_CODES = {
    Failure.BAD_URL: 11100,
    Failure.BAD_HOST: 11210,
    Failure.ADDRESS_REFUSED: 11205,
    Failure.ADDRESS_UNFIT: 11205,
    Failure.CONNECT_TIMEOUT: 11201,
    Failure.CONNECT_REFUSED: 11202,
    Failure.CONNECT_FAILED: 11205,
    Failure.TLS_HANDSHAKE: 11220,
    Failure.TLS_WRONG_NAME: 11235,
    Failure.TLS_EXPIRED: 11236,
    Failure.TLS_UNTRUSTED: 11237,
    Failure.READ_TIMEOUT: 11200,
    Failure.TOTAL_TIMEOUT: 11203,
    Failure.BROKEN_OFF: 11205,
    Failure.PROTOCOL: 11206,
    Failure.REDIRECTS: 11215,
    Failure.HTTP_VERSION: 11206,
    Failure.CLIENT_CERTIFICATE: 11220,
    Failure.STREAM_REFUSED: 11205,
    Failure.STREAM_RESET: 11205,
    Failure.POOL_CLOSED: 11205,
}

_BEFORE_REQUEST = {
    Failure.BAD_URL,
    Failure.BAD_HOST,
    Failure.ADDRESS_REFUSED,
    Failure.ADDRESS_UNFIT,
    Failure.CONNECT_TIMEOUT,
    Failure.CONNECT_REFUSED,
    Failure.CONNECT_FAILED,
    Failure.TLS_HANDSHAKE,
    Failure.TLS_WRONG_NAME,
    Failure.TLS_EXPIRED,
    Failure.TLS_UNTRUSTED,
    Failure.HTTP_VERSION,
    Failure.CLIENT_CERTIFICATE,
    Failure.POOL_CLOSED,
}


_PRIVATE_TOO = AddressGuard(allow_private=True)
"""Also what it refuses is no receiver's address: link-local, metadata, multicast or of no machine."""


class Resend(Enum):
    """The pool's leave to send a request again: no; yes, although it was sent; yes, and nothing of it was sent."""

    NO = "no"
    SENT = "sent"
    UNSENT = "unsent"


class EgressError(Exception):
    """A request without a response; the message is for people and holds no secret. ``maybe_processed`` if the peer
    may have received and processed the request; ``resend`` is for the pool alone."""

    def __init__(
        self,
        failure: Failure,
        message: str,
        *,
        maybe_processed: bool | None = None,
        resend: Resend = Resend.NO,
    ) -> None:
        self.failure = failure
        self.message = message
        if maybe_processed is None:
            maybe_processed = not failure.before_request and failure is not Failure.STREAM_REFUSED
        self.maybe_processed = maybe_processed
        self.resend = resend
        super().__init__(f"{failure.code} {message}")


class Progress(msgspec.Struct):
    """The progress of a request that failed: the address that the guard refused, whether the connection was made,
    the socket's error and the TLS library's result for the certificate."""

    refused: str = ""
    connected: bool = False
    os_error: int = 0
    verify_result: int = 0


# pycurl has no names for these two.
_HTTP2_STREAM = 92
_SSL_CLIENTCERT = 98

_CERTIFICATE_ALERT = re.compile(r"alert .*(certificate|unknown ca|access denied)", re.IGNORECASE)
_NO_HTTP2_ALERT = "no application protocol"

_EXPIRED = {9, 10}  # not yet valid, no longer valid
# libcurl compares the name itself and before all else, which leaves the result at "none" or "unspecified".
_WRONG_NAME = {0, 1, 62, 63, 64}

_PLAIN = {
    pycurl.E_URL_MALFORMAT: Failure.BAD_URL,
    pycurl.E_COULDNT_RESOLVE_HOST: Failure.BAD_HOST,
    pycurl.E_SSL_CONNECT_ERROR: Failure.TLS_HANDSHAKE,
    pycurl.E_SSL_CIPHER: Failure.TLS_HANDSHAKE,
    pycurl.E_SSL_CERTPROBLEM: Failure.CLIENT_CERTIFICATE,
    _SSL_CLIENTCERT: Failure.CLIENT_CERTIFICATE,
    _HTTP2_STREAM: Failure.STREAM_RESET,
    pycurl.E_SSL_CACERT_BADFILE: Failure.TLS_UNTRUSTED,
    pycurl.E_GOT_NOTHING: Failure.BROKEN_OFF,
    pycurl.E_RECV_ERROR: Failure.BROKEN_OFF,
    pycurl.E_SEND_ERROR: Failure.BROKEN_OFF,
    pycurl.E_PARTIAL_FILE: Failure.BROKEN_OFF,
}

_TLS_ALERTS = (pycurl.E_SSL_CONNECT_ERROR, pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR)
"""Codes of a handshake or, with TLS 1.3, of the first read or write, that a peer's alert ended."""

NO_MESSAGE = "the request failed"
"""The message where libcurl has none: for HTTP/2 a connection that the peer closed in order."""


def from_curl(code: int, message: str, progress: Progress) -> EgressError:
    """Return the error for libcurl's ``code``."""
    if progress.refused and not progress.connected:
        text = f"connections to {progress.refused} are not allowed"
        private = _PRIVATE_TOO.permits(progress.refused)
        return EgressError(Failure.ADDRESS_REFUSED if private else Failure.ADDRESS_UNFIT, text)
    if code == pycurl.E_OPERATION_TIMEDOUT:
        failure = Failure.TOTAL_TIMEOUT if progress.connected else Failure.CONNECT_TIMEOUT
    elif code == pycurl.E_COULDNT_CONNECT:
        refused = progress.os_error == errno.ECONNREFUSED
        failure = Failure.CONNECT_REFUSED if refused else Failure.CONNECT_FAILED
    elif code == pycurl.E_PEER_FAILED_VERIFICATION:
        failure = _certificate(progress.verify_result)
    else:
        late = Failure.PROTOCOL if progress.connected else Failure.CONNECT_FAILED
        failure = _PLAIN.get(code, late)
        if code == pycurl.E_HTTP2 and message == NO_MESSAGE:
            failure = Failure.BROKEN_OFF
        elif code in _TLS_ALERTS and _CERTIFICATE_ALERT.search(message):
            failure = Failure.CLIENT_CERTIFICATE
        elif code == pycurl.E_SSL_CONNECT_ERROR and _NO_HTTP2_ALERT in message:
            failure = Failure.HTTP_VERSION
    return EgressError(failure, message)


def _certificate(verify_result: int) -> Failure:
    if verify_result in _EXPIRED:
        return Failure.TLS_EXPIRED
    return Failure.TLS_WRONG_NAME if verify_result in _WRONG_NAME else Failure.TLS_UNTRUSTED
