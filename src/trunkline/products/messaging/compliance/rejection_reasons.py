"""Reasons for the rejection of a registration, for its ``errors`` (spec)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

_ERRORS = "https://www.twilio.com/docs/api/errors/"
"""The base of a reason's link, which clients display, in the vendor's form (spec)."""


class RejectionReason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reason: the vendor's code, a description, and the fields that it concerns."""

    error_code: int
    description: str
    fields: tuple[str, ...] = ()


def encode_reasons(reasons: Sequence[RejectionReason]) -> str:
    """Return the reasons as a row stores them."""
    return msgspec.json.encode(reasons).decode()


def decode_reasons(text: str) -> list[RejectionReason]:
    """Return the reasons of a row."""
    return msgspec.json.decode(text, type=list[RejectionReason])


def reasons_view(text: str) -> list[dict[str, Any]]:
    """Return the reasons for a response."""
    return [
        {
            "error_code": reason.error_code,
            "fields": list(reason.fields),
            "url": f"{_ERRORS}{reason.error_code}",
            "description": reason.description,
        }
        for reason in decode_reasons(text)
    ]
