"""Every code of Messaging, by the test that brings it about; the codes that no other test does are brought about here.

Codes are those of refused requests, of messages that fail (in the message and its callbacks), and of alerts.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from api.conftest import Api, assert_error
from api.messaging.apps import alerts, hook, receive, replies
from api.messaging.outcomes import HOOK, callbacks, reaches, states
from api.messaging.registrations import VERIFICATION, VERIFICATIONS, Operator, brand, campaign, pairs
from api.messaging.stock import MESSAGES, TO, US, US_MMS, own, send, service
from trunkline.api import error_codes
from trunkline.core.egress.client import Egress
from trunkline.core.egress.failure import EgressError, Failure
from trunkline.core.egress.http_message import EgressRequest, EgressResponse, Timings
from trunkline.products.messaging.lifecycle.error_texts import TEXTS, error_text

TESTS = Path(__file__).parents[2]
SOURCES = TESTS.parent / "src" / "trunkline"
WHERE = ("products/messaging", "core/egress", "core/webhooks", "transports")
CODE = re.compile(r"\b(?:1[124]\d{3}|21\d{3}|3[05]\d{3}|63\d{3})\b")
"""A code as it stands in the sources: numbers of anything else have an underscore there."""

BROUGHT_ABOUT: dict[str, set[int]] = {
    "api/messaging/test_a2p_enforcement.py::test_a_campaign_lets_messages_through": {30033, 30034},
    "api/messaging/test_a2p_enforcement.py::test_a_verification_lets_messages_through": {30032},
    "api/messaging/test_app_replies.py::test_a_certificate_that_nobody_trusts": {11237},
    "api/messaging/test_app_replies.py::test_a_circle_of_redirects_ends": {14106},
    "api/messaging/test_app_replies.py::test_bad_overrides_are_warnings": {11240, 11243},
    "api/messaging/test_app_replies.py::test_documents": {
        *(12200, 14101, 14102, 14103, 14104, 14105, 14109, 14110),
    },
    "api/messaging/test_app_replies.py::test_nobody_there_and_no_fallback": {11202},
    "api/messaging/test_app_replies.py::test_other_senders_and_recipients": {14108},
    "api/messaging/test_incoming_numbers.py::test_only_the_parent_moves_a_number_to_an_active_account_of_its_own": {
        *(21470, 21471, 21472, 21474),
    },
    "api/messaging/test_app_replies.py::test_the_sixteenth_of_quick_replies_fails": {14107},
    "api/messaging/test_app_replies.py::test_what_is_no_answer_leads_to_the_fallback": {
        *(11100, 11200, 11206, 11215, 11750, 12100, 12101, 12102, 12300),
    },
    "api/messaging/test_app_replies.py::test_who_answers_too_slowly_is_not_waited_for": {11203},
    "api/messaging/test_brands.py::test_a_rejected_brand_is_handed_in_again_three_times": {
        *(21724, 21725, 30792),
    },
    "api/messaging/test_brands.py::test_the_operator_ends_a_vetting": {21721},
    "api/messaging/test_codes.py::test_a_number_is_new": {30035},
    "api/messaging/test_codes.py::test_a_channel_that_nobody_carries": {63003},
    "api/messaging/test_codes.py::test_a_queue_that_is_full_fails_what_it_cannot_refuse": {30001},
    "api/messaging/test_codes.py::test_a_rejected_verification": {30445},
    "api/messaging/test_codes.py::test_what_a_network_refuses": {
        *(30018, 30019, 30024, 30027),
    },
    "api/messaging/test_codes.py::test_how_a_request_to_an_app_fails": {11201, 11220, 11235, 11236},
    "api/messaging/test_control_pages.py::test_a_list_is_paged": {21481},
    "api/messaging/test_deactivations.py::test_only_past_days_have_files": {30113, 30114, 30115},
    "api/messaging/test_incoming_numbers.py::test_what_cannot_be_bought": {21421, 21422, 21451, 21452},
    "api/messaging/test_link_shortening.py::test_a_service_has_one_domain": {30130},
    "api/messaging/test_media_fetching.py::test_nobody_there_no_such_host_and_no_trust": {11210},
    "api/messaging/test_media_fetching.py::test_private_addresses_are_refused": {11205},
    "api/messaging/test_media_fetching.py::test_what_is_no_attachment_fails_the_message": {11751, 11770},
    "api/messaging/test_messages_changes.py::test_a_failure_is_explained": {30008},
    "api/messaging/test_messages_changes.py::test_what_an_update_cannot_do": {30409},
    "api/messaging/test_messages_changes.py::test_redacting_and_deleting_want_a_message_that_is_finished": {
        20009
    },
    "api/messaging/test_messages_create.py::refusals": {
        *(21211, 21212, 21218, 21265, 21266, 21603, 21604, 21609, 21612, 21617, 21619, 21620, 21621, 21623),
        *(21624, 21627, 21635, 21654, 21655, 21656, 21657, 21659, 21660, 21661, 21704, 21705, 21711, 21910),
        *(30029, 30030, 35111, 35114, 35118, 35126),
    },
    "api/messaging/test_messages_create.py::test_a_full_queue_refuses": {21611},
    "api/messaging/test_messages_create.py::test_countries_landlines_and_senders": {21408},
    "api/messaging/test_messages_create.py::test_scheduled_messages": {35125},
    "api/messaging/test_messages_create.py::test_who_opted_out_of_a_number_is_not_sent_to": {21610},
    "api/messaging/test_number_lists.py::test_applications": {21205, 21209},
    "api/messaging/test_receiving.py::test_a_missing_part_is_in_the_debugger": {30009},
    "api/messaging/test_magic_numbers.py": {21606, 21614},
    "api/messaging/test_sending.py::test_a_receipt_tells_why_a_phone_has_nothing": {
        *(30003, 30004, 30005, 30006, 30007),
    },
    "api/messaging/test_sending.py::test_a_service_that_is_gone_fails_what_was_scheduled": {21701},
    "api/messaging/test_sending.py::test_a_suspended_account_sends_nothing": {30002},
    "api/messaging/test_sending.py::test_a_throttled_and_an_uncertain_message_arrive": {30017},
    "api/messaging/test_sending.py::test_no_suitable_sender_fails_it": {21703},
    "api/messaging/test_sending.py::test_what_waits_too_long_fails": {30036},
    "api/messaging/test_service_effects.py::test_mms_converter": {30011},
    "api/messaging/test_service_senders.py": {21708, 21709},
    "api/messaging/test_service_senders.py::test_a_number_for_calls_only_cannot_be_added": {21715},
    "api/messaging/test_service_senders.py::test_a_number_is_in_one_pool_once": {21710, 21712},
    "api/messaging/test_service_senders.py::test_a_pool_can_be_full": {21714},
    "api/messaging/test_sending_rules.py::test_what_costs_more_than_its_most_is_not_sent": {30010},
    "api/messaging/test_short_links.py::test_a_certificate_that_ran_out": {30102},
    "api/messaging/test_short_links.py::test_a_link_that_is_no_url_fails_its_message": {30139},
    "api/messaging/test_short_links.py::test_a_service_without_a_domain": {30103},
    "api/messaging/test_short_links.py::test_links_that_lead_nowhere": {30104, 30105},
    "api/messaging/test_tollfree.py::test_bad_verifications_are_refused": {30436},
    "api/messaging/test_usa2p.py": {21720},
    "api/messaging/test_usa2p.py::test_a_campaign_is_described_anew": {21727, 21728},
    "api/messaging/test_usa2p.py::test_a_suspended_campaign_cannot_be_changed": {21729},
    "api/messaging/test_usa2p.py::test_the_operator_decides": {21717, 30897},
    "api/messaging/test_usa2p.py::test_use_cases_must_go_together": {21719},
    "api/test_messaging_services.py": {21713},
    "unit/products/messaging/compliance/test_enforcement.py::test_a_brand_is_held_to_its_day": {30023},
    "unit/products/messaging/compliance/test_enforcement.py::test_a_campaign_is_held_to_its_rate": {30022},
}
"""By test, or by module for a table that stands outside of its test: the codes that it brings about."""

IMPOSSIBLE: dict[int, str] = {
    11241: "no edges of a vendor's network are passed through",
    11242: "no edges of a vendor's network are passed through",
    14111: "there are no trial accounts",
    21267: "there are no trial accounts",
    21601: "an older code, 21659 has taken its place",
    21602: "an older code, 21619 has taken its place",
    21608: "there are no trial accounts",
    21622: "every account has MMS; a carrier without it is 30011",
    21702: "a Service is never unavailable for a while",
    30045: "21624 says that a validity period is out of range",
}
"""Codes of the vendor's list that this server cannot return."""


