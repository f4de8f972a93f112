"""The settings of a Notify Service as they are read."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.api.errors import ApiError
from trunkline.api.params import given, names, read
from trunkline.products.notify.services import NotifyService, NotifyServiceSettings

FIXED = {"sid", "account_sid", "date_created", "date_updated"}


def test_every_setting_of_the_row_can_be_set() -> None:
    assert set(NotifyServiceSettings.__struct_fields__) == set(NotifyService.__struct_fields__) - FIXED


@pytest.mark.parametrize("version", ["1", "2", "3", "4"])
@pytest.mark.parametrize("channel", ["Apn", "Gcm", "Fcm", "Alexa"])
def test_protocol_versions_1_to_4_are_taken(channel: str, version: str) -> None:
    name = f"Default{channel}NotificationProtocolVersion"
    assert list(given(read(NotifyServiceSettings, [(name, version)])).values()) == [version]


@pytest.mark.parametrize("version", ["", "0", "5", "03", " 3", "3.0"])
def test_other_versions_are_refused(version: str) -> None:
    with pytest.raises(ApiError) as refused:
        read(NotifyServiceSettings, [("DefaultApnNotificationProtocolVersion", version)])
    assert (refused.value.status, refused.value.code) == (400, 20001)


def test_the_wire_names_are_the_seeds() -> None:
    wanted: set[Any] = {
        "FriendlyName",
        "ApnCredentialSid",
        "GcmCredentialSid",
        "FcmCredentialSid",
        "MessagingServiceSid",
        "FacebookMessengerPageId",
        "AlexaSkillId",
        "DefaultApnNotificationProtocolVersion",
        "DefaultGcmNotificationProtocolVersion",
        "DefaultFcmNotificationProtocolVersion",
        "DefaultAlexaNotificationProtocolVersion",
        "LogEnabled",
        "DeliveryCallbackUrl",
        "DeliveryCallbackEnabled",
    }
    assert set(names(NotifyServiceSettings)) == wanted
