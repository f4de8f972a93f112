"""A Service of each product as its clients see it: its place, its settings, its values when it is new."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Attributes = dict[str, Any]

PUSHES = ("NewMessage", "AddedToChannel", "InvitedToChannel", "RemovedFromChannel")
EVENTS = tuple(
    f"On{subject}{verb}"
    for subject, verbs in {
        "Message": ("Send", "Sent", "Update", "Updated", "Remove", "Removed"),
        "Channel": ("Add", "Added", "Destroy", "Destroyed", "Update", "Updated"),
        "Member": ("Add", "Added", "Remove", "Removed"),
    }.items()
    for verb in verbs
)


class Outcome(Enum):
    """The effect of an empty value, other than leaving a value of its own."""

    REFUSED = "refused"
    GONE = "gone"
    """The attribute is left out."""


@dataclass(frozen=True)
class Setting:
    """A parameter of the wire with two values to send, and what its attribute is after an empty one was sent."""

    parameter: str
    first: Any
    second: Any
    emptied: Any = Outcome.REFUSED

    @property
    def path(self) -> list[str]:
        """The place of its value in the resource: ``limits`` and ``channel_members`` for
        ``Limits.ChannelMembers``.
        """
        return [re.sub("(?<!^)([A-Z])", r"_\1", part).lower() for part in self.parameter.split(".")]

    @property
    def may_be_empty(self) -> bool:
        """True if an empty value is taken."""
        return self.emptied is not Outcome.REFUSED


@dataclass(frozen=True)
class Kind:
    """A kind of Service. ``chain`` leads to its list in an SDK, ``label`` and ``version`` are those of its URLs.

    ``fresh`` has the attributes of a Service that was made with nothing but a name; ``creates`` is True if
    create takes every setting, or the name only.
    """

    chain: str
    label: str
    version: str
    prefix: str
    fresh: Attributes
    links: Mapping[str, str]
    settings: tuple[Setting, ...]
    creates: bool = True
    unknown_before: frozenset[str] = frozenset()
    """Attributes that the SDK 6.10 does not have."""


def setting_of(attributes: Attributes, setting: Setting, value: Any) -> None:
    """Change ``attributes`` as an update with ``value`` does."""
    *path, last = setting.path
    for name in path:
        attributes = attributes.setdefault(name, {})
    if value is Outcome.GONE:
        del attributes[last]
    else:
        attributes[last] = copy.deepcopy(value)


def _url(parameter: str) -> Setting:
    return Setting(parameter, "https://app.example.com/a?b=c&d=%20", "http://app.example.com:8000/ü", None)


def _flag(parameter: str, first: bool = True) -> Setting:
    return Setting(parameter, first, not first)


SYNC = Kind(
    chain="sync.v1.services",
    label="sync",
    version="v1",
    prefix="IS",
    fresh={
        "unique_name": None,
        "friendly_name": None,
        "webhook_url": None,
        "webhooks_from_rest_enabled": False,
        "reachability_webhooks_enabled": False,
        "acl_enabled": False,
        "reachability_debouncing_enabled": False,
        "reachability_debouncing_window": 5000,
    },
    links={"documents": "Documents", "lists": "Lists", "maps": "Maps", "streams": "Streams"},
    settings=(
        Setting("FriendlyName", "Zoë's états ☂", "b"),
        _url("WebhookUrl"),
        _flag("WebhooksFromRestEnabled"),
        _flag("ReachabilityWebhooksEnabled"),
        _flag("AclEnabled"),
        _flag("ReachabilityDebouncingEnabled"),
        Setting("ReachabilityDebouncingWindow", 1000, 30_000),
    ),
    unknown_before=frozenset(
        (
            "webhooks_from_rest_enabled",
            "reachability_debouncing_enabled",
            "reachability_debouncing_window",
        )
    ),
)

_CREDENTIALS = ("CR" + "0a" * 16, "CR" + "1b" * 16, None)

NOTIFY = Kind(
    chain="notify.v1.services",
    label="notify",
    version="v1",
    prefix="IS",
    fresh={
        "friendly_name": None,
        "apn_credential_sid": None,
        "gcm_credential_sid": None,
        "fcm_credential_sid": None,
        "messaging_service_sid": None,
        "facebook_messenger_page_id": None,
        "alexa_skill_id": None,
        "default_apn_notification_protocol_version": "3",
        "default_gcm_notification_protocol_version": "3",
        "default_fcm_notification_protocol_version": "3",
        "default_alexa_notification_protocol_version": "3",
        "log_enabled": True,
        "delivery_callback_url": None,
        "delivery_callback_enabled": False,
    },
    links={
        "bindings": "Bindings",
        "notifications": "Notifications",
        "segments": "Segments",
        "users": "Users",
    },
    settings=(
        Setting("FriendlyName", "Zoë's news ☂", "b", None),
        Setting("ApnCredentialSid", *_CREDENTIALS),
        Setting("GcmCredentialSid", *_CREDENTIALS),
        Setting("FcmCredentialSid", *_CREDENTIALS),
        Setting("FacebookMessengerPageId", "4", "1234567890", None),
        Setting("AlexaSkillId", "amzn1.ask.skill.1", "amzn1.ask.skill.2", None),
        Setting("DefaultApnNotificationProtocolVersion", "2", "4"),
        Setting("DefaultGcmNotificationProtocolVersion", "2", "3"),
        Setting("DefaultFcmNotificationProtocolVersion", "1", "3"),
        Setting("DefaultAlexaNotificationProtocolVersion", "1", "2"),
        _flag("LogEnabled", False),
        _url("DeliveryCallbackUrl"),
        _flag("DeliveryCallbackEnabled"),
    ),
    unknown_before=frozenset(("delivery_callback_url", "delivery_callback_enabled")),
)

MESSAGING = Kind(
    chain="messaging.v1.services",
    label="messaging",
    version="v1",
    prefix="MG",
    fresh={
        "friendly_name": None,
        "inbound_request_url": None,
        "inbound_method": "POST",
        "fallback_url": None,
        "fallback_method": "POST",
        "status_callback": None,
        "sticky_sender": True,
        "mms_converter": True,
        "smart_encoding": True,
        "scan_message_content": "inherit",
        "fallback_to_long_code": False,
        "area_code_geomatch": True,
        "validity_period": 36_000,
        "synchronous_validation": False,
        "usecase": "undeclared",
        "us_app_to_person_registered": False,
        "use_inbound_webhook_on_number": False,
    },
    links={
        "phone_numbers": "PhoneNumbers",
        "short_codes": "ShortCodes",
        "alpha_senders": "AlphaSenders",
        "messages": "Messages",
        "us_app_to_person": "Compliance/Usa2p",
        "us_app_to_person_usecases": "Compliance/Usa2p/Usecases",
        "channel_senders": "ChannelSenders",
        "destination_alpha_senders": "DestinationAlphaSenders",
    },
    settings=(
        Setting("FriendlyName", "Zoë's offers ☂", "b"),
        _url("InboundRequestUrl"),
        Setting("InboundMethod", "GET", "POST"),
        _url("FallbackUrl"),
        Setting("FallbackMethod", "GET", "POST"),
        _url("StatusCallback"),
        _flag("StickySender", False),
        _flag("MmsConverter", False),
        _flag("SmartEncoding", False),
        Setting("ScanMessageContent", "disable", "enable"),
        _flag("FallbackToLongCode"),
        _flag("AreaCodeGeomatch", False),
        Setting("ValidityPeriod", 1, 36_000),
        _flag("SynchronousValidation"),
        Setting("Usecase", "marketing", "poll"),
        _flag("UseInboundWebhookOnNumber"),
    ),
    unknown_before=frozenset(("usecase", "us_app_to_person_registered", "use_inbound_webhook_on_number")),
)

_CHAT_SETTINGS = (
    Setting("FriendlyName", "Zoë's talks ☂", "b"),
    _flag("ReadStatusEnabled", False),
    _flag("ReachabilityEnabled"),
    Setting("TypingIndicatorTimeout", 1, 60),
    Setting("ConsumptionReportInterval", 1, 60),
    _url("PreWebhookUrl"),
    _url("PostWebhookUrl"),
    Setting("WebhookMethod", "GET", "POST", "POST"),
    Setting("WebhookFilters", ["onMessageSend", "onChannelAdded"], ["onUserUpdated"], None),
    Setting("Limits.ChannelMembers", 1, 1000),
    Setting("Limits.UserChannels", 1000, 1),
    *(_flag(f"Notifications.{push}.Enabled") for push in PUSHES),
    *(Setting(f"Notifications.{push}.Template", "${USER}: ☂", "t", Outcome.GONE) for push in PUSHES),
)

_CHAT_FRESH: Attributes = {
    "friendly_name": None,
    "read_status_enabled": True,
    "reachability_enabled": False,
    "typing_indicator_timeout": 5,
    "consumption_report_interval": 10,
    "pre_webhook_url": None,
    "post_webhook_url": None,
    "webhook_method": "POST",
    "webhook_filters": None,
    "limits": {"channel_members": 250, "user_channels": 100},
}
_CHAT_LINKS = {"channels": "Channels", "users": "Users", "roles": "Roles"}


def _pushes() -> Attributes:
    kinds = [Setting(push, None, None).path[0] for push in PUSHES]
    return {"log_enabled": False, **{kind: {"enabled": False} for kind in kinds}}


def _chat_v1(product: str) -> Kind:
    webhooks = [
        setting
        for event in EVENTS
        for setting in (
            Setting(
                f"Webhooks.{event}.Url", "https://app.example.com/a", "http://b.example.com/", Outcome.GONE
            ),
            Setting(f"Webhooks.{event}.Method", "GET", "POST"),
        )
    ]
    return Kind(
        chain=f"{product}.v1.services",
        label=product.replace("_", "-"),
        version="v1",
        prefix="IS",
        fresh={**_CHAT_FRESH, "notifications": _pushes(), "webhooks": {}},
        links=_CHAT_LINKS,
        settings=(*_CHAT_SETTINGS, *webhooks),
        creates=False,
    )


def _chat_v2(product: str) -> Kind:
    since = (
        *(Setting(f"Notifications.{push}.Sound", "ping", "pong", Outcome.GONE) for push in PUSHES),
        _flag("Notifications.NewMessage.BadgeCountEnabled"),
        _flag("Notifications.LogEnabled"),
        Setting("Media.CompatibilityMessage", "Look ☂", "b", None),
        Setting("PreWebhookRetryCount", 1, 3),
        Setting("PostWebhookRetryCount", 3, 0),
    )
    media = {
        "size_limit_mb": 150,
        "compatibility_message": "Media messages are not supported by your client",
    }
    return Kind(
        chain=f"{product}.v2.services",
        label=product.replace("_", "-"),
        version="v2",
        prefix="IS",
        fresh={
            **_CHAT_FRESH,
            "notifications": _pushes(),
            "media": media,
            "pre_webhook_retry_count": 0,
            "post_webhook_retry_count": 0,
        },
        links={**_CHAT_LINKS, "bindings": "Bindings"},
        settings=(*_CHAT_SETTINGS, *since),
        creates=False,
    )


CHAT = tuple(make(product) for product in ("chat", "ip_messaging") for make in (_chat_v1, _chat_v2))

KINDS = (SYNC, NOTIFY, MESSAGING, *CHAT)