def known() -> set[int]:
    """Return every code that Messaging has, by its own sets and its sources."""
    listed: str = (
        inspect.getsource(error_codes).partition("    # Messaging\n")[2].partition("    # Programmable")[0]
    )
    codes = {int(code) for code in re.findall(r"^    (\d{5}):", listed, re.MULTILINE)}
    assert len(codes) > 60
    for folder in WHERE:
        for path in (SOURCES / folder).rglob("*.py"):
            # The classes of graphemes are ranges of characters in hexadecimal.
            if path.name != "grapheme_classes.py":
                codes |= {int(code) for code in CODE.findall(path.read_text())}
    return codes | TEXTS.keys()


def test_every_code_has_its_test() -> None:
    tested = [code for codes in BROUGHT_ABOUT.values() for code in codes]
    assert sorted(tested) == sorted(known()), "a code has no test, or two, or is no more"
    assert not IMPOSSIBLE.keys() & known()


@pytest.mark.parametrize("place", BROUGHT_ABOUT)
def test_the_test_is_there_and_is_about_the_code(place: str) -> None:
    file, _, name = place.partition("::")
    text = (TESTS / file).read_text()
    if name:
        text = "\n".join(segments(text, name))
        assert text, "no such test"
    assert BROUGHT_ABOUT[place] <= {int(code) for code in re.findall(r"\b\d{5}\b", text)}


