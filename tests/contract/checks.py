"""A check of a response of the server against the vendor's documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from contract.documents import FILES, Document, Operation, document
from contract.pages import Json, is_page, page_faults
from contract.schemas import is_absolute_url

ERROR_KEYS = frozenset({"code", "message", "more_info", "status"})
ERROR_OPTIONS = frozenset({"detail", "details"})
"""No others: with ``type`` and ``title`` the SDKs raise another exception class (client)."""

_REQUEST_ID = re.compile(r"RQ[0-9a-f]{32}")


def check_response(
    product: str, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Check one response of a product's API against the contract.

    ``path`` is the product's own path as requested, percent-encoded, without prefix; a query is ignored.
    `OPTIONS` is not checked; `HEAD` is a `GET` without body. Errors are checked on any path; a success needs
    a documented operation and status. Raise AssertionError that names each fault by its JSON pointer.
    """
    if method.upper() == "OPTIONS":
        return
    faults = list(_faults(product, method.upper(), path.partition("?")[0], status, (headers, body)))
    if faults:
        lines = "".join(f"\n  {fault}" for fault in faults)
        raise AssertionError(
            f"{product} {method.upper()} {path} answered {status}:{lines}\n  body: {body[:2000]!r}"
        )


def _faults(
    product: str, method: str, path: str, status: int, response: tuple[Mapping[str, str], bytes]
) -> Iterator[str]:
    headers, body = {name.lower(): value for name, value in response[0].items()}, response[1]
    yield from _header_faults(status, headers)
    if method == "HEAD":
        if body:
            yield ": a HEAD answer has no body"
        return
    if status >= 400:
        yield from error_faults(status, headers, body)
        return
    version = path.split("/")[1] if path.startswith("/") else ""
    if (product, version) not in FILES:
        yield f": no document describes {product} {version}"
        return
    source = document(product, version)
    operation = source.find(method, path)
    if operation is None:
        known = source.template(path)
        yield f": {known} has no {method}" if known else f": no document of {product} has this path"
        return
    yield from _success_faults(source, operation, status, headers, body)


def _header_faults(status: int, headers: Mapping[str, str]) -> Iterator[str]:
    request_id = headers.get("twilio-request-id", "")
    if not _REQUEST_ID.fullmatch(request_id):
        yield f"header Twilio-Request-Id: is {request_id!r}, expected RQ and 32 hex digits"
    if not headers.get("twilio-concurrent-requests", "").isdigit():
        yield "header Twilio-Concurrent-Requests: a number was expected"
    if status == 401 and not headers.get("www-authenticate", "").startswith("Basic "):
        yield "header WWW-Authenticate: a Basic challenge was expected with 401"
    if status == 429 and not headers.get("retry-after", "").isdigit():
        yield "header Retry-After: whole seconds were expected with 429"


def _success_faults(
    source: Document, operation: Operation, status: int, headers: Mapping[str, str], body: bytes
) -> Iterator[str]:
    if status not in operation.statuses:
        yield f": {operation.template} may answer {operation.statuses}"
        return
    content = operation.content(status)
    if not content:
        if body:
            yield f": no body was expected with {status}"
        return
    if "application/json" not in content:
        return
    value, fault = _json(headers, body)
    if fault:
        yield fault
        return
    broken = [_described(error) for error in source.validator(operation, status).iter_errors(value)]
    yield from broken
    if not broken and is_page(content["application/json"]["schema"]):
        yield from page_faults(value)


def _described(error: Any) -> str:
    pointer = "".join(f"/{part}" for part in error.instance_path)
    return f"{pointer}: {error.message}"


def error_faults(status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    """Yield the faults of an error response. Header names are in lower case."""
    value, fault = _json(headers, body)
    if fault:
        yield fault
        return
    if not isinstance(value, dict) or not ERROR_KEYS <= value.keys() <= ERROR_KEYS | ERROR_OPTIONS:
        names = sorted(value) if isinstance(value, dict) else value
        yield f": an error has {sorted(ERROR_KEYS)} and perhaps {sorted(ERROR_OPTIONS)}, but not {names}"
        return
    yield from _error_value_faults(status, value)


def _error_value_faults(status: int, value: Json) -> Iterator[str]:
    code, link = value["code"], value["more_info"]
    if type(code) is not int:
        yield f"/code: is {code!r}, expected an integer"
    if value["status"] != status or type(value["status"]) is not int:
        yield f"/status: is {value['status']!r}, expected the HTTP status {status}"
    if not isinstance(value["message"], str) or not value["message"]:
        yield f"/message: is {value['message']!r}, expected a text"
    if not isinstance(link, str) or not is_absolute_url(link) or not link.endswith(f"/{code}"):
        yield f"/more_info: is {link!r}, expected an absolute URL that ends with /{code}"
    if not isinstance(value.get("detail", ""), str):
        yield f"/detail: is {value['detail']!r}, expected a text"
    if not isinstance(value.get("details", {}), dict):
        yield f"/details: is {value['details']!r}, expected an object"


def _json(headers: Mapping[str, str], body: bytes) -> tuple[Any, str]:
    """Return the value of a JSON body, or its fault."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return None, f"header Content-Type: is {kind!r}, expected application/json"
    try:
        return json.loads(body, object_pairs_hook=_unique, parse_constant=_refuse), ""
    except ValueError as error:
        return None, f": the body is not JSON: {error}"


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError(f"a key stands twice among {names}")
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
