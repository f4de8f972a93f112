"""Services through the SDKs: every operation, every parameter, and every attribute of every answer."""

from __future__ import annotations

import copy
import datetime
import re
import time
from typing import Any

import pytest

from clients.asking import Client
from clients.sdks import NODE_SDKS, SDKS
from clients.services import (
    CHAT,
    EVENTS,
    KINDS,
    MESSAGING,
    NOTIFY,
    SYNC,
    Attributes,
    Kind,
    Setting,
    setting_of,
)

DEFAULT_ROLES = ("default_service_role_sid", "default_channel_role_sid", "default_channel_creator_role_sid")
NAME = "FriendlyName"
KIND_NAMES = [kind.chain for kind in KINDS]

EMPTY = {sdk: None if sdk in NODE_SDKS else "" for sdk in SDKS}
"""The value by which a program empties a setting: Node's null is sent as an empty value, Python's None not at
all.
"""


class Mirror:
    """A Service as its client must see it. Each method does one operation through the SDK and compares its answer."""

    def __init__(self, client: Client, kind: Kind) -> None:
        self.client = client
        self.kind = kind
        self.expected: Attributes = {}
        self.chain = ""

    def create(self, parameters: dict[str, Any]) -> None:
        """Make it."""
        made = self.client.call(self.kind.chain, "create", parameters)
        sid, pointing = made["sid"], self.client.pointing
        assert re.fullmatch(f"{self.kind.prefix}[0-9a-f]{{32}}", sid)
        url = f"{pointing.base}/{self.kind.label}/{self.kind.version}/Services/{sid}"
        self.chain = f"{self.kind.chain}({sid})"
        self.expected = {
            **copy.deepcopy(self.kind.fresh),
            **{name: made[name] for name in (*DEFAULT_ROLES, "date_created") if name in made},
            "sid": sid,
            "account_sid": pointing.username,
            "url": url,
            "links": {name: f"{url}/{path}" for name, path in self.kind.links.items()},
        }
        self._recent(made["date_created"])
        self.apply(parameters)
        self.compare(made)

    def apply(self, parameters: dict[str, Any]) -> None:
        """Set the values that an update with these parameters makes, as far as the SDK can send them."""
        settings = {setting.parameter: setting for setting in self.kind.settings}
        for parameter, value in parameters.items():
            if parameter not in self.client.dropped:
                setting_of(self.expected, settings[parameter], value)

    def update(self, parameters: dict[str, Any], result: dict[str, Any] | None = None) -> None:
        """Change something; ``result`` is what becomes of the parameters when that is not what was sent."""
        response = self.client.call(self.chain, "update", parameters)
        self.apply(parameters if result is None else result)
        self.compare(response)

    def fetch(self) -> None:
        """Fetch it."""
        self.compare(self.client.call(self.chain, "fetch"))

    def compare(self, seen: Attributes) -> None:
        """Compare the attributes that the SDK has with the expected ones; it lacks none but those that it is
        too old for.
        """
        self._recent(seen["date_updated"])
        assert seen["date_updated"] >= seen["date_created"]
        expected = {**self.expected, "date_updated": seen["date_updated"]}
        unknown = self.kind.unknown_before if self.client.sdk == "python-6.10" else frozenset()
        assert seen == {name: value for name, value in expected.items() if name not in unknown}

    def _recent(self, moment: Any) -> None:
        assert isinstance(moment, datetime.datetime)
        assert moment.utcoffset() == datetime.timedelta(0)
        assert moment.microsecond == 0
        assert abs(moment.timestamp() - time.time()) < 60


