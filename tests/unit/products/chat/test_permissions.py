"""The catalogue of permissions and the roles that every Service starts with."""

from __future__ import annotations

import pytest

from trunkline.products.chat.permissions import DEFAULT_ROLES, PERMISSIONS, DefaultRole, RoleType


def test_the_catalogue_is_the_documented_one() -> None:
    both = PERMISSIONS[RoleType.CHANNEL] & PERMISSIONS[RoleType.DEPLOYMENT]
    assert PERMISSIONS[RoleType.DEPLOYMENT] - both == {"createChannel", "joinChannel"}
    assert PERMISSIONS[RoleType.CHANNEL] - both == {
        "leaveChannel",
        "sendMessage",
        "sendMediaMessage",
        "deleteOwnMessage",
        "editOwnMemberAttributes",
        "editNotificationLevel",
    }
    assert len(both) == 14


@pytest.mark.parametrize("role", DEFAULT_ROLES, ids=lambda role: role.friendly_name)
def test_a_default_role_holds_permissions_of_its_type_once(role: DefaultRole) -> None:
    assert PERMISSIONS[role.type].issuperset(role.permissions)
    assert len(set(role.permissions)) == len(role.permissions)


def test_each_default_points_at_a_role_of_its_type() -> None:
    assert {role.column: (role.friendly_name, role.type) for role in DEFAULT_ROLES if role.column} == {
        "default_service_role_sid": ("service user", RoleType.DEPLOYMENT),
        "default_channel_role_sid": ("channel user", RoleType.CHANNEL),
        "default_channel_creator_role_sid": ("channel admin", RoleType.CHANNEL),
    }
