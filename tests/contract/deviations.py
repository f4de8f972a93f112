"""Exceptions from the vendor's OpenAPI documents, which are not the whole contract, each with its reason.

Schema names are those of the documents' ``components/schemas``; a dot leads into an object.
"""

from __future__ import annotations

from typing import Any

_PHONE_NUMBERS = (
    "api.v2010.account.incoming_phone_number",
    "api.v2010.account.incoming_phone_number.incoming_phone_number_local",
    "api.v2010.account.incoming_phone_number.incoming_phone_number_mobile",
    "api.v2010.account.incoming_phone_number.incoming_phone_number_toll_free",
)

OPTIONAL: dict[tuple[str, str], str] = {
    (schema, "capabilities.fax"): "the vendor's samples differ in it, and fax has been ended"
    for schema in _PHONE_NUMBERS
}
"""Documented properties that an answer may leave out."""

EMPTY_WHEN_UNSET: dict[str, str] = dict.fromkeys(
    _PHONE_NUMBERS, "an unset URL or SID is an empty string in the vendor's samples"
)
"""Schemas in which a URL or SID may be an empty string."""

MAY_BE_NULL: dict[tuple[str, str], str] = {
    ("monitor.v1.alert", "service_sid"): "an alert need not belong to a Service",
    ("monitor.v1.alert-instance", "service_sid"): "an alert need not belong to a Service",
    ("messaging.v1.brand_registrations", "identity_status"): "null in a sample: not known while pending",
}
"""Properties that may be null although the document or `NEVER_NULL` excludes it."""

NEVER_NULL = frozenset(
    {"sid", "account_sid", "service_sid", "date_created", "date_updated", "url", "uri", "links"}
)
"""The documents call nearly everything nullable; these are null in none of their samples."""

ALSO_REQUIRED: dict[tuple[str, str], str] = {
    ("notify.v1.service", "type"): "in every sample of the seed, missing in the document",
    ("notify.v1.service", "links.bindings"): "seed",
    ("notify.v1.service", "links.notifications"): "seed",
    ("notify.v1.service", "links.segments"): "seed",
    ("notify.v1.service", "links.users"): "seed",
}
"""Keys that the seed shows and the document does not."""

Json = dict[str, Any]


def _sid(prefix: str) -> Json:
    return {"type": "string", "pattern": f"^{prefix}[0-9a-fA-F]{{32}}$"}


_DATE: Json = {"type": "string", "format": "date-time"}
_URL: Json = {"type": "string", "format": "uri"}
_TEXT: Json = {"type": "string"}
_STRINGS: Json = {"type": "array", "items": {"type": "string"}}
_OWNER: Json = {"account_sid": _sid("AC"), "service_sid": _sid("IS")}
_DATES: Json = {"date_created": _DATE, "date_updated": _DATE}


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties}


_USER = _object(
    {
        "sid": _sid("NU"),
        **_OWNER,
        "identity": _TEXT,
        **_DATES,
        "segments": _STRINGS,
        "url": _URL,
        "links": _object({"bindings": _URL, "segment_memberships": _URL}),
    }
)
_MEMBERSHIP = _object({**_OWNER, "identity": _TEXT, "segment": _TEXT, "url": _URL})
_SEGMENT = _object({"sid": _sid("GS"), **_OWNER, "unique_name": _TEXT, **_DATES})
_BINDING: Json = {"$ref": "#/components/schemas/notify.v1.service.binding"}


def _page(key: str, row: Json) -> Json:
    meta = {name: {"type": "integer"} for name in ("page", "page_size")}
    urls = dict.fromkeys(("first_page_url", "url"), _URL)
    turns = {name: {**_URL, "nullable": True} for name in ("previous_page_url", "next_page_url")}
    return _object(
        {key: {"type": "array", "items": row}, "meta": _object({**meta, **urls, **turns, "key": _TEXT})}
    )


def _responses(status: int, schema: Json | None) -> Json:
    content = {} if schema is None else {"content": {"application/json": {"schema": schema}}}
    return {"responses": {str(status): content}}


_NOTIFY_USER = "/v1/Services/{ServiceSid}/Users/{Identity}"

SUPPLEMENT: dict[tuple[str, str], Json] = {
    ("notify", "v1"): {
        "/v1/Services/{ServiceSid}/Users": {
            "post": _responses(201, _USER),
            "get": _responses(200, _page("users", _USER)),
        },
        _NOTIFY_USER: {"get": _responses(200, _USER), "delete": _responses(204, None)},
        f"{_NOTIFY_USER}/Bindings": {
            "post": _responses(201, _BINDING),
            "get": _responses(200, _page("bindings", _BINDING)),
        },
        f"{_NOTIFY_USER}/Bindings/{{Sid}}": {
            "get": _responses(200, _BINDING),
            "delete": _responses(204, None),
        },
        f"{_NOTIFY_USER}/SegmentMemberships": {"post": _responses(201, _MEMBERSHIP)},
        f"{_NOTIFY_USER}/SegmentMemberships/{{Segment}}": {
            "get": _responses(200, _MEMBERSHIP),
            "delete": _responses(204, None),
        },
        "/v1/Services/{ServiceSid}/Segments": {"get": _responses(200, _page("segments", _SEGMENT))},
    },
    ("api", "2010-04-01"): {
        "/2010-04-01/Accounts/{AccountSid}/Messages/{MessageSid}/Media/{Sid}": {
            "get": {"responses": {"200": {"content": {"*/*": {}}}, "307": {}}},
        },
    },
}
"""Operations that the documents no longer name.

Notify Users, user Bindings, memberships and Segments: the seed links to them, and the older SDKs call and
index them as written here (client). Media without ``.json`` is the file itself (doc).
"""
