"""The rules of one connection, rule by rule."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from trunkline.core.access_tokens import Grant
from trunkline.realtime import session as module
from trunkline.realtime.border import TooManyLogins, TunnelReply, TunnelRequest
from trunkline.realtime.continuation_tokens import Seal
from trunkline.realtime.effects import (
    Abort,
    Effects,
    HangUp,
    Login,
    RealtimeSessionState,
    RunRequest,
    SendFrames,
    SendPacket,
    SessionRules,
    VerifyToken,
)
from trunkline.realtime.server_packets import OFFLOAD, WITHDRAWN, unauthorized
from trunkline.realtime.session import ACK_WITHIN, SECOND, RealtimeSession
from trunkline.realtime.twilsock import MAX_HEADER_BYTES
from unit.realtime.wire import ReceivedPacket, init, packet, parse, request

START = 1_000 * SECOND
EXPIRES = START + 3600 * SECOND
JSON = {"content-type": "application/json"}


def grant(**changes: Any) -> Grant:
    fields: dict[str, Any] = {
        "account_sid": "AC1",
        "services": {"data_sync": "IS1", "ip_messaging": "IS2"},
        "identity": "alice",
        "key_sid": "SK1",
        "expires_at": EXPIRES,
    }
    return Grant(**{**fields, **changes})


IDS = count(1)


def new_session() -> RealtimeSession:
    def new_id() -> str:
        return f"{next(IDS):032x}"

    return RealtimeSession(SessionRules(Seal(b"key", new_id), new_id), START)


def open_session(**changes: Any) -> RealtimeSession:
    session = new_session()
    session.receive(init(), START)
    session.verified(grant(**changes), START)
    assert session.state is RealtimeSessionState.OPEN
    return session


def sent(effects: Effects) -> list[ReceivedPacket]:
    return [parse(effect.packet) for effect in effects if isinstance(effect, SendPacket)]


def kinds(effects: Effects) -> list[type]:
    return [type(effect) for effect in effects]


def status(effects: Effects) -> dict[str, Any]:
    found = sent(effects)[0].header["status"]
    assert isinstance(found, dict)
    return found


# init


def test_init_is_verified_for_the_product_that_registers() -> None:
    session = new_session()
    assert session.receive(init("tok", product="ip_messaging"), START) == [VerifyToken("tok", "ip_messaging")]


@pytest.mark.parametrize("registrations", [None, []])
def test_a_client_that_registers_nothing_is_a_sync_client(registrations: Any) -> None:
    effects = new_session().receive(init("tok", registrations=registrations), START)
    assert effects == [VerifyToken("tok", "data_sync")]


def test_an_init_without_a_token_is_verified_too() -> None:
    assert new_session().receive(packet("init"), START) == [VerifyToken("", "data_sync")]


def test_the_answer_to_init() -> None:
    session = new_session()
    session.receive(init(id="TMx"), START)
    effects = session.verified(grant(), START)
    assert kinds(effects) == [SendPacket, Login]
    [(header, _)] = sent(effects)
    assert header["id"] == "TMx"
    assert header["method"] == "reply"
    assert header["status"] == {"code": 200, "status": "OK"}
    assert header["capabilities"] == ["client_update", "offline_storage", "telemetry.v1"]
    assert header["continuation_token_status"] == {
        "reissued": True,
        "reissue_reason": "MISSING",
        "reissue_message": "Continuation token is not provided",
    }
    assert header["account_descriptor"] == {
        "account_sid": "AC1",
        "instance_sids": {"data_sync": "IS1", "ip_messaging": "IS2"},
        "identity": "alice",
    }
    assert list(header["offline_storage"]) == ["data_sync"]
    assert len(header["offline_storage"]["data_sync"]["storage_id"]) == 40
    [echoed] = header["init_registrations"]
    assert (echoed["product"], echoed["type"]) == ("data_sync", "ers")
    assert echoed["message_types"] == ["twilio.sync.event"]
    assert len(echoed["notification_ctx_id"]) == 32


def test_a_client_that_comes_back_is_the_same_endpoint() -> None:
    first = new_session()
    first.receive(init(), START)
    effects = first.verified(grant(), START)
    token = sent(effects)[0].header["continuation_token"]
    for identity, reason in (("alice", ""), ("bob", "DIFFERENT_IDENTITY")):
        again = new_session()
        again.receive(init(continuation_token=token), START)
        response = again.verified(grant(identity=identity), START)
        status = sent(response)[0].header["continuation_token_status"]
        assert (status["reissued"], status["reissue_reason"]) == (bool(reason), reason)
        assert (effects[1] == response[1]) is (reason == "")


@pytest.mark.parametrize("code", [20101, 20103, 20104, 20106, 20107])
def test_a_refused_init(code: int) -> None:
    session = new_session()
    session.receive(init(id="TMx"), START)
    effects = session.refused(unauthorized(code, "No"), START)
    assert kinds(effects) == [SendPacket, HangUp]
    assert sent(effects)[0].header["id"] == "TMx"
    assert status(effects) == {"code": 401, "status": "UNAUTHORIZED", "description": "No", "errorCode": code}
    assert session.receive(init(), START) == []


def test_a_token_that_runs_out_while_it_is_verified() -> None:
    session = new_session()
    session.receive(init(), START)
    assert status(session.verified(grant(expires_at=START), START))["errorCode"] == 20104


def test_too_many_log_ins() -> None:
    session = new_session()
    session.receive(init(), START)
    effects = session.put_off(TooManyLogins(2500), START)
    assert (status(effects)["code"], status(effects)["errorCode"]) == (429, 51202)
    assert sent(effects)[0].payload["backoff_policy"]["reconnect_min_ms"] == 2500
    assert kinds(effects) == [SendPacket, HangUp]


def test_a_verdict_that_cannot_be_had() -> None:
    session = new_session()
    session.receive(init(), START)
    effects = session.failed(START)
    assert (status(effects)["code"], kinds(effects)) == (500, [SendPacket, HangUp])


@pytest.mark.parametrize(
    "message", [request("GET", "/v3/Maps/x"), packet("update", token="t"), packet("put_notification_ctx")]
)
def test_nothing_comes_before_init(message: bytes) -> None:
    session = new_session()
    effects = session.receive(message, START)
    assert (sent(effects)[0].header["method"], status(effects)["code"]) == ("close", 417)


@pytest.mark.parametrize("message", [packet("telemetry.v1", events=[]), packet("reply")])
def test_what_needs_no_answer_gets_none(message: bytes) -> None:
    assert new_session().receive(message, START) == []
    assert open_session().receive(message, START) == []


def test_a_client_has_ten_seconds_for_init() -> None:
    session = new_session()
    assert session.due == START + 10 * SECOND
    assert session.tick(session.due - 1) == []
    assert session.tick(session.due) == [HangUp()]


def test_the_verifier_may_take_longer() -> None:
    session = new_session()
    session.receive(init(), START)
    assert session.tick(START + 60 * SECOND) == []
    assert kinds(session.verified(grant(), START + 60 * SECOND)) == [SendPacket, Login]


# update


def test_an_update() -> None:
    session = open_session(expires_at=START + 200 * SECOND)
    assert session.receive(packet("update", "TMu", token="new"), START) == [VerifyToken("new", "data_sync")]
    effects = session.verified(grant(key_sid="SK2"), START)
    assert kinds(effects) == [SendPacket]
    assert (sent(effects)[0].header["id"], status(effects)) == ("TMu", {"code": 200, "status": "OK"})
    assert session.tick(START + 201 * SECOND) != []
    assert session.state is RealtimeSessionState.OPEN
    assert session.grant == grant(key_sid="SK2")


@pytest.mark.parametrize(
    "changes", [{"identity": "bob"}, {"account_sid": "AC2"}, {"services": {"data_sync": "IS9"}}]
)
def test_an_update_for_somebody_else(changes: dict[str, Any]) -> None:
    session = open_session()
    session.receive(packet("update", token="new"), START)
    effects = session.verified(grant(**changes), START)
    assert kinds(effects) == [SendPacket, HangUp]
    assert status(effects) == {
        "code": 401,
        "status": "UNAUTHORIZED",
        "description": "Can't update token, new token was issued for other identity/instance/product.",
        "errorCode": 51215,
    }
    assert session.grant == grant()


def test_a_refused_update_ends_the_connection() -> None:
    session = open_session()
    session.receive(packet("update", token="new"), START)
    effects = session.refused(unauthorized(20101, "Invalid Access Token"), START)
    assert (kinds(effects), status(effects)["status"]) == ([SendPacket, HangUp], "UNAUTHORIZED")


def test_a_second_init_must_be_of_the_same_client() -> None:
    session = open_session()
    session.receive(init(), START)
    assert kinds(session.verified(grant(), START)) == [SendPacket]
    session.receive(init(), START)
    assert status(session.verified(grant(identity="bob"), START))["errorCode"] == 51215


# Expiry


def test_the_client_is_warned_once_and_closed_when_its_token_expires() -> None:
    session = open_session()
    warn = EXPIRES - 180 * SECOND
    effects = session.tick(warn)
    assert [one.header["method"] for one in sent(effects)] == ["client_update", "ping"]
    warning = sent(effects)[0].header
    assert warning["client_update_type"] == "token_about_to_expire"
    assert "180000 ms" in warning["client_update_message"]
    session.receive(packet("reply"), warn)
    assert all(one.header["method"] == "ping" for one in sent(session.tick(warn + 31 * SECOND)))
    effects = session.tick(EXPIRES)
    assert sent(effects)[0].header["method"] == "close"
    assert status(effects) == {
        "code": 410,
        "status": "TOKEN_EXPIRED",
        "description": "Token expired",
        "errorCode": 51207,
    }


def test_a_short_token_is_warned_about_at_once_and_again_after_an_update() -> None:
    session = new_session()
    session.receive(init(), START)
    effects = session.verified(grant(expires_at=START + 100 * SECOND), START)
    assert kinds(effects) == [SendPacket, Login, SendPacket]
    assert sent(effects)[1].header["client_update_message"].endswith("less than 100000 ms")
    session.receive(packet("update", token="n"), START)
    effects = session.verified(grant(expires_at=START + 90 * SECOND), START)
    assert [one.header["method"] for one in sent(effects)] == ["reply", "client_update"]


def test_a_request_after_expiry_is_not_run() -> None:
    session = open_session()
    assert status(session.receive(request("GET", "/v3/Maps/x"), EXPIRES))["code"] == 410


def test_due_leads_from_one_moment_to_the_next() -> None:
    """Check that a session that only runs when it is due misses nothing."""
    session = open_session(expires_at=START + 100 * SECOND + 180 * SECOND)
    methods = []
    while session.state is RealtimeSessionState.OPEN:
        now = session.due
        methods += [(one.header["method"], (now - START) // SECOND) for one in sent(session.tick(now))]
        session.receive(packet("reply"), now)
    assert methods == [
        ("ping", 30),
        ("ping", 60),
        ("ping", 90),
        ("client_update", 100),
        *[("ping", at) for at in range(120, 271, 30)],
        ("close", 280),
    ]


# Liveness


def test_a_client_that_misses_two_pings_is_cut_off() -> None:
    session = open_session()
    for seconds in (30, 60):
        assert sent(session.tick(START + seconds * SECOND))[0].header["method"] == "ping"
    assert session.tick(START + 90 * SECOND - 1) == []
    assert session.tick(START + 90 * SECOND) == [Abort()]
    assert session.tick(START + 900 * SECOND) == []


def test_any_packet_shows_that_the_client_lives() -> None:
    session = open_session()
    for seconds in (30, 60):
        session.tick(START + seconds * SECOND)
    session.receive(packet("telemetry.v1"), START + 89 * SECOND)
    assert kinds(session.tick(START + 90 * SECOND)) == [SendPacket]


# Requests


def test_a_request_and_its_answer() -> None:
    session = open_session()
    frame = request("POST", "/v3/Maps/a%2Fb", "TMr", {"x": 1}, active_grant="ip_messaging")
    [run] = session.receive(frame, START)
    assert isinstance(run, RunRequest)
    assert run.request == TunnelRequest(
        "ip_messaging", "IS2", "POST", ("v3", "Maps", "a/b"), (), {}, b'{"x": 1}'
    )
    effects = session.replied(TunnelReply(201, {**JSON, "etag": '"0"'}, b'{"y":2}', (b"f1", b"f2")), START)
    assert kinds(effects) == [SendPacket, SendFrames]
    [(header, payload)] = sent(effects)
    assert (header["id"], header["status"]) == ("TMr", {"code": 200, "status": "OK"})
    assert header["http_status"] == {"code": 201, "status": "Created"}
    assert header["http_headers"] == {**JSON, "etag": '"0"'}
    assert (header["payload_type"], payload) == ("application/json", {"y": 2})


def test_a_request_without_a_grant_named_runs_under_the_connections() -> None:
    [run] = open_session().receive(request("GET", "/v3/Maps"), START)
    assert isinstance(run, RunRequest)
    assert (run.request.product, run.request.service_sid) == ("data_sync", "IS1")


def test_a_request_under_a_grant_that_is_not_there() -> None:
    session = open_session(services={"data_sync": "IS1"})
    effects = session.receive(request("GET", "/v3/Maps", active_grant="ip_messaging"), START)
    [(header, payload)] = sent(effects)
    assert (header["status"]["code"], header["http_status"]["code"], payload["code"]) == (200, 403, 20106)


@pytest.mark.parametrize(
    ("path", "code", "status"),
    [("/v3/Maps/%00", 20001, 400), ("/" * (MAX_HEADER_BYTES + 1), 20413, 413)],
    ids=["a NUL", "a header that is too long"],
)
def test_a_request_that_cannot_be_read_is_refused_and_the_next_one_is_run(
    path: str, code: int, status: int
) -> None:
    session = open_session()
    [(header, payload)] = sent(session.receive(request("GET", path, "TMr"), START))
    assert (header["id"], header["status"]["code"]) == ("TMr", 200)
    assert (header["http_status"]["code"], payload["code"]) == (status, code)
    [run] = session.receive(request("GET", "/v3/Maps"), START)
    assert isinstance(run, RunRequest)


@pytest.mark.parametrize(
    ("code", "phrase"), [(412, "Precondition Failed"), (429, "Too Many Requests"), (599, "Unknown")]
)
def test_an_http_error_is_no_transport_error(code: int, phrase: str) -> None:
    session = open_session()
    session.receive(request("GET", "/v3/Maps"), START)
    [(header, payload)] = sent(session.replied(TunnelReply(code), START))
    assert header["status"]["code"] == 200
    assert header["http_status"] == {"code": code, "status": phrase}
    assert payload is None


def test_requests_are_handled_in_order_one_at_a_time() -> None:
    session = open_session()
    assert kinds(session.receive(request("GET", "/1", "TM1"), START)) == [RunRequest]
    assert session.receive(request("GET", "/2", "TM2"), START) == []
    assert session.receive(packet("update", "TM3", token="t"), START) == []
    assert session.receive(packet("put_notification_ctx", "TM4"), START) == []
    assert session.receive(request("GET", "/5", "TM5"), START) == []
    assert session.backlog == 4
    answered: list[str] = []

    def step(effects: Effects) -> type:
        answered.extend(one.header["id"] for one in sent(effects))
        return kinds(effects)[-1]

    assert step(session.replied(TunnelReply(200), START)) is RunRequest
    assert step(session.replied(TunnelReply(200), START)) is VerifyToken
    assert step(session.verified(grant(), START)) is RunRequest
    assert step(session.replied(TunnelReply(200), START)) is SendPacket
    assert answered == ["TM1", "TM2", "TM3", "TM4", "TM5"]
    assert session.backlog == 0


def test_requests_behind_a_refused_update_are_not_run() -> None:
    session = open_session()
    session.receive(packet("update", token="t"), START)
    session.receive(request("GET", "/2"), START)
    assert kinds(session.refused(unauthorized(20104, "No"), START)) == [SendPacket, HangUp]
    assert session.backlog == 0


def test_a_request_may_follow_init_at_once() -> None:
    session = new_session()
    session.receive(init(), START)
    assert session.receive(request("GET", "/x"), START) == []
    assert kinds(session.verified(grant(), START)) == [SendPacket, Login, RunRequest]


@pytest.mark.parametrize(
    ("method", "code"), [("put_notification_ctx", 200), ("delete_notification_ctx", 200), ("dance", 400)]
)
def test_other_packets_are_answered(method: str, code: int) -> None:
    effects = open_session().receive(packet(method, "TMn", b"ctx"), START)
    assert (sent(effects)[0].header["id"], status(effects)["code"]) == ("TMn", code)


# The end


@pytest.mark.parametrize("make", [new_session, open_session])
@pytest.mark.parametrize("how", [lambda one: one.receive(b"hello", START), lambda one: one.garbage(START)])
def test_garbage_closes_with_406(
    make: Callable[[], RealtimeSession], how: Callable[[RealtimeSession], Effects]
) -> None:
    session = make()
    effects = how(session)
    assert status(effects) == {
        "code": 406,
        "status": "NOT_ACCEPTABLE_MESSAGE",
        "description": "Not acceptable message",
        "errorCode": 51214,
    }
    assert session.tick(START + SECOND) == [HangUp()]


def test_a_close_ends_with_its_acknowledgement() -> None:
    session = open_session()
    id = sent(session.close(WITHDRAWN, START))[0].header["id"]
    assert session.receive(packet("reply", "other"), START) == []
    assert session.receive(request("GET", "/x"), START) == []
    assert session.receive(packet("reply", id), START) == [HangUp()]
    assert session.close(OFFLOAD, START) == []


def test_a_close_without_acknowledgement_ends_after_a_while() -> None:
    session = open_session()
    session.close(WITHDRAWN, START)
    assert session.tick(START + 299_999) == []
    assert session.tick(session.due) == [HangUp()]
    assert session.due == START + 1_300_000
    assert session.tick(session.due) == [Abort()]
    assert session.due == module.NEVER


def test_a_client_that_closes_is_hung_up_on() -> None:
    session = open_session()
    session.receive(request("GET", "/x"), START)
    assert not session.closed
    assert session.receive(packet("close"), START) == [HangUp()]
    assert session.closed
    assert session.replied(TunnelReply(200), START) == []


def test_going_away_tells_when_to_come_back() -> None:
    effects = open_session().offload(2500, START, 5 * SECOND)
    [(header, payload)] = sent(effects)
    assert (header["method"], header["status"]["code"]) == ("close", 308)
    assert payload == {"backoff_policy": {"reconnect_min_ms": 2500, "reconnect_max_ms": 5000}}


def test_going_away_waits_for_the_request_in_hand() -> None:
    session = open_session()
    session.receive(request("GET", "/1", "TM1"), START)
    session.receive(request("GET", "/2", "TM2"), START)
    assert session.offload(2500, START, 5 * SECOND) == []
    effects = session.replied(TunnelReply(200), START)
    assert [one.header["method"] for one in sent(effects)] == ["reply", "close"]
    assert kinds(effects) == [SendPacket, SendPacket]


def test_going_away_does_not_wait_for_ever() -> None:
    session = open_session()
    session.receive(request("GET", "/1"), START)
    session.offload(2500, START, 5 * SECOND)
    assert session.due == START + 5 * SECOND
    assert status(session.tick(session.due))["code"] == 308


def test_who_is_not_logged_in_is_just_hung_up_on() -> None:
    session = new_session()
    assert session.offload(2500, START, SECOND) == [HangUp()]
    assert session.due == START + ACK_WITHIN


@pytest.mark.parametrize(
    "late",
    [
        lambda one: one.verified(grant(), START),
        lambda one: one.refused(unauthorized(1, ""), START),
        lambda one: one.failed(START),
        lambda one: one.replied(TunnelReply(200), START),
        lambda one: one.receive(init(), START),
        lambda one: one.tick(START + 99 * SECOND),
        lambda one: one.offload(1, START, SECOND),
        lambda one: one.close(OFFLOAD, START),
    ],
)
def test_a_connection_that_is_gone_does_nothing(late: Callable[[RealtimeSession], Effects]) -> None:
    session = new_session()
    session.receive(init(), START)
    session.hung_up()
    assert late(session) == []
    assert session.due == module.NEVER
