"""Why a registration was rejected, as its ``errors`` tell (spec)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

_ERRORS = "https://www.twilio.com/docs/api/errors/"
"""Clients show this link as it stands, so it keeps the vendor's form (spec)."""


class Finding(msgspec.Struct, frozen=True):
    """One reason: the vendor's code of it, what it says, and the fields that it is about."""

    error_code: int
    description: str
    fields: tuple[str, ...] = ()


def encoded(findings: Sequence[Finding]) -> str:
    """The reasons as a row keeps them."""
    return msgspec.json.encode(findings).decode()


def decoded(text: str) -> list[Finding]:
    """The reasons that a row keeps."""
    return msgspec.json.decode(text, type=list[Finding])


def shown(text: str) -> list[dict[str, Any]]:
    """The reasons as an answer shows them."""
    return [
        {
            "error_code": finding.error_code,
            "fields": list(finding.fields),
            "url": f"{_ERRORS}{finding.error_code}",
            "description": finding.description,
        }
        for finding in decoded(text)
    ]
