"""The events that Chat can call webhooks for, and how clients name them.

Filters name events as ``onMessageSend`` (seen); ``on_message_send`` means the same (inferred).
"""

from __future__ import annotations

import enum
import re

from trunkline.api.errors import ApiError
from trunkline.api.params import Parser


class ChatEvent(enum.StrEnum):
    """Every event (doc). Those in the present tense come before their change and can stop it."""

    MESSAGE_SEND = "onMessageSend"
    MESSAGE_SENT = "onMessageSent"
    MEDIA_MESSAGE_SEND = "onMediaMessageSend"
    MEDIA_MESSAGE_SENT = "onMediaMessageSent"
    MESSAGE_UPDATE = "onMessageUpdate"
    MESSAGE_UPDATED = "onMessageUpdated"
    MESSAGE_REMOVE = "onMessageRemove"
    MESSAGE_REMOVED = "onMessageRemoved"
    CHANNEL_ADD = "onChannelAdd"
    CHANNEL_ADDED = "onChannelAdded"
    CHANNEL_UPDATE = "onChannelUpdate"
    CHANNEL_UPDATED = "onChannelUpdated"
    CHANNEL_DESTROY = "onChannelDestroy"
    CHANNEL_DESTROYED = "onChannelDestroyed"
    MEMBER_ADD = "onMemberAdd"
    MEMBER_ADDED = "onMemberAdded"
    MEMBER_UPDATE = "onMemberUpdate"
    MEMBER_UPDATED = "onMemberUpdated"
    MEMBER_REMOVE = "onMemberRemove"
    MEMBER_REMOVED = "onMemberRemoved"
    USER_ADDED = "onUserAdded"
    USER_UPDATE = "onUserUpdate"
    USER_UPDATED = "onUserUpdated"

    @property
    def key(self) -> str:
        """The name as a JSON key, such as ``on_message_send``."""
        return _CAPITAL.sub(r"_\g<0>", self.value).lower()


_CAPITAL = re.compile("[A-Z]")

_BY_FILTER_ONLY = {
    ChatEvent.MEDIA_MESSAGE_SEND,
    ChatEvent.MEDIA_MESSAGE_SENT,
    ChatEvent.MEMBER_UPDATE,
    ChatEvent.MEMBER_UPDATED,
    ChatEvent.USER_ADDED,
    ChatEvent.USER_UPDATE,
    ChatEvent.USER_UPDATED,
}

WITH_OWN_URL = tuple(event for event in ChatEvent if event not in _BY_FILTER_ONLY)
"""The events that version 1 can give a URL of their own (seed)."""

_NAMES = {name: event.value for event in ChatEvent for name in (event.value, event.key)}


def event_filter() -> Parser:
    """Return the parser of an event's name, which returns ``onMessageSend``; another name is 50054 (inferred)."""

    def parse(_: str, value: str) -> str:
        found = _NAMES.get(value)
        if found is None:
            raise ApiError(50054)
        return found

    return Parser(parse)
