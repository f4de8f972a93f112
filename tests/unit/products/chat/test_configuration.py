"""Nested objects of a Service, changed leaf by leaf."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.products.chat.configuration import OBJECTS, merged, wire_name

EMPTY = dict.fromkeys(OBJECTS, "{}")


@pytest.mark.parametrize(
    ("stored", "changes", "columns"),
    [
        ({}, {"friendly_name": "x"}, {"friendly_name": "x"}),
        ({}, {"limits__user_channels": 3}, {"limits": '{"user_channels":3}'}),
        (
            {"limits": '{"channel_members":1,"user_channels":2}'},
            {"limits__user_channels": 3},
            {"limits": '{"channel_members":1,"user_channels":3}'},
        ),
        (
            {"webhooks": '{"on_x":{"url":"u"}}'},
            {"webhooks__on_x__method": "GET", "webhooks__on_y__url": "v"},
            {"webhooks": '{"on_x":{"url":"u","method":"GET"},"on_y":{"url":"v"}}'},
        ),
        (
            {"webhooks": '{"on_x":{"url":"u","method":"GET"}}'},
            {"webhooks__on_x__url": None},
            {"webhooks": '{"on_x":{"method":"GET"}}'},
        ),
        (
            {"webhooks": '{"on_x":{"url":"u"},"on_y":{"url":"v"}}'},
            {"webhooks__on_x__url": None},
            {"webhooks": '{"on_y":{"url":"v"}}'},
        ),
        ({}, {"notifications__new_message__sound": None}, {"notifications": "{}"}),
        (
            {"notifications": '{"log_enabled":true}'},
            {"notifications__log_enabled": False},
            {"notifications": '{"log_enabled":false}'},
        ),
    ],
)
def test_leaves_are_merged(stored: dict[str, str], changes: dict[str, Any], columns: dict[str, Any]) -> None:
    assert merged({**EMPTY, **stored}, changes) == columns


def test_fields_have_dotted_names() -> None:
    assert wire_name("friendly_name") == "FriendlyName"
    assert wire_name("notifications__new_message__badge_count_enabled") == (
        "Notifications.NewMessage.BadgeCountEnabled"
    )
