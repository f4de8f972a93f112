"""What the proxy answers when it does not open a tunnel: an HTTP status and the API's error body."""

from __future__ import annotations

from http import HTTPStatus

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """One reason for not opening a tunnel: HTTP status, API error code and a sentence for people."""

    status: HTTPStatus
    code: int
    message: str


def malformed(message: str) -> Refusal:
    """The refusal of a head that is not HTTP/1: status 400, code 20001."""
    return Refusal(HTTPStatus.BAD_REQUEST, 20001, message)


TOO_LARGE = Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, 20413, "The request head is over 16 KiB.")
NOT_CONNECT = Refusal(
    HTTPStatus.METHOD_NOT_ALLOWED,
    20004,
    "This port is a proxy that answers CONNECT only, to *.twilio.com:443.",
)
TOO_MANY = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, 20503, "The proxy has too many open connections.")


def foreign_target(target: str) -> Refusal:
    """The refusal of a CONNECT to a place that this server does not stand in for: status 403, code 20403."""
    return Refusal(
        HTTPStatus.FORBIDDEN, 20403, f"This proxy leads only to *.twilio.com:443, not to {target[:255]}."
    )


def render(refusal: Refusal) -> bytes:
    """The whole HTTP/1.1 response; it ends the connection.

    The body has the four keys of the vendor's error body.
    """
    body = msgspec.json.encode(
        {
            "code": refusal.code,
            "message": refusal.message,
            "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
            "status": int(refusal.status),
        }
    )
    head = [
        f"HTTP/1.1 {int(refusal.status)} {refusal.status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if refusal.status is HTTPStatus.METHOD_NOT_ALLOWED:
        head.append("Allow: CONNECT")
    return "\r\n".join([*head, "", ""]).encode("ascii") + body
