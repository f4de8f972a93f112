"""Names of webhook events."""

from __future__ import annotations

import pytest

from trunkline.api.errors import ApiError
from trunkline.products.chat.webhook_events import WITH_OWN_URL, ChatEvent, event_filter


def test_an_event_is_found_under_both_its_names() -> None:
    parse = event_filter().parse
    for event in ChatEvent:
        assert parse("WebhookFilters", event.value) == parse("WebhookFilters", event.key) == event.value


def test_keys_are_the_names_in_lower_case() -> None:
    assert ChatEvent.MEDIA_MESSAGE_SENT.key == "on_media_message_sent"
    assert len({event.key for event in ChatEvent}) == len(ChatEvent) == 23


@pytest.mark.parametrize("name", ["", "onMessageSending", "OnMessageSend", "on_messageSend", "MESSAGE_SEND"])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(ApiError) as caught:
        event_filter().parse("WebhookFilters", name)
    assert caught.value.code == 50054


def test_sixteen_events_can_have_a_url_of_their_own() -> None:
    assert len(WITH_OWN_URL) == 16
    assert ChatEvent.USER_ADDED not in WITH_OWN_URL
    assert ChatEvent.MEMBER_UPDATE not in WITH_OWN_URL
