"""The vendor's operations that are fuzzed, and how Schemathesis makes requests of them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from api.conftest import ACCOUNT_SID
from api.messaging.stock import US as NUMBER
from contract.documents import document
from trunkline.api.paging import Cursor, encode

Json = dict[str, Any]

_SERVICES = r"/v\d/Services(/\{Sid\})?"
_ROLES = r"/v\d/Services(/\{Sid\}|/\{ServiceSid\}/Roles(/\{Sid\})?)?"
_SENDERS = r"/v1/Services/\{ServiceSid\}/(Destination)?AlphaSenders(/\{Sid\})?"
_REGISTRATIONS = (
    r"/v1/(a2p/BrandRegistrations(/.*)?|Tollfree/Verifications"
    r"|Services/\{\w+\}/Compliance/Usa2p(/Usecases)?)"
)
_MESSAGES = r"/Messages(/\{Sid\}|/\{MessageSid\}/(Media|Feedback))?"

SERVED: dict[tuple[str, str], str] = {
    ("sync", "v1"): r"/v1/.*",
    ("notify", "v1"): _SERVICES,
    ("messaging", "v1"): rf"{_SERVICES}|/v1/Services/Usecases|{_SENDERS}|{_REGISTRATIONS}",
    ("chat", "v1"): _ROLES,
    ("chat", "v2"): _ROLES,
    ("ip-messaging", "v1"): _ROLES,
    ("ip-messaging", "v2"): _ROLES,
    ("api", "2010-04-01"): (
        r"/2010-04-01/Accounts(/\{Sid\}|/\{AccountSid\}/(Keys|SigningKeys)(/\{Sid\})?"
        rf"|/\{{AccountSid\}}{_MESSAGES})?\.json"
    ),
    ("iam", "v1"): r"/v1/Keys(/\{Sid\})?",
    ("accounts", "v1"): r"/v1/AuthTokens/.*",
}
"""The paths of each document that the requests go to."""

_OBJECT_TEXT = "text of a JSON object"
_ADDRESS = "URL whose host is an address"
_ACCOUNTS = {"type": "string", "enum": [ACCOUNT_SID, "AC" + "9" * 32]}
_VERSIONS = {"type": "string", "enum": ["2", "3", "4"]}
_METHODS = {"type": "string", "enum": ["GET", "POST", "get"]}
_SECONDS = {"type": "integer", "minimum": 0, "maximum": 31_536_000}
_URL = {"type": "string", "format": _ADDRESS}

NARROWED: dict[str, Json] = {
    "AccountSid": _ACCOUNTS,
    "Data": {"type": "string", "format": _OBJECT_TEXT},
    "Policy": {"type": "string", "format": _OBJECT_TEXT},
    "KeyType": {"type": "string", "enum": ["standard", "restricted"]},
    "Usecase": {"type": "string", "enum": ["notifications", "marketing", "undeclared"]},
    "Ttl": _SECONDS,
    "ItemTtl": _SECONDS,
    "CollectionTtl": _SECONDS,
    "If-Match": {"type": "string", "enum": ["0", "1", "*"]},
    "PageToken": {
        "type": "string",
        "enum": [encode(Cursor((0, ""))), encode(Cursor((2**52, ""), backward=True))],
    },
    "Permission": {"type": "array", "items": {"enum": ["sendMessage", "sendMediaMessage", "leaveChannel"]}},
    "Type": {"type": "string", "enum": ["channel"]},
    "FriendlyName": {"type": "string", "minLength": 1},
    "WebhookFilters": {"type": "array", "items": {"enum": ["onMessageSend", "onMessageSent", "onUserAdded"]}},
    "DeliveryCallbackUrl": _URL,
    "To": {"type": "string", "enum": ["+15005550100", "+14155550199"]},
    "From": {"type": "string", "enum": [NUMBER]},
    "Body": {"type": "string", "enum": ["Hello", "“Hi” 🙂", "x" * 1600, ""]},
    "AlphaSender": {"type": "string", "enum": ["Acme", "Owl 1", "Hat & Shoe", "1234", "x" * 12]},
    "IsoCountryCode": {"type": "string", "enum": ["FR", "DE", "US", "xx"]},
}
"""Limits of values that the documents leave open, so that a good share of the requests passes the first
check.
"""


def _objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.text(), values, max_size=4)


_NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text(), lambda inner: st.lists(inner) | _objects(inner)
)


schemathesis.openapi.format(
    _OBJECT_TEXT, st.builds(json.dumps, _objects(_VALUES), ensure_ascii=st.booleans())
)
# A name would be looked up when a webhook goes out, and these tests stay on this machine.
schemathesis.openapi.format(
    _ADDRESS,
    st.builds(
        "{}://{}/{}".format,
        st.sampled_from(["http", "https"]),
        st.sampled_from(["127.0.0.1:9", "[::1]:9", "10.0.0.1"]),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
    ),
)


_PARTS = 16
_MESSAGE = {"To", "From", "Body"}
"""The document requires a recipient only; with these it is a message."""


class FuzzedOperation:
    """One operation of a document, and the requests that Schemathesis makes for it."""

    def __init__(self, operation: Any, product: str) -> None:
        self.product = product
        self.method: str = operation.method.upper()
        self.template: str = operation.path
        good: st.SearchStrategy[Case] = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        bad: st.SearchStrategy[Case] = st.nothing()
        if operation.body or operation.query or operation.path_parameters:
            bad = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        required = {name for body in operation.body for name in body.optimized_schema.get("required", ())}
        few = st.builds(_thinned, good, st.just(required), st.sets(st.integers(0, _PARTS - 1), max_size=2))
        self.cases: st.SearchStrategy[Case] = few | good | bad
        """Valid requests with few fields and with many, and invalid ones."""

    @property
    def label(self) -> str:
        """Such as ``POST /sync/v1/Services``."""
        return f"{self.method} /{self.product}{self.template}"


def operations(product: str, version: str) -> Iterator[FuzzedOperation]:
    """Yield the fuzzed operations of one of the ``SERVED`` documents."""
    source = copy.deepcopy(document(product, version).source)
    source["servers"] = [{"url": f"http://127.0.0.1:8080/{product}"}]
    source.pop("security", None)
    source["components"].pop("securitySchemes", None)
    pattern = re.compile(SERVED[product, version])
    source["paths"] = {path: item for path, item in source["paths"].items() if pattern.fullmatch(path)}
    for item in source["paths"].values():
        item.pop("servers", None)
        for method in item.keys() & {"get", "post", "delete"}:
            _adapt(item[method])
    for found in schemathesis.openapi.from_dict(source).get_all_operations():
        yield FuzzedOperation(found.ok(), product)


def _thinned(case: Case, required: set[str], kept: set[int]) -> Case:
    """Return the request with a part of its optional fields, so that one refused field does not hide all
    others.
    """
    for place in ("body", "query", "headers"):
        fields = getattr(case, place)
        if isinstance(fields, Mapping):
            names = [
                name for part, name in enumerate(sorted(fields)) if part % _PARTS in kept or name in required
            ]
            setattr(case, place, {name: fields[name] for name in names})
    return case


def _adapt(operation: Json) -> None:
    """Narrow what is open; the answers are for the contract's own checks, and their samples are no requests."""
    operation.pop("security", None)
    operation["responses"] = {"default": {"description": "any"}}
    operation["parameters"] = [one for one in operation.get("parameters", []) if "$ref" not in one]
    for parameter in operation["parameters"]:
        parameter["schema"] = _narrowed(parameter["name"], parameter["schema"])
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content.pop("examples", None)
        properties = content["schema"].get("properties", {})
        if properties.keys() >= _MESSAGE:
            content["schema"]["required"] = sorted(_MESSAGE)
        properties.update({name: _narrowed(name, schema) for name, schema in properties.items()})


def _narrowed(name: str, schema: Json) -> Json:
    if name in NARROWED:
        return NARROWED[name]
    if name.endswith("ProtocolVersion"):
        return _VERSIONS
    match schema.get("format"):
        case "uri":
            return _URL
        case "http-method":
            return _METHODS
    return schema
