"""The configuration of a Service: its parameters, and the nested objects whose leaves are dotted parameters.

A field ``limits__channel_members`` is the parameter ``Limits.ChannelMembers`` and the leaf ``channel_members`` of
the object ``limits``. An update touches the leaves that it names and no other.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.params import (
    Parser,
    boolean,
    choice,
    http_method,
    integer,
    many,
    named,
    pascal_case,
    text,
    url,
)
from trunkline.api.views import Json
from trunkline.core.sids import is_sid
from trunkline.products.chat.webhook_events import WITH_OWN_URL, event_filter

OBJECTS = ("limits", "notifications", "webhooks", "media")
"""The nested objects; each is stored as JSON text of the leaves that are set."""

PUSH_TYPES = ("new_message", "added_to_channel", "invited_to_channel", "removed_from_channel")

NAME_LENGTH_V1 = 64
"""Characters (seed)."""
NAME_LENGTH_V2 = 256
"""Characters (spec, seen)."""
TEMPLATE_LENGTH = 1024
"""Characters (inferred: the vendor names no figure; a push shows 178 of them)."""
SOUND_LENGTH = 256
"""Characters (inferred: the vendor names no figure)."""
MESSAGE_LENGTH = 32 * 1024
"""Characters of the compatibility message: as long as the body that it stands in for (inferred)."""
MAX_SECONDS = 2**31 - 1
"""The largest interval: what SDKs hold in an integer (inferred)."""
MAX_LIMIT = 1000
"""Members of a channel, and channels of a user (seed)."""
MAX_RETRIES = 3
"""The range of a channel webhook's retry count (doc) holds for Services too (inferred)."""
FORMAT_LENGTH = 64
"""Characters (inferred: what a webhook's format means is not documented; it is echoed)."""


class ChatLimits(msgspec.Struct, frozen=True):
    """The limits of a Service: members of a channel, channels of a user."""

    channel_members: int
    user_channels: int


DOCUMENTED_LIMITS = ChatLimits(channel_members=250, user_channels=100)
"""The text of the seed."""
SEEN_LIMITS = ChatLimits(channel_members=100, user_channels=250)
"""The limits in responses of the real service, and in the samples of the seed."""

FRESH_MEDIA = '{"compatibility_message":"Media messages are not supported by your client"}'
"""The message that a new Service was seen to have."""


def service_name(high: int) -> Parser:
    """Return the parser of a Service's name of 1 to ``high`` characters: 50000 when empty, 50003 when longer (doc)."""

    def parse(_: str, value: str) -> str:
        if not value:
            raise ApiError(50000)
        if len(value) > high:
            raise ApiError(50003)
        return value

    return Parser(parse)


def _role(code: int) -> Parser:
    """Return the parser of the SID of a role, 50103 when empty: a Service always has its default roles (inferred)."""

    def parse(_: str, value: str) -> str:
        if not value:
            raise ApiError(50103)
        if not is_sid(value, "RL"):
            raise ApiError(code)
        return value

    return Parser(parse)


def _scalars(name_length: int) -> dict[str, Parser]:
    """Return the parameters of both versions apart from notifications. An empty ``WebhookMethod`` is the default
    again."""
    return {
        "friendly_name": service_name(name_length),
        "default_service_role_sid": _role(50100),
        "default_channel_role_sid": _role(50101),
        "default_channel_creator_role_sid": _role(50101),
        "read_status_enabled": boolean(),
        "reachability_enabled": boolean(),
        "typing_indicator_timeout": integer(1, MAX_SECONDS, code=50053),
        "consumption_report_interval": integer(1, MAX_SECONDS, code=50052),
        "pre_webhook_url": url(code=50054),
        "post_webhook_url": url(code=50054),
        # The seed lists six methods as possible but says "POST or GET"; so does the OpenAPI document.
        "webhook_method": http_method(50055, clears=True),
        "webhook_filters": many(event_filter()),
        "limits__channel_members": integer(1, MAX_LIMIT, code=50061),
        "limits__user_channels": integer(1, MAX_LIMIT, code=50060),
    }


def _notifications() -> dict[str, Parser]:
    parsers: dict[str, Parser] = {}
    for kind in PUSH_TYPES:
        parsers[f"notifications__{kind}__enabled"] = boolean()
        parsers[f"notifications__{kind}__template"] = text(high=TEMPLATE_LENGTH, code=50058, clears=True)
    return parsers


def _webhooks() -> dict[str, Parser]:
    # Here the seed's list of six methods is all that it says.
    method = choice("HEAD", "GET", "POST", "PATCH", "PUT", "DELETE", code=50055, fold=True, clears=True)
    parsers: dict[str, Parser] = {}
    for event in WITH_OWN_URL:
        parsers[f"webhooks__{event.key}__url"] = url(code=50054)
        parsers[f"webhooks__{event.key}__method"] = method
        parsers[f"webhooks__{event.key}__format"] = text(high=FORMAT_LENGTH, code=50054, clears=True)
    return parsers


def _since_v2() -> dict[str, Parser]:
    sound = text(high=SOUND_LENGTH, code=50059, clears=True)
    return {
        **{f"notifications__{kind}__sound": sound for kind in PUSH_TYPES},
        "notifications__new_message__badge_count_enabled": boolean(),
        "notifications__log_enabled": boolean(),
        "media__compatibility_message": text(high=MESSAGE_LENGTH, clears=True),
        "pre_webhook_retry_count": integer(0, MAX_RETRIES, code=50065),
        "post_webhook_retry_count": integer(0, MAX_RETRIES, code=50065),
    }


def _input(name: str, parsers: dict[str, Parser]) -> type[msgspec.Struct]:
    """Return an input whose fields may all be absent."""
    fields = [
        (field, Annotated[Any, parser, named(wire_name(field))], UNSET) for field, parser in parsers.items()
    ]
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True, module=__name__)


def wire_name(field: str) -> str:
    """Return the parameter of a field: ``Limits.ChannelMembers`` of ``limits__channel_members``."""
    return ".".join(pascal_case(part) for part in field.split("__"))


UpdateV1 = _input("UpdateV1", _scalars(NAME_LENGTH_V1) | _notifications() | _webhooks())
"""The parameters of an update in version 1."""
UpdateV2 = _input("UpdateV2", _scalars(NAME_LENGTH_V2) | _notifications() | _since_v2())
"""The parameters of an update in version 2."""


def merged(stored: dict[str, str], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that ``changes`` (fields and their values) set. ``stored`` is the JSON text of each nested
    object; a leaf that is set to None is removed, and an object with its last leaf."""
    columns: dict[str, Any] = {}
    trees: dict[str, Json] = {}
    for field, value in changes.items():
        column, *path = field.split("__")
        if not path:
            columns[column] = value
            continue
        if column not in trees:
            trees[column] = msgspec.json.decode(stored[column])
        _set(trees[column], path, value)
    return columns | {column: encoded(tree) for column, tree in trees.items()}


def encoded(value: Any) -> str:
    """Return the JSON text of a value."""
    return msgspec.json.encode(value).decode()


def _set(tree: Json, path: list[str], value: Any) -> None:
    first, *rest = path
    if rest:
        _set(tree.setdefault(first, {}), rest, value)
        if not tree[first]:
            del tree[first]
    elif value is None:
        tree.pop(first, None)
    else:
        tree[first] = value
