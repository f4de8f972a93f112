"""The parameters for creating a message, each with the code of its error (doc)."""

from __future__ import annotations

import math
import re
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError, invalid
from trunkline.api.params import (
    Given,
    Parser,
    boolean,
    choice,
    integer,
    is_http_url,
    json_object,
    many,
    named,
    sid,
    text,
)
from trunkline.products.messaging.lifecycle.message import MessageOptions
from trunkline.products.messaging.services import MAX_VALIDITY

INTENTS = (
    "otp",
    "notifications",
    "marketing",
    "fraud",
    "security",
    "customercare",
    "delivery",
    "education",
    "polling",
    "announcements",
    "events",
)

_PRICE = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?", re.ASCII)


def _callback() -> Parser:
    """Return the parser of an address for callbacks: its host has no underscores (doc)."""

    def parse(name: str, value: str) -> str:
        if len(value) > 2048 or not is_http_url(value) or "_" in (urlsplit(value).hostname or ""):
            raise ApiError(21609)
        return value

    return Parser(parse, clears=True)


def _media_url() -> Parser:
    def parse(name: str, value: str) -> str:
        if len(value) > 2048 or not is_http_url(value):
            raise ApiError(21620)
        return value

    return Parser(parse)


def _price() -> Parser:
    def parse(name: str, value: str) -> str:
        if not _PRICE.fullmatch(value) or math.isclose(float(value), 0.0):
            raise ApiError(21627)
        return value

    return Parser(parse, clears=True)


def _status() -> Parser:
    def parse(name: str, value: str) -> str:
        if value != "canceled":
            raise invalid(name, "must be canceled")
        return value

    return Parser(parse)


class CreateMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of create (doc). ``ValidityPeriod`` is in seconds, 1 to 36,000. Those from ``Attempt`` on have no
    effect on SMS: they are checked and stored."""

    to: Annotated[Given[str | None], text(clears=True)] = UNSET
    sender: Annotated[Given[str | None], text(clears=True), named("From")] = UNSET
    messaging_service_sid: Annotated[Given[str | None], sid("MG", code=21705)] = UNSET
    body: Annotated[Given[str], text()] = UNSET
    media_url: Annotated[Given[list[str] | None], many(_media_url())] = UNSET
    status_callback: Annotated[Given[str | None], _callback()] = UNSET
    application_sid: Annotated[Given[str | None], sid("AP", code=21218)] = UNSET
    validity_period: Annotated[Given[int], integer(1, MAX_VALIDITY, code=21624)] = UNSET
    schedule_type: Annotated[Given[str | None], choice("fixed", code=35126, clears=True)] = UNSET
    send_at: Annotated[Given[str | None], text(clears=True)] = UNSET
    smart_encoded: Annotated[Given[bool], boolean()] = UNSET
    shorten_urls: Annotated[Given[bool], boolean()] = UNSET
    send_as_mms: Annotated[Given[bool], boolean()] = UNSET
    content_sid: Annotated[Given[str | None], sid("HX", code=21655)] = UNSET
    content_variables: Annotated[Given[str | None], text(clears=True)] = UNSET
    provide_feedback: Annotated[Given[bool], boolean()] = UNSET
    force_delivery: Annotated[Given[bool], boolean()] = UNSET
    content_retention: Annotated[Given[str], choice("retain", "discard", code=30029)] = UNSET
    address_retention: Annotated[Given[str], choice("retain", "obfuscate", code=30030)] = UNSET
    tags: Annotated[Given[str | None], json_object()] = UNSET
    attempt: Annotated[Given[int], integer(0, 2**31 - 1)] = UNSET
    max_price: Annotated[Given[str | None], _price()] = UNSET
    traffic_type: Annotated[Given[str | None], choice("free", clears=True)] = UNSET
    risk_check: Annotated[Given[str | None], choice("enable", "disable", clears=True)] = UNSET
    persistent_action: Annotated[Given[list[str] | None], many(text(0, 1600))] = UNSET
    fallback_from: Annotated[Given[str | None], text(0, 64, clears=True)] = UNSET
    message_intent: Annotated[Given[str | None], choice(*INTENTS, fold=True, clears=True)] = UNSET


_KEPT = ("attempt", "max_price", "traffic_type", "risk_check", "fallback_from", "message_intent")


class UpdateMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of update: an empty text redacts, the status cancels (doc)."""

    body: Annotated[Given[str], text()] = UNSET
    status: Annotated[Given[str], _status()] = UNSET


def options_of(params: CreateMessage, send_at: int | None) -> MessageOptions:
    """Return the options of a new message."""
    kept = {name: str(value) for name in _KEPT if (value := getattr(params, name)) not in (UNSET, None)}
    if params.persistent_action:
        kept["persistent_action"] = msgspec.json.encode(params.persistent_action).decode()
    return MessageOptions(
        media_urls=tuple(params.media_url or ()),
        validity_period=None if params.validity_period is UNSET else params.validity_period,
        send_at=send_at,
        smart_encoded=None if params.smart_encoded is UNSET else params.smart_encoded,
        shorten_urls=params.shorten_urls is True,
        send_as_mms=params.send_as_mms is True,
        provide_feedback=params.provide_feedback is True,
        discard_content=params.content_retention == "discard",
        obfuscate_address=params.address_retention == "obfuscate",
        stored=kept,
    )
