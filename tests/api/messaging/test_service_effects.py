"""Effects of the settings of a Messaging Service, where no other test shows the setting both ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from api.conftest import Api
from api.messaging.apps import App, app, receive, replies, response, twiml
from api.messaging.outcomes import phone, reaches
from api.messaging.stock import GB, TO, TO_GB, US, US_MMS, own, send, service

QUICK = 10_000_000
"""A rate that holds nothing up."""

MANHATTAN = "+12125550120"
SAN_FRANCISCO = "+14155550120"
SAN_FRANCISCO_OVERLAY = "+16285550120"


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"dev": True, "public_url": "https://sms.example.com"}


@pytest.fixture
def web(api: Api) -> Iterator[App]:
    """Yield the app."""
    with app(api) as running:
        yield running


def change(api: Api, service_sid: str, **settings: str) -> None:
    assert api.post(f"/messaging/v1/Services/{service_sid}", settings).status_code == 200


def through(api: Api, service_sid: str, *, step: float = 0, **form: Any) -> dict[str, Any]:
    """Return a message through the Service, once it has ended; ``step`` seconds pass between two polls."""
    created = send(api, MessagingServiceSid=service_sid, **form)
    return reaches(api, created["sid"], "delivered", "failed", step=step)


def test_sticky_sender(api: Api) -> None:
    """Switch it off: senders take turns and the mapping is kept; on again: it counts as before."""
    mine = service(api, own(api, SAN_FRANCISCO, rate=QUICK), own(api, MANHATTAN, rate=QUICK))
    kept = through(api, mine)["from"]
    assert [through(api, mine)["from"] for _ in range(3)] == [kept] * 3
    change(api, mine, StickySender="false")
    senders = [through(api, mine)["from"] for _ in range(4)]
    assert set(senders) == {SAN_FRANCISCO, MANHATTAN}
    change(api, mine, StickySender="true")
    assert [through(api, mine)["from"] for _ in range(3)] == [kept] * 3


def test_a_native_number_takes_over(api: Api) -> None:
    """Give a person who kept a foreign number one of their country once there is one; who kept a name, keeps
    it.
    """
    mine = service(api, own(api, US, rate=QUICK))
    named = service(api)
    assert (
        api.post(f"/messaging/v1/Services/{named}/AlphaSenders", {"AlphaSender": "Acme Co"}).status_code
        == 201
    )
    assert [through(api, mine, To=TO_GB)["from"] for _ in range(2)] == [US, US]
    assert through(api, named, To=TO_GB, step=1)["from"] == "Acme Co"
    for one, number in ((mine, GB), (named, "+447400123458")):
        sid = own(api, number, country="GB", kind="mobile", rate=QUICK).sid
        added = api.post(f"/messaging/v1/Services/{one}/PhoneNumbers", {"PhoneNumberSid": sid})
        assert added.status_code == 201, added.text
    assert [through(api, mine, To=TO_GB)["from"] for _ in range(2)] == [GB, GB]
    assert through(api, named, To=TO_GB, step=1)["from"] == "Acme Co"


def test_area_code_geomatch(api: Api) -> None:
    """Switch it on: the recipient's area code, then one of the same area; off: turns among the country's
    numbers.
    """
    far = own(api, MANHATTAN, rate=QUICK)
    overlay = own(api, SAN_FRANCISCO_OVERLAY, rate=QUICK)
    mine = service(api, far, overlay, own(api, SAN_FRANCISCO, rate=QUICK), StickySender="false")
    to = "+14155550177"
    assert {through(api, mine, To=to)["from"] for _ in range(3)} == {SAN_FRANCISCO}
    area = service(api, *(own(api, one, rate=QUICK) for one in ("+12125550121", "+16285550121")))
    assert through(api, area, To=to)["from"] == "+16285550121"
    change(api, mine, AreaCodeGeomatch="false")
    senders = {through(api, mine, To=to)["from"] for _ in range(6)}
    assert senders == {MANHATTAN, SAN_FRANCISCO, SAN_FRANCISCO_OVERLAY}


def test_mms_converter(api: Api, web: App) -> None:
    """Switch it on: to where no carrier takes MMS, the text goes with a link to each attachment; off: it
    fails.
    """
    web.routes["/cat.png"] = response(b"png", 200, "Content-Type: image/png")
    mine = service(api, own(api, US, rate=QUICK), own(api, US_MMS, mms=True, rate=QUICK))
    shown = through(api, mine, MediaUrl=web.url("/cat.png"), To=TO_GB)
    assert (shown["status"], shown["body"], shown["num_media"]) == ("delivered", "Hello", "1")
    [received] = phone(api, TO_GB)
    link = re.fullmatch(r"Hello https://sms\.example\.com(/m/\w{7})", received.body)
    assert link, received.body
    led = api.run(api._http.get(link[1], follow_redirects=True))
    assert (led.status_code, led.content) == (200, b"png")
    change(api, mine, MmsConverter="false")
    shown = through(api, mine, MediaUrl=web.url("/cat.png"), To=TO_GB)
    assert (shown["status"], shown["error_code"]) == ("failed", 30011), "the sender could, no carrier can"
    poor = service(api, own(api, MANHATTAN, rate=QUICK), MmsConverter="false")
    shown = through(api, poor, MediaUrl=web.url("/cat.png"), To=TO_GB)
    assert (shown["status"], shown["error_code"]) == ("failed", 21703), "no sender can"


def test_smart_encoding(api: Api) -> None:
    """Switch it on: look-alikes take the place of characters that would need UCS-2; off: the text goes as it
    is.
    """
    mine = service(api, own(api, US, rate=QUICK))
    through(api, mine, Body="“Hi”")
    change(api, mine, SmartEncoding="false")
    through(api, mine, Body="“Hi”")
    seen = [(one.body, one.encoding) for one in phone(api, TO)]
    assert seen == [('"Hi"', "gsm7"), ("“Hi”", "ucs2")]


def test_fallback_and_its_method(api: Api, web: App) -> None:
    """Request the fallback by its own method when the first URL fails, and carry out its response."""
    web.routes |= {"/in": response("", 500), "/fallback": twiml("<Message>back soon</Message>")}
    mine = service(
        api, own(api, US, rate=QUICK), InboundRequestUrl=web.url("/in"), FallbackUrl=web.url("/fallback")
    )
    for method in ("POST", "GET"):
        change(api, mine, FallbackMethod=method)
        receive(api, US)
        request = web.requests[-1]
        assert (request.method, request.path.partition("?")[0]) == (method, "/fallback")
        assert request.form["ErrorCode"] == "11200"
    assert [one["body"] for one in replies(api)] == ["back soon"] * 2
    change(api, mine, FallbackUrl="")
    receive(api, US)
    assert web.requests[-1].path == "/in", "without a fallback nobody else is asked"
    assert len(replies(api)) == 2
