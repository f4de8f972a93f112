"""The responses of the proxy when it opens no tunnel: an HTTP status and the API's error body. Pure."""

from __future__ import annotations

from http import HTTPStatus

import msgspec


class ErrorResponse(msgspec.Struct, frozen=True):
    """A reason for not opening a tunnel: HTTP status, API error code and a message for people."""

    status: HTTPStatus
    code: int
    message: str


def malformed(message: str) -> ErrorResponse:
    """Return the error for a head that is not HTTP/1: status 400, code 20001."""
    return ErrorResponse(HTTPStatus.BAD_REQUEST, 20001, message)


TOO_LARGE = ErrorResponse(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, 20413, "The request head is over 16 KiB."
)
UNKNOWN_CODING = ErrorResponse(HTTPStatus.NOT_IMPLEMENTED, 20501, "The only Transfer-Encoding is chunked.")
NOT_CONNECT = ErrorResponse(
    HTTPStatus.METHOD_NOT_ALLOWED,
    20004,
    "This port is a proxy that serves CONNECT only, to *.twilio.com:443.",
)
TOO_MANY = ErrorResponse(HTTPStatus.SERVICE_UNAVAILABLE, 20503, "The proxy has too many open connections.")


class Redirect(msgspec.Struct, frozen=True):
    """The address to which a request for a script over plain http is sent."""

    location: str


def unreachable(target: str) -> ErrorResponse:
    """Return the error for a CONNECT to a host that is let through and cannot be reached: status 502, code 20503."""
    return ErrorResponse(HTTPStatus.BAD_GATEWAY, 20503, f"{target[:255]} cannot be reached from this proxy.")


def loop_target(target: str) -> ErrorResponse:
    """Return the error for a CONNECT that leads back to the proxy: status 403, code 20403."""
    return ErrorResponse(HTTPStatus.FORBIDDEN, 20403, f"{target[:255]} is this proxy itself.")


def foreign_target(target: str) -> ErrorResponse:
    """Return the error for a CONNECT to a host that this server does not replace: status 403, code 20403."""
    return ErrorResponse(
        HTTPStatus.FORBIDDEN, 20403, f"This proxy leads only to *.twilio.com:443, not to {target[:255]}."
    )


def render(response: ErrorResponse | Redirect) -> bytes:
    """Return the whole HTTP/1.1 response, which ends the connection. The body of an error has the vendor's four
    keys."""
    if isinstance(response, Redirect):
        return _redirect(response.location)
    error = response
    body = msgspec.json.encode(
        {
            "code": error.code,
            "message": error.message,
            "more_info": f"https://www.twilio.com/docs/errors/{error.code}",
            "status": int(error.status),
        }
    )
    head = [
        f"HTTP/1.1 {int(error.status)} {error.status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if error.status is HTTPStatus.METHOD_NOT_ALLOWED:
        head.append("Allow: CONNECT")
    return "\r\n".join([*head, "", ""]).encode("ascii") + body


def _redirect(location: str) -> bytes:
    lines = (
        "HTTP/1.1 307 Temporary Redirect",
        f"Location: {location}",
        "Content-Length: 0",
        "Connection: close",
    )
    return "\r\n".join([*lines, "", ""]).encode("ascii")
