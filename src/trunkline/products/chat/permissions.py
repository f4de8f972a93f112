"""The permissions of roles, and the roles that every Service starts with.

Permissions bind clients that use access tokens, never REST (doc).
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class RoleType(enum.StrEnum):
    """The scope of a role: one channel, or the whole Service."""

    CHANNEL = "channel"
    DEPLOYMENT = "deployment"


_EITHER = {
    "destroyChannel",
    "editChannelName",
    "editChannelAttributes",
    "addMember",
    "inviteMember",
    "removeMember",
    "editOwnMessage",
    "editAnyMessage",
    "editOwnMessageAttributes",
    "editAnyMessageAttributes",
    "deleteAnyMessage",
    "editOwnUserInfo",
    "editAnyUserInfo",
    "editAnyMemberAttributes",
}

PERMISSIONS: dict[str, frozenset[str]] = {
    RoleType.DEPLOYMENT: frozenset(_EITHER | {"createChannel", "joinChannel"}),
    RoleType.CHANNEL: frozenset(
        _EITHER
        | {
            "leaveChannel",
            "sendMessage",
            "sendMediaMessage",
            "deleteOwnMessage",
            "editOwnMemberAttributes",
            "editNotificationLevel",
        }
    ),
}
"""The permissions that a role of each type can hold (doc)."""


class DefaultRole(NamedTuple):
    """A role that every new Service has. ``column`` is the Service's default that points at it, if one does."""

    friendly_name: str
    type: RoleType
    permissions: tuple[str, ...]
    column: str | None = None


DEFAULT_ROLES = (
    DefaultRole(
        "service admin",
        RoleType.DEPLOYMENT,
        (
            "createChannel",
            "joinChannel",
            "destroyChannel",
            "editChannelAttributes",
            "editChannelName",
            "addMember",
            "inviteMember",
            "removeMember",
            "editAnyMemberAttributes",
            "editAnyMessage",
            "deleteAnyMessage",
            "editAnyMessageAttributes",
            "editAnyUserInfo",
        ),
    ),
    DefaultRole(
        "service user",
        RoleType.DEPLOYMENT,
        ("createChannel", "joinChannel", "editOwnUserInfo"),
        "default_service_role_sid",
    ),
    DefaultRole(
        "channel admin",
        RoleType.CHANNEL,
        (
            "sendMessage",
            "sendMediaMessage",
            "leaveChannel",
            "destroyChannel",
            "inviteMember",
            "removeMember",
            "editChannelName",
            "editChannelAttributes",
            "addMember",
            "editAnyMemberAttributes",
            "editAnyMessage",
            "editAnyMessageAttributes",
            "deleteAnyMessage",
            "editNotificationLevel",
        ),
        "default_channel_creator_role_sid",
    ),
    DefaultRole(
        "channel user",
        RoleType.CHANNEL,
        (
            "sendMessage",
            "leaveChannel",
            "editOwnMessage",
            "deleteOwnMessage",
            "sendMediaMessage",
            "editOwnMessageAttributes",
            "editOwnMemberAttributes",
            "editNotificationLevel",
        ),
        "default_channel_role_sid",
    ),
)
"""Names (seen) and sets (doc and seen, in part inferred) of the late version 2."""
