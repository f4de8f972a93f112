"""The options of an SMPP carrier: defaults, ranges, and what is refused."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.messaging.domains import certificate
from trunkline.transports.smpp.settings import SmppRoute
from trunkline.transports.smpp.status_rules import StatusAction

LEAST = {"name": "main", "host": "smsc.example.com", "system_id": "me"}


def parsed(**options: Any) -> SmppRoute:
    return msgspec.convert({**LEAST, **options}, SmppRoute)


def test_the_least_that_is_needed() -> None:
    route = parsed()
    assert (route.port, route.bind, route.window, route.rate, route.unknown) == (
        2775,
        "auto",
        10,
        0,
        "resend",
    )


BAD = [
    ({"colour": "red"}, "colour"),
    ({"name": ""}, "name"),
    ({"host": ""}, "host"),
    ({"system_id": ""}, "system_id"),
    ({"system_id": "x" * 16}, "system_id must be at most 15"),
    ({"password": "x" * 9}, "password must be at most 8"),
    ({"password": "пароль"}, "password"),
    ({"system_type": "x" * 13}, "system_type"),
    ({"service_type": "x" * 6}, "service_type"),
    ({"address_range": "x" * 41}, "address_range"),
    ({"port": 0}, "port must be from 1 to 65,535"),
    ({"port": 65_536}, "port"),
    ({"binds": 0}, "binds"),
    ({"binds": 33}, "binds"),
    ({"window": 0}, "window"),
    ({"rate": -1}, "rate"),
    ({"rate": float("nan")}, "rate"),
    ({"enquire_link": 0}, "enquire_link"),
    ({"link_timeout": 0}, "link_timeout"),
    ({"response_timeout": 601}, "response_timeout"),
    ({"reconnect_first": 0}, "reconnect_first"),
    ({"reconnect_first": 61}, "reconnect_first must not be above reconnect_most"),
    ({"throttle_first": 31}, "throttle_first must not be above throttle_most"),
    ({"parts_timeout": 0}, "parts_timeout"),
    ({"number_ton": 256}, "number_ton"),
    ({"address_npi": -1}, "address_npi"),
    ({"bind": "receiver"}, "bind"),
    ({"text_coding": "ucs2"}, "text_coding"),
    ({"country_prefix": "+44"}, "country_prefix must be digits"),
    ({"ca_file": "/ca.pem"}, "ca_file and server_name need tls"),
    ({"server_name": "x"}, "ca_file and server_name need tls"),
    ({"tls": True, "ca_file": "/nowhere/ca.pem"}, "there is no file /nowhere/ca.pem"),
    ({"errors": {"0": 30007}}, "errors"),
    ({"errors": {"1": [1]}}, "errors"),
    ({"receipt_errors": {"001": 5}}, "receipt_errors"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        parsed(**options)


def test_tables_of_errors_are_read() -> None:
    route = parsed(errors={"0x58": "retry", "1025": 30007}, receipt_errors={"005": 30003, "rejectd": 30007})
    assert route.error_table[0x58].action is StatusAction.RETRY
    assert route.error_table[1025].error_code == 30007
    assert route.receipt_error_table == {"5": 30003, "REJECTD": 30007}


def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("-")
    with pytest.raises(msgspec.ValidationError, match="holds no certificates"):
        parsed(tls=True, ca_file=str(file))
    file.write_text(certificate("smsc.example.com", ends=datetime.datetime(2036, 1, 1, tzinfo=datetime.UTC)))
    assert parsed(tls=True, ca_file=str(file)).ca_file == str(file)