def every_operation(client: Client, kind: Kind) -> None:
    """Make a Service, change each of its settings, empty those that may be empty, and delete it."""
    everything = {setting.parameter: setting.first for setting in kind.settings}
    mirror = Mirror(client, kind)
    mirror.create(everything if kind.creates else {NAME: everything[NAME]})
    mirror.fetch()
    mirror.update(everything)
    known = [setting for setting in kind.settings if setting.parameter not in client.dropped]
    for setting in known:
        mirror.update({setting.parameter: setting.second})
    mirror.fetch()
    for setting in known:
        if setting.may_be_empty:
            mirror.update({setting.parameter: EMPTY[client.sdk]}, {setting.parameter: setting.emptied})
    mirror.fetch()
    (listed,) = client.call(kind.chain, "list")
    mirror.compare(listed)
    assert client.call(mirror.chain, "delete") is True
    for method in ("fetch", "delete"):
        assert client.refused(mirror.chain, method).status == 404
    assert client.call(kind.chain, "list") == []


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
def test_every_operation(client: Client, kind: Kind) -> None:
    every_operation(client, kind)
    assert client.sdk == "python-6.10" or client.dropped == set()


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
@pytest.mark.parametrize("sdk", ["python", "node"])
def test_every_operation_on_postgresql(client: Client) -> None:
    for kind in KINDS:
        every_operation(client, kind)


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
def test_what_is_not_given_has_its_default(client: Client, kind: Kind) -> None:
    mirror = Mirror(client, kind)
    mirror.create({NAME: "with a name only"})
    mirror.fetch()


@pytest.mark.parametrize("kind", [SYNC, NOTIFY], ids=lambda kind: kind.chain)
def test_a_name_is_not_needed(client: Client, kind: Kind) -> None:
    Mirror(client, kind).create({})


def test_a_notify_service_names_a_messaging_service(client: Client) -> None:
    sid = client.call(MESSAGING.chain, "create", FriendlyName="for SMS")["sid"]
    notify = client.call(NOTIFY.chain, "create", MessagingServiceSid=sid)
    assert notify["messaging_service_sid"] == sid
    chain = f"{NOTIFY.chain}({notify['sid']})"
    assert client.call(chain, "update", FriendlyName="n")["messaging_service_sid"] == sid
    emptied = client.call(chain, "update", MessagingServiceSid=EMPTY[client.sdk])
    assert emptied["messaging_service_sid"] is None
    unknown = client.refused(chain, "update", MessagingServiceSid="MG" + "0" * 32)
    assert (unknown.status, unknown.code) == (400, 20001)


def test_notify_services_by_name(client: Client) -> None:
    sids = [client.call(NOTIFY.chain, "create", FriendlyName=name)["sid"] for name in ("a", "b ☂&", "a")]
    for name, expected in (("a", [sids[0], sids[2]]), ("b ☂&", sids[1:2]), ("c", [])):
        for more in ({}, {"PageSize": 1}):
            rows = client.call(NOTIFY.chain, "list", {"FriendlyName": name, **more})
            assert [row["sid"] for row in rows] == expected


@pytest.mark.parametrize("sdk", ["python", "python-async", "node"])
def test_usecases(client: Client) -> None:
    (usecases,) = client.call("messaging.v1.usecases", "fetch").values()
    words = ["notifications", "marketing", "verification", "discussion", "poll", "undeclared"]
    assert [usecase["usecase"] for usecase in usecases] == words
    assert all(usecase.keys() == {"usecase", "description", "purpose"} for usecase in usecases)
    for word in words:
        made = client.call(MESSAGING.chain, "create", FriendlyName="of a use case", Usecase=word)
        assert made["usecase"] == word


@pytest.mark.parametrize("sdk", ["python-6.10"])
@pytest.mark.parametrize("kind", [kind for kind in CHAT if kind.version == "v1"], ids=lambda kind: kind.chain)
def test_the_format_of_a_webhook_that_later_sdks_forgot(client: Client, kind: Kind) -> None:
    mirror = Mirror(client, kind)
    mirror.create({NAME: "with formats"})
    for event in EVENTS:
        parameter = f"Webhooks.{event}.Format"
        response = client.call(mirror.chain, "update", {parameter: "json"})
        setting_of(mirror.expected, Setting(parameter, "json", "json"), "json")
        mirror.compare(response)
    assert client.dropped == set()
