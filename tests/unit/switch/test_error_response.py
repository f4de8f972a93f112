"""The refusals as bytes on the wire."""

from __future__ import annotations

import json

import pytest

from trunkline.switch.error_response import (
    NOT_CONNECT,
    TOO_LARGE,
    TOO_MANY,
    ErrorResponse,
    foreign_target,
    malformed,
    render,
)


@pytest.mark.parametrize(
    ("response", "first_line", "code"),
    [
        (malformed("Why."), b"HTTP/1.1 400 Bad Request", 20001),
        (foreign_target("example.com:443"), b"HTTP/1.1 403 Forbidden", 20403),
        (NOT_CONNECT, b"HTTP/1.1 405 Method Not Allowed", 20004),
        (TOO_LARGE, b"HTTP/1.1 431 Request Header Fields Too Large", 20413),
        (TOO_MANY, b"HTTP/1.1 503 Service Unavailable", 20503),
    ],
)
def test_a_refusal_is_a_whole_response_with_the_error_body(
    response: ErrorResponse, first_line: bytes, code: int
) -> None:
    head, _, body = render(response).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == first_line
    assert f"Content-Length: {len(body)}".encode() in lines
    assert b"Connection: close" in lines
    assert b"Content-Type: application/json" in lines
    assert (b"Allow: CONNECT" in lines) == (code == 20004)
    assert json.loads(body) == {
        "code": code,
        "message": response.message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": int(first_line.split()[1]),
    }


def test_a_foreign_target_is_named_and_cut() -> None:
    message = foreign_target("a" * 5000 + ".example:443").message
    assert message.startswith("This proxy leads only to *.twilio.com:443, not to aaaa")
    assert len(message) < 400
