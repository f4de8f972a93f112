"""``trunkline carrier``: what is configured, and whether it can be reached."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from smsc import Reply, Smsc, Submit, background, mobile, receipt
from trunkline.cli.carrier import described
from trunkline.transports.base import Acceptance, Deferral, Outcome, Rejection, UnknownOutcome
from trunkline.transports.smpp.commands import CommandStatus
from unit.cli.conftest import Cli

SECRET, PASSWORD = "sixteen letters and more", "pass-1"
TO, FROM = "+15005550100", "+15005550006"
TWO = f"""
[[carriers]]
name = "main"
host = "127.0.0.1"
port = PORT
system_id = "trunkline"
password = "{PASSWORD}"

[[carriers]]
name = "gate"
kind = "http"
url = "https://me:word@gate.example.com/sms?key=hidden"
secret = "{SECRET}"
authorization = "Bearer hidden"

[[carriers]]
kind = "sandbox"

[[carrier_routes]]
prefix = "+49"
carrier = "gate"

[[carrier_routes]]
sender = "12345"
carrier = "sandbox"
"""


def configure(text: str, port: int = 2775) -> None:
    Path("trunkline.toml").write_text(text.replace("PORT", str(port)))


def test_without_any_there_is_the_sandbox(cli: Cli) -> None:
    shown = cli("carrier", "list")
    assert (shown.code, shown.err) == (0, "")
    assert "no carrier is configured: messages go to the sandbox of this machine" in shown.out
    assert cli("carrier", "list", "--json").json == {
        "carriers": [{"name": "sandbox", "kind": "sandbox", "address": "this machine"}],
        "routes": [],
    }


def test_carriers_and_routes_are_listed_without_secrets(cli: Cli) -> None:
    configure(TWO)
    assert cli("carrier", "list", "--json").json == {
        "carriers": [
            {"name": "main", "kind": "smpp", "address": "127.0.0.1:2775"},
            {"name": "gate", "kind": "http", "address": "https://gate.example.com/sms"},
            {"name": "sandbox", "kind": "sandbox", "address": "this machine"},
        ],
        "routes": [
            {"carrier": "gate", "prefix": "+49", "sender": ""},
            {"carrier": "sandbox", "prefix": "", "sender": "12345"},
        ],
    }
    lines = [line.split() for line in cli("carrier", "list").out.splitlines()]
    assert ["+49", "any", "gate"] in lines
    assert ["any", "12345", "sandbox"] in lines
    assert ["gate", "http", "https://gate.example.com/sms"] in lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[carriers]]\nkind = "pigeon"', "kind must be smpp, http or sandbox"),
        ('[[carriers]]\nname = "a"\nhost = "b"', "carriers: a: system_id is missing"),
        ('[[carriers]]\nhost = "b"', "carriers: a carrier without a name: "),
        ('[[carriers]]\nkind = "sandbox"\nport = 1', "the sandbox is called sandbox and has no options"),
        ('[[carriers]]\nkind = "sandbox"\n[[carriers]]\nkind = "sandbox"', "more than one is called sandbox"),
        (TWO.replace('"gate"\nkind', '"main"\nkind'), "more than one is called main"),
        (TWO.replace('carrier = "gate"', 'carrier = "none"'), "no carrier is called none"),
        (TWO.replace('carrier = "gate"', ""), "carrier_routes: carrier is missing"),
        (TWO.replace(SECRET, "short"), "gate: secret must be at least 16 characters long"),
    ],
)
def test_what_is_configured_wrongly_is_told(cli: Cli, text: str, message: str) -> None:
    configure(text)
    ended = cli("carrier", "list")
    assert (ended.code, ended.out) == (1, "")
    assert message in ended.err
    assert PASSWORD not in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nobody",), "no carrier to connect to is called nobody"),
        (("sandbox",), "no carrier to connect to is called sandbox"),
        (("main", "--to", TO), "--to needs --from"),
    ],
)
def test_what_cannot_be_tried_is_told(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    configure(TWO)
    ended = cli("carrier", "test", *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert message in ended.err


def test_a_bind_is_tried(cli: Cli) -> None:
    with background(Smsc(password=PASSWORD)) as smsc:
        configure(TWO, smsc.smsc.port)
        ended = cli("carrier", "test", "main")
        assert (ended.code, ended.err) == (0, "")
        state, bind = ended.out.split("\nBIND")
        assert "Ready      yes\n" in state
        assert [line.split() for line in bind.splitlines()] == [
            ["BOUND", "CONNECTIONS", "WAITING", "UNANSWERED", "THROTTLED", "TO", "FAILURE"],
            ["1", "yes", "1", "0", "0", "none", "none"],
        ]
        assert PASSWORD not in ended.out
        smsc.run(smsc.smsc.until(lambda: not smsc.smsc.peers))
        assert (smsc.smsc.count, smsc.smsc.unbinds) == (0, 1)


def test_a_wrong_password_is_told(cli: Cli) -> None:
    with background(Smsc(password="another")) as smsc:
        configure(TWO, smsc.smsc.port)
        ended = cli("carrier", "test", "main", "--seconds", "300")
    assert ended.code == 1
    assert "Ready      no\n" in ended.out
    assert "Alarm      the SMSC refuses the bind: ESME_RINVPASWD" in ended.out
    assert "main did not work" in ended.err


class Busy:
    """An SMSC that has something to deliver to the server when a message comes."""

    def __init__(self) -> None:
        self.smsc = Smsc(password=PASSWORD, respond=self.take)
        self.others: list[asyncio.Future[int]] = []

    def take(self, submit: Submit) -> Reply:
        for body in (receipt(submit, "of another", "DELIVRD"), mobile("15005550177", "15005550006", "Hi")):
            self.others.append(self.smsc.receiver.request(5, body))  # type: ignore[arg-type]
        return Reply(message_id="own", receipt="DELIVRD")


def test_a_message_is_sent_and_what_is_for_the_server_is_left_to_it(cli: Cli) -> None:
    busy = Busy()
    with background(busy.smsc) as smsc:
        configure(TWO, smsc.smsc.port)
        ended = cli("carrier", "test", "main", "--to", TO, "--from", FROM, "--text", "One € more")
        assert (ended.code, ended.err) == (0, "")
        statuses = smsc.run(gathered(busy.others))
    assert "receipt for own: delivered" in ended.out
    assert "a message from +15005550177 to +15005550006 came; it is left to the server" in ended.out
    # Not acknowledged: they are sent again.
    assert CommandStatus.ROK not in statuses
    [submit] = busy.smsc.submits
    assert (submit.body.source, submit.body.destination) == (FROM[1:], TO[1:])


async def gathered(futures: list[asyncio.Future[int]]) -> list[int]:
    return list(await asyncio.gather(*futures))


def test_a_message_that_is_refused_is_told(cli: Cli) -> None:
    with background(Smsc(password=PASSWORD, respond=lambda _: Reply(CommandStatus.RINVDSTADR))) as smsc:
        configure(TWO, smsc.smsc.port)
        ended = cli("carrier", "test", "main", "--to", TO, "--from", "ACME")
    assert ended.code == 1
    assert "the network rejects the message with 30005: " in ended.out


class _Gateway(BaseHTTPRequestHandler):
    methods: list[str]

    def _respond(self) -> None:
        self.methods.append(self.command)
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b'{"id": "g1"}' if self.command == "POST" else b""
        self.send_response(200 if body else 405)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_OPTIONS = do_POST = _respond

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def gateway() -> Iterator[tuple[int, list[str]]]:
    """Yield the port of a gateway, and the methods of its requests."""
    methods: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Gateway", (_Gateway,), {"methods": methods}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1], methods
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_gateway_is_tried(cli: Cli) -> None:
    gate = f'[[carriers]]\nname = "gate"\nkind = "http"\nurl = "http://127.0.0.1:PORT/"\nsecret = "{SECRET}"'
    with gateway() as (port, methods):
        configure(gate, port)
        ended = cli("carrier", "test", "gate")
        assert (ended.code, ended.err, methods) == (0, "", ["OPTIONS"])
        assert "the gateway is there: it responds to OPTIONS with 405" in ended.out
        assert SECRET not in ended.out
        ended = cli("carrier", "test", "gate", "--to", TO, "--from", FROM)
        assert (ended.code, methods) == (0, ["OPTIONS", "OPTIONS", "POST"])
        assert "the network accepts the message; ids of accepted segments: g1\n" in ended.out
    ended = cli("carrier", "test", "gate")
    assert ended.code == 1
    assert "the gateway cannot be reached: " in ended.out
    assert "gate did not work" in ended.err


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (
            Acceptance(("a", "b"), final=True),
            "accepts the message, and sends no receipts; ids of accepted segments: a, b",
        ),
        (Rejection(30005, "unknown"), "rejects the message with 30005: unknown"),
        (
            Deferral(2.5, "busy", ids=("a",)),
            "defers the message for 2.5 s: busy; ids of accepted segments: a",
        ),
        (UnknownOutcome("lost"), "does not respond, and may have the message: lost"),
    ],
)
def test_every_outcome_is_a_sentence(outcome: Outcome, text: str) -> None:
    assert described(outcome) == f"the network {text}"
