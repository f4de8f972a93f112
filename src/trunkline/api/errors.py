"""The API's errors and their JSON bodies. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trunkline.api.error_codes import ERROR_CODES

MORE_INFO = "https://www.twilio.com/docs/errors/"
"""Clients show this link as it stands, so it keeps the vendor's form (client)."""


class ApiError(Exception):
    """A rejected request. Its code decides status and text, unless the caller gives others.

    ``detail`` and ``details`` appear in the body when given; ``headers`` go out with the response. ``status`` is for a
    code that stands for two things, in place of the code's own.
    """

    def __init__(
        self,
        code: int,
        message: str | None = None,
        *,
        detail: str | None = None,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
    ) -> None:
        entry = ERROR_CODES[code]
        self.code = code
        self.status = entry.status if status is None else status
        self.message = entry.text if message is None else message
        self.detail = detail
        self.details = details
        self.headers = headers or {}
        super().__init__(f"{code} {self.message}")

    def body(self) -> bytes:
        """Return the JSON body, without ``type`` and ``title``: SDKs would raise another exception class (client)."""
        body: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "more_info": f"{MORE_INFO}{self.code}",
            "status": self.status,
        }
        if self.detail is not None:
            body["detail"] = self.detail
        if self.details is not None:
            body["details"] = self.details
        return msgspec.json.encode(body)


class InvalidParameter(ApiError):
    """A rejected parameter: its name on the wire, and the reason if one is given (inferred text)."""

    def __init__(self, parameter: str, why: str) -> None:
        self.parameter = parameter
        self.why = why
        super().__init__(20001, f"Invalid parameter {parameter}{': ' + why if why else ''}")


def invalid(parameter: str, why: str = "") -> InvalidParameter:
    """Return the generic error for a parameter: 400, code 20001, naming the parameter."""
    return InvalidParameter(parameter, why)


def missing(parameter: str, place: str = "post body") -> ApiError:
    """Return the error for a request without a required parameter: 400, code 20001 (inferred text)."""
    return ApiError(20001, f"Missing required parameter {parameter} in the {place}")


def not_found(path: str) -> ApiError:
    """Return the error for an unknown SID or route: 404, code 20404, naming the path (doc)."""
    return ApiError(20404, f"The requested resource {path} was not found")
