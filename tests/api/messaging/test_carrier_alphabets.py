"""Segments are counted in the alphabet that the carrier of the message uses."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import Api
from api.messaging.outcomes import reaches
from api.messaging.stock import GB, TO, TO_GB, US, own, send, service

EUROS = "€" * 80
"""One segment in the GSM alphabet, two in UCS-2."""


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    """Return carriers that nobody listens for: one in Latin-1, and one for Great Britain in the GSM alphabet."""
    fields = {"host": "127.0.0.1", "port": 1, "system_id": "me", "reconnect_first": 60.0}
    codings = (("latin", "latin1"), ("gsm", "unpacked"), ("packed", "packed"))
    return {
        "carriers": tuple({"name": name, "text_coding": coding, **fields} for name, coding in codings),
        "carrier_routes": ({"carrier": "gsm", "prefix": "+44"},),
    }


def segments(api: Api, body: str, to: str = TO, sender: str = US, **more: str) -> str:
    """Return the number of segments in the response to a new message."""
    count: str = send(api, From=sender, To=to, Body=body, **more)["num_segments"]
    return count


def test_a_message_has_the_segments_of_its_carriers_alphabet(api: Api) -> None:
    own(api, US)
    own(api, GB, country="GB")
    assert segments(api, EUROS) == "2"
    assert segments(api, "a" * 160) == "1"
    assert segments(api, "[" * 80) == "1"
    assert segments(api, "Ω" + "a" * 69) == "1"
    assert segments(api, "Ω" + "a" * 70) == "2"
    assert segments(api, "“" + EUROS, SmartEncoded="true") == "2"
    assert segments(api, EUROS, TO_GB, GB) == "1"


def test_the_carrier_of_the_number_counts(api: Api) -> None:
    own(api, US)

    async def prefer(carrier: str) -> None:
        await api.node.database.write(
            lambda tx: tx.run("UPDATE numbers SET carrier = :carrier", carrier=carrier)
        )

    for carrier, count in (("gsm", "1"), ("packed", "1"), ("latin", "2")):
        api.run(prefer(carrier))
        assert segments(api, EUROS) == count


def test_a_message_through_a_service_has_the_segments_of_its_carriers_alphabet(api: Api) -> None:
    sid = service(api, own(api, US))
    message = send(api, MessagingServiceSid=sid, To=TO, Body=EUROS)["sid"]
    assert reaches(api, message, "queued")["num_segments"] == "2"