def segments(text: str, name: str) -> Iterator[str]:
    """Yield the function of this name, with its decorators."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            yield "\n".join(lines[first - 1 : node.end_lineno])


ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""Traffic of networks and apps does not depend on the engine."""


@ONE_ENGINE
class TestGateway:
    """A carrier that reports the API's codes itself, as the operator's table of an SMPP carrier does."""

    @pytest.fixture
    def settings_overrides(self) -> dict[str, Any]:
        return {"carriers": ({"name": "gate", "kind": "http", "url": HOOK, "secret": "x" * 16},)}

    @pytest.mark.parametrize("code", [30018, 30019, 30024, 30027])
    def test_what_a_network_refuses(self, api: Api, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
        async def refuse(self: Egress, outgoing: EgressRequest) -> EgressResponse:
            api.clock.now += 1
            body = json.dumps({"error_code": code}).encode()
            status = 400 if outgoing.url == HOOK else 204
            return EgressResponse(status, (), body, False, "192.0.2.1", Timings(0, 0, 0))

        monkeypatch.setattr(Egress, "send", refuse)
        own(api, US)
        sid = send(api, From=US, StatusCallback=f"{HOOK}/status")["sid"]
        shown = reaches(api, sid, "failed")
        assert (shown["error_code"], shown["error_message"]) == (code, TEXTS[code])
        reports = callbacks(api, sid)
        assert states(reports) == ["failed"]
        assert (reports[0]["ErrorCode"], reports[0]["ErrorMessage"]) == (str(code), error_text(code))


def test_a_channel_that_nobody_carries(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.messaging.carriers.all[0], "carries_channels", False, raising=False)
    own(api, f"whatsapp:{US}", kind="channel", prefix="XE")
    sid = send(api, From=f"whatsapp:{US}", To=f"whatsapp:{TO}")["sid"]
    shown = reaches(api, sid, "failed", "delivered")
    assert (shown["error_code"], shown["error_message"]) == (63003, TEXTS[63003])


def test_a_queue_that_is_full_fails_what_it_cannot_refuse(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a message that was accepted before it had a sender, and a reply."""

    async def respond(self: Egress, outgoing: EgressRequest) -> EgressResponse:
        api.clock.now += 1
        headers = (("Content-Type", "text/xml"),)
        body = f"<Response><Message>{'x' * 1600}</Message></Response>".encode()
        return EgressResponse(200, headers, body, False, "192.0.2.1", Timings(0, 0, 0))

    monkeypatch.setattr(Egress, "send", respond)
    mine = service(api, own(api, US, rate=1), InboundRequestUrl=f"{HOOK}/sms")
    alone = own(api, US_MMS, rate=1)
    hook(api, alone.sid, SmsUrl=f"{HOOK}/sms")
    # Once each has sent a segment, nothing leaves its queue for a thousand seconds; ten hours hold 36 segments.
    for number in (US, US_MMS):
        reaches(api, send(api, From=number)["sid"], "delivered")
    full = [api.post(f"{MESSAGES}.json", {"From": US_MMS, "To": TO, "Body": "x" * 1600}) for _ in range(4)]
    assert_error(full[-1], 429, 21611)
    for _ in range(4):
        last = send(api, MessagingServiceSid=mine, Body="x" * 1600)["sid"]
        shown = reaches(api, last, "queued", "failed")
    assert (shown["status"], shown["error_code"]) == ("failed", 30001)
    for number in (US, US_MMS):
        receive(api, number)
        [reply] = [one for one in replies(api) if one["from"] == number]
        assert reaches(api, reply["sid"], "queued", "failed")["error_code"] == 30001


@ONE_ENGINE
def test_how_a_request_to_an_app_fails(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand the code to the fallback, and write it into an alert. (The client's own tests make the failures
    happen.)
    """
    requests: dict[Failure, int] = {
        Failure.BAD_URL: 11100,
        Failure.BAD_HOST: 11210,
        Failure.ADDRESS_REFUSED: 11205,
        Failure.ADDRESS_UNFIT: 11205,
        Failure.CONNECT_TIMEOUT: 11201,
        Failure.CONNECT_REFUSED: 11202,
        Failure.CONNECT_FAILED: 11205,
        Failure.TLS_HANDSHAKE: 11220,
        Failure.TLS_WRONG_NAME: 11235,
        Failure.TLS_EXPIRED: 11236,
        Failure.TLS_UNTRUSTED: 11237,
        Failure.READ_TIMEOUT: 11200,
        Failure.TOTAL_TIMEOUT: 11203,
        Failure.BROKEN_OFF: 11205,
        Failure.PROTOCOL: 11206,
        Failure.REDIRECTS: 11215,
        Failure.HTTP_VERSION: 11206,
        Failure.CLIENT_CERTIFICATE: 11220,
        Failure.STREAM_REFUSED: 11205,
        Failure.STREAM_RESET: 11205,
        Failure.POOL_CLOSED: 11205,
    }
    assert requests.keys() == set(Failure)
    received: list[dict[str, str]] = []
    failures: list[Failure] = []

    async def fail(self: Egress, outgoing: EgressRequest) -> EgressResponse:
        api.clock.now += 1
        if outgoing.url.endswith("/sms"):
            raise EgressError(failures[-1], "said so")
        received.append(dict(parse_qsl((outgoing.body or b"").decode())))
        return EgressResponse(204, (), b"", False, "192.0.2.1", Timings(0, 0, 0))

    monkeypatch.setattr(Egress, "send", fail)
    service(api, own(api, US), InboundRequestUrl=f"{HOOK}/sms#rc=0", FallbackUrl=f"{HOOK}/fallback")
    for failure in Failure:
        failures.append(failure)
        receive(api, US)
    assert [one["ErrorCode"] for one in received] == [str(requests[failure]) for failure in failures]
    codes = [one["error_code"] for one in alerts(api)]
    assert codes == [one["ErrorCode"] for one in received]


class TestRegistrations:
    """Outcomes of the rules of US networks for registrations that exist and do not apply yet."""

    @pytest.fixture
    def settings_overrides(self) -> dict[str, Any]:
        return {"a2p_enforced": True, "a2p_number_minutes": 5}

    def test_a_number_is_new(self, api: Api) -> None:
        mine = service(api, own(api, US, rate=10_000_000))
        campaign(api, mine, brand(api)["sid"])
        young = send(api, MessagingServiceSid=mine, To="+14155550199")["sid"]
        assert reaches(api, young, "failed", "delivered")["error_code"] == 30035
        api.clock.advance(301)
        old = send(api, MessagingServiceSid=mine, To="+14155550199")["sid"]
        assert reaches(api, old, "failed", "delivered")["status"] == "delivered"

    def test_a_rejected_verification(self, api: Api) -> None:
        number = own(api, "+18005550123", kind="toll-free")
        form = pairs(VERIFICATION, TollfreePhoneNumberSid=number.sid)
        sid = api.post(VERIFICATIONS, form).json()["sid"]
        Operator(api).decide(sid, "reject", Reason="No.")
        shown = api.get(f"{VERIFICATIONS}/{sid}").json()
        assert (shown["error_code"], shown["rejection_reason"]) == (30445, "No.")
