"""Good responses, as the seed pages and the vendor's documents show them, for tests to start from."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

AC, IS, MG, RL = ("AC" + "a" * 32, "IS" + "a" * 32, "MG" + "a" * 32, "RL" + "a" * 32)


def _links(url: str, **paths: str) -> Json:
    return {name: f"{url}/{path}" for name, path in paths.items()}


SYNC_URL = f"https://sync.twilio.com/v1/Services/{IS}"
SYNC: Json = {
    "account_sid": AC,
    "date_created": "2015-07-30T20:00:00Z",
    "date_updated": "2015-07-30T20:00:00Z",
    "friendly_name": "friendly_name",
    "links": _links(SYNC_URL, documents="Documents", lists="Lists", maps="Maps", streams="Streams"),
    "sid": IS,
    "unique_name": "unique_name",
    "url": SYNC_URL,
    "webhook_url": "http://www.example.com",
    "webhooks_from_rest_enabled": False,
    "reachability_webhooks_enabled": False,
    "acl_enabled": True,
    "reachability_debouncing_enabled": False,
    "reachability_debouncing_window": 5000,
}

NOTIFY_URL = f"https://notify.twilio.com/v1/Services/{IS}"
NOTIFY: Json = {
    "sid": IS,
    "account_sid": AC,
    "friendly_name": "733c7f0f-6541-42ec-84ce-e2ae1cac588c",
    "date_created": "2016-03-09T20:22:31Z",
    "date_updated": "2016-03-09T20:22:31Z",
    "apn_credential_sid": None,
    "gcm_credential_sid": None,
    "fcm_credential_sid": None,
    "messaging_service_sid": MG,
    "facebook_messenger_page_id": "4",
    "alexa_skill_id": None,
    "default_apn_notification_protocol_version": "3",
    "default_gcm_notification_protocol_version": "3",
    "default_fcm_notification_protocol_version": "3",
    "default_alexa_notification_protocol_version": "3",
    "log_enabled": True,
    "type": "S",
    "delivery_callback_url": "Hello",
    "delivery_callback_enabled": True,
    "url": NOTIFY_URL,
    "links": _links(
        NOTIFY_URL, bindings="Bindings", notifications="Notifications", segments="Segments", users="Users"
    ),
}

MESSAGING_URL = f"https://messaging.twilio.com/v1/Services/{MG}"
MESSAGING: Json = {
    "account_sid": AC,
    "sid": MG,
    "date_created": "2015-07-30T20:12:31Z",
    "date_updated": "2015-07-30T20:12:33Z",
    "friendly_name": "FriendlyName",
    "inbound_request_url": "https://www.example.com/",
    "inbound_method": "POST",
    "fallback_url": "https://www.example.com",
    "fallback_method": "GET",
    "status_callback": "https://www.example.com",
    "sticky_sender": True,
    "smart_encoding": False,
    "mms_converter": True,
    "fallback_to_long_code": True,
    "scan_message_content": "inherit",
    "area_code_geomatch": True,
    "validity_period": 600,
    "synchronous_validation": True,
    "usecase": "marketing",
    "us_app_to_person_registered": False,
    "use_inbound_webhook_on_number": True,
    "links": _links(
        MESSAGING_URL,
        phone_numbers="PhoneNumbers",
        short_codes="ShortCodes",
        alpha_senders="AlphaSenders",
        messages="Messages",
        us_app_to_person="Compliance/Usa2p",
        us_app_to_person_usecases="Compliance/Usa2p/Usecases",
        channel_senders="ChannelSenders",
        destination_alpha_senders="DestinationAlphaSenders",
    ),
    "url": MESSAGING_URL,
}

CHAT_URL = f"https://chat.twilio.com/v1/Services/{IS}"
CHAT: Json = {
    "account_sid": AC,
    "consumption_report_interval": 100,
    "date_created": "2015-07-30T20:00:00Z",
    "date_updated": "2015-07-30T20:00:00Z",
    "default_channel_creator_role_sid": RL,
    "default_channel_role_sid": RL,
    "default_service_role_sid": RL,
    "friendly_name": "FRIENDLY_NAME",
    "limits": {"channel_members": 100, "user_channels": 250},
    "links": _links(CHAT_URL, channels="Channels", users="Users", roles="Roles"),
    "notifications": {},
    "post_webhook_url": "post_webhook_url",
    "pre_webhook_url": "pre_webhook_url",
    "reachability_enabled": False,
    "read_status_enabled": False,
    "sid": IS,
    "typing_indicator_timeout": 100,
    "url": CHAT_URL,
    "webhook_filters": ["webhook_filters"],
    "webhook_method": "webhook_method",
    "webhooks": {},
}

LIST_URL = "https://sync.twilio.com/v1/Services?PageSize=50&Page="
SYNC_PAGE: Json = {
    "meta": {
        "first_page_url": f"{LIST_URL}0",
        "key": "services",
        "next_page_url": f"{LIST_URL}1&PageToken=PTx",
        "page": 0,
        "page_size": 50,
        "previous_page_url": None,
        "url": f"{LIST_URL}0",
    },
    "services": [SYNC],
}

KEYS = f"/2010-04-01/Accounts/{AC}/Keys.json"
KEY: Json = {
    "sid": "SK" + "a" * 32,
    "friendly_name": "foo",
    "date_created": "Mon, 13 Jun 2016 22:50:08 +0000",
    "date_updated": "Mon, 13 Jun 2016 22:50:08 +0000",
}
KEYS_PAGE: Json = {
    "keys": [KEY, KEY],
    "page": 0,
    "page_size": 50,
    "start": 0,
    "end": 1,
    "uri": f"{KEYS}?PageSize=50&Page=0",
    "first_page_uri": f"{KEYS}?PageSize=50&Page=0",
    "next_page_uri": None,
    "previous_page_uri": None,
}
