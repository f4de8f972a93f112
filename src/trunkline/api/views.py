"""What the JSON types of an answer are and how they are written.

Product APIs write dates as ``2015-07-30T20:00:00Z``, the 2010 API and iam Keys as ``Thu, 30 Jul 2015 20:00:00
+0000``: the SDKs parse exactly these forms and no fraction of a second (client).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

import msgspec

from trunkline.core.clock import SECOND

Json = dict[str, Any]
"""A JSON object, its keys in the order in which the vendor's samples show them."""


class Urls(msgspec.Struct, frozen=True):
    """Where the client reached us: the absolute URLs of an answer lead back the same way.

    ``base`` is scheme, host as received and path prefix if one was used, such as ``https://sync.twilio.com`` or
    ``http://127.0.0.1:8080/sync``; ``version`` is the first path segment of the product's own paths.
    """

    base: str
    version: str

    def to(self, *segments: str) -> str:
        """The absolute URL of a resource, by its path segments below the version."""
        return "/".join((self.base, self.version, *segments))

    def links(self, root: tuple[str, ...], names: dict[str, str]) -> dict[str, str]:
        """A ``links`` object: each key with the URL of the resource that stands below ``root``."""
        start = self.to(*root)
        return {key: f"{start}/{path}" for key, path in names.items()}


View = Callable[[Any, Urls], Json]


@lru_cache(maxsize=4096)
def _iso(second: int) -> str:
    return datetime.datetime.fromtimestamp(second, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso(microseconds: int) -> str:
    """A date as the product APIs write it."""
    return _iso(microseconds // SECOND)


@lru_cache(maxsize=4096)
def _rfc2822(second: int) -> str:
    return format_datetime(datetime.datetime.fromtimestamp(second, datetime.UTC))


def rfc2822(microseconds: int) -> str:
    """A date as the 2010 API and iam Keys write it."""
    return _rfc2822(microseconds // SECOND)
