"""The vendor's OpenAPI 3.0 schemas as JSON Schema, stricter where the SDKs are.

Every property that a schema names must be present, because old SDKs index each documented key (client).
Properties that the documents call nullable stay so, except for the names in `deviations.NEVER_NULL`. Dates
and URLs must have the exact form that the SDKs read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs

from contract.deviations import ALSO_REQUIRED, EMPTY_WHEN_UNSET, MAY_BE_NULL, NEVER_NULL, OPTIONAL

Json = dict[str, Any]

ISO_DATE = "date as 2015-07-30T20:00:00Z"
RFC_DATE = "date as Thu, 30 Jul 2015 20:00:00 +0000"
PLAIN_DATE = "date as 2015-07-30"
ABSOLUTE_URL = "absolute http or https URL"
RELATIVE_URI = "URI that begins with /2010-04-01/"

_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_RFC = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000")
_PLAIN = re.compile(r"\d{4}-\d\d-\d\d")
_KEPT = ("type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems")


def _is_iso_date(text: str) -> bool:
    return bool(_ISO.fullmatch(text)) and _parses(datetime.fromisoformat, text)


def _is_rfc_date(text: str) -> bool:
    if not _RFC.fullmatch(text) or not _parses(parsedate_to_datetime, text):
        return False
    return parsedate_to_datetime(text).strftime("%a") == text[:3]


def _is_plain_date(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and _parses(datetime.fromisoformat, text)


def _parses(parse: Callable[[str], datetime], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def is_absolute_url(text: str) -> bool:
    """Return whether both SDKs can follow this text as it stands."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in text


def _is_relative_uri(text: str) -> bool:
    return text.startswith("/2010-04-01/") and " " not in text


FORMATS: dict[str, Callable[[str], bool]] = {
    ISO_DATE: _is_iso_date,
    RFC_DATE: _is_rfc_date,
    PLAIN_DATE: _is_plain_date,
    ABSOLUTE_URL: is_absolute_url,
    RELATIVE_URI: _is_relative_uri,
}


@dataclass(frozen=True)
class Links:
    """The names in a schema's ``links``, as the vendor's samples show them."""

    always: frozenset[str]
    sometimes_null: frozenset[str]


@dataclass(frozen=True)
class Place:
    """The position of the conversion: the schema and the place in it."""

    schema: str
    path: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    def down(self, name: str) -> Place:
        return Place(self.schema, f"{self.path}.{name}" if self.path else name)


class Converter:
    """The conversion of the schemas of one document."""

    def __init__(self, source: Json, product: str) -> None:
        self._schemas: Json = source["components"]["schemas"]
        self._is_2010 = product == "api"
        self._links = _links_of_samples(source, self._schemas)

    def validator(self, schema: Json) -> jsonschema_rs.Draft202012Validator:
        """Return a validator of a response with this schema of the document."""
        converted = self.convert(schema, Place(""))
        return jsonschema_rs.Draft202012Validator(converted, formats=FORMATS, validate_formats=True)

    def convert(self, schema: Json, place: Place) -> Json:
        """Return the JSON Schema of an OpenAPI schema, its references written out."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            inner = self.convert(self._schemas[name], place if "enum" in self._schemas[name] else Place(name))
            return _or_null(inner) if self._null_allowed(schema, place) else inner
        result: Json = {key: schema[key] for key in _KEPT if key in schema}
        result.update(self._format(schema, place))
        result.update(self._properties(schema, place))
        if "items" in schema:
            result["items"] = self.convert(schema["items"], place)
        # Variants of the documents overlap, so one fitting is enough.
        variants = schema.get("oneOf", []) + schema.get("anyOf", [])
        if variants:
            result["anyOf"] = [self.convert(part, place) for part in variants]
        if place.schema in EMPTY_WHEN_UNSET and result.keys() & {"format", "pattern"}:
            result = {"anyOf": [result, {"const": ""}]}
        if self._null_allowed(schema, place):
            return _or_null(result) if result else {}
        return result

    def _null_allowed(self, schema: Json, place: Place) -> bool:
        if (place.schema, place.path) in MAY_BE_NULL:
            return True
        return bool(schema.get("nullable")) and place.path not in NEVER_NULL

    def _properties(self, schema: Json, place: Place) -> Json:
        if "properties" not in schema:
            return {}
        properties = {
            name: self.convert(part, place.down(name)) for name, part in schema["properties"].items()
        }
        required = [name for name in properties if (place.schema, place.down(name).path) not in OPTIONAL]
        required += _also_required(place)
        return {"properties": properties, "required": required}

    def _format(self, schema: Json, place: Place) -> Json:
        match schema.get("format"):
            case "date-time" if not self._is_2010:
                return {"format": ISO_DATE}
            case "date-time" | "date-time-rfc-2822":
                return {"format": RFC_DATE}
            case "date":
                return {"format": PLAIN_DATE}
            case "uri":
                return {"format": self._url_format(place.name)}
            case "uri-map":
                return self._uri_map(place)
            case None if self._is_2010 and place.name == "uri":
                return {"format": RELATIVE_URI}
            case _:
                return {}

    def _url_format(self, name: str) -> str:
        return RELATIVE_URI if self._is_2010 and (name == "uri" or name.endswith("_uri")) else ABSOLUTE_URL

    def _uri_map(self, place: Place) -> Json:
        url: Json = {"type": "string", "format": RELATIVE_URI if self._is_2010 else ABSOLUTE_URL}
        links = self._links.get(place.schema) if place.path == "links" else None
        if links is None:
            return {"additionalProperties": url}
        nullable = {name: _or_null(url) for name in links.sometimes_null}
        required = sorted(links.always | set(_also_required(place)))
        return {"additionalProperties": url, "properties": nullable, "required": required}


def _also_required(place: Place) -> list[str]:
    return [
        path.rpartition(".")[2]
        for schema, path in ALSO_REQUIRED
        if schema == place.schema and path.rpartition(".")[0] == place.path
    ]


def _or_null(schema: Json) -> Json:
    """Return the schema and null besides; a plain one stays flat, so that a fault names the rule that it
    breaks.
    """
    if not isinstance(schema.get("type"), str) or "anyOf" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **enum}


def _links_of_samples(source: Json, schemas: Json) -> dict[str, Links]:
    found: dict[str, Links] = {}
    for schema, value in samples(source):
        for name, links in _sampled_links(schema, value, schemas, ""):
            nulls = frozenset(key for key, url in links.items() if url is None)
            known = found.get(name, Links(frozenset(links), nulls))
            found[name] = Links(known.always & links.keys(), known.sometimes_null | nulls)
    return found


def samples(source: Json) -> Iterator[tuple[Json, Any]]:
    """Yield each JSON response that a document shows: its schema and its value."""
    for item in source["paths"].values():
        for operation in item.values():
            if not isinstance(operation, dict):
                continue
            for response in operation.get("responses", {}).values():
                content = response.get("content", {}).get("application/json", {})
                for sample in content.get("examples", {}).values():
                    yield content["schema"], sample["value"]


def _sampled_links(schema: Json, value: Any, schemas: Json, name: str) -> Iterator[tuple[str, Json]]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = schemas[name]
    if isinstance(value, list):
        for row in value:
            yield from _sampled_links(schema.get("items", {}), row, schemas, name)
    elif isinstance(value, dict):
        for key, part in schema.get("properties", {}).items():
            if key == "links" and isinstance(value.get(key), dict):
                yield name, value[key]
            else:
                yield from _sampled_links(part, value.get(key), schemas, name)
