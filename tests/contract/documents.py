"""The vendor's OpenAPI documents: which operations exist, and which answers each of them may give."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs

from contract.deviations import SUPPLEMENT
from contract.node_project import node_modules
from contract.schemas import Converter, Json

FILES: dict[tuple[str, str], str] = {
    ("sync", "v1"): "sync_v1",
    ("notify", "v1"): "notify_v1",
    ("messaging", "v1"): "messaging_v1",
    ("chat", "v1"): "chat_v1",
    ("chat", "v2"): "chat_v2",
    ("chat", "v3"): "chat_v3",
    ("ip-messaging", "v1"): "ip_messaging_v1",
    ("ip-messaging", "v2"): "ip_messaging_v2",
    ("iam", "v1"): "iam_v1",
    ("accounts", "v1"): "accounts_v1",
    ("monitor", "v1"): "monitor_v1",
    ("api", "2010-04-01"): "api_v2010",
}
"""Product and version to the name of the vendor's file."""

FOLDER = Path("@twilio/cli-core/src/services/twilio-api")
METHODS = frozenset({"get", "post", "put", "patch", "delete"})
FREE_KEYS = frozenset({"{Key}", "{Identity}"})
"""Path parameters that may hold a slash, because the SDKs send them unescaped (client)."""

_PARAMETER = re.compile(r"\{[^}]+\}")


@dataclass(frozen=True)
class Operation:
    """One method on one path template."""

    method: str
    template: str
    responses: Json

    @property
    def statuses(self) -> list[int]:
        """The statuses below 400 that the document lists."""
        return sorted(int(status) for status in self.responses if int(status) < 400)

    def content(self, status: int) -> Json:
        """Return the content types of a response with this status, empty when it has no body."""
        content: Json = self.responses[str(status)].get("content", {})
        return content


@dataclass(frozen=True)
class _Route:
    template: str
    strict: re.Pattern[str]
    loose: re.Pattern[str]

    @property
    def rank(self) -> tuple[tuple[bool, ...], int]:
        fixed = tuple("{" not in segment for segment in self.template.split("/"))
        return fixed, len(_PARAMETER.sub("", self.template))


@dataclass
class Document:
    """One OpenAPI document, with the operations that `deviations.SUPPLEMENT` adds to it."""

    product: str
    version: str
    source: Json
    _validators: dict[tuple[str, str, int], jsonschema_rs.Draft202012Validator] = field(default_factory=dict)

    def find(self, method: str, path: str) -> Operation | None:
        """Return the operation that a percent-encoded path without query means; None if there is none."""
        template = self.template(path)
        if template is None:
            return None
        operation = self.source["paths"][template].get(method.lower())
        return None if operation is None else Operation(method.upper(), template, operation["responses"])

    def template(self, path: str) -> str | None:
        """Return the most specific path template that fits, preferring one whose parameters hold no slash."""
        for wanted in (path.rstrip("/"), f"{path.rstrip('/')}.json"):
            for loose in (False, True):
                fits = [r for r in self._routes if (r.loose if loose else r.strict).fullmatch(wanted)]
                if fits:
                    return max(fits, key=lambda route: route.rank).template
            if self.product != "api":
                break
        return None

    def validator(self, operation: Operation, status: int) -> jsonschema_rs.Draft202012Validator:
        """Return the validator of an operation's JSON response."""
        key = (operation.method, operation.template, status)
        if key not in self._validators:
            schema = operation.content(status)["application/json"]["schema"]
            self._validators[key] = self._converter.validator(schema)
        return self._validators[key]

    @functools.cached_property
    def _converter(self) -> Converter:
        return Converter(self.source, self.product)

    @functools.cached_property
    def _routes(self) -> list[_Route]:
        return [_route(template) for template in self.source["paths"]]


def _route(template: str) -> _Route:
    def pattern(loose: bool) -> re.Pattern[str]:
        text = ""
        for part in re.split(r"(\{[^}]+\})", template):
            free = loose and part in FREE_KEYS
            text += (".+" if free else "[^/]+") if _PARAMETER.fullmatch(part) else re.escape(part)
        return re.compile(text)

    return _Route(template, pattern(loose=False), pattern(loose=True))


@functools.cache
def document(product: str, version: str) -> Document:
    """Return one of the `FILES`, read from the installed package. Raise as `node_project.install` does."""
    file = node_modules() / FOLDER / f"twilio_{FILES[product, version]}.json"
    source: dict[str, Any] = json.loads(file.read_text())
    source["paths"] |= SUPPLEMENT.get((product, version), {})
    return Document(product, version, source)


def documents() -> dict[tuple[str, str], Document]:
    """Return every document by product and version. Raise as `node_project.install` does."""
    return {key: document(*key) for key in FILES}
