"""``trunkline carrier``: the configured carriers, and a test of one.

The test connects to a carrier as the server does, and waits for each step at most ``--seconds``. With a message it then
waits for the outcome of the submission, and after that for a final receipt. A receipt may arrive before the outcome
that has its id, so receipts wait until the outcome is there. Receipts and messages that belong to the server are
rejected, so that the network delivers them again to the server. The carrier is closed on every way out.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from trunkline.cli.errors import fail
from trunkline.cli.options import with_settings
from trunkline.cli.printing import AsJson, as_shown, label, print_fields, print_json, print_table
from trunkline.core.clock import system_clock
from trunkline.core.egress.failure import EgressError
from trunkline.core.sids import new_sid
from trunkline.products.messaging.facade import split_segments
from trunkline.settings import Settings
from trunkline.transports.base import (
    Acceptance,
    Carrier,
    CarrierProblem,
    Deferral,
    InboundMessage,
    Outcome,
    Receipt,
    ReceiptState,
    Rejection,
    SenderKind,
    Submission,
)
from trunkline.transports.carriers import open_carrier
from trunkline.transports.http.carrier import HttpCarrier
from trunkline.transports.options import NetworkRoute, SandboxRoute

app = typer.Typer(no_args_is_help=True, help="List the configured carriers, or test one.")

_POLL_SECONDS = 0.05
_NO_CARRIER = "no carrier is configured: messages go to the sandbox of this machine"


@app.command("list")
@with_settings("carriers", "carrier_routes")
def show_all(settings: Settings, as_json: AsJson = False) -> None:
    """List the carriers and the routes to them."""
    found, routes = settings.messaging.carriers, settings.messaging.carrier_routes
    rows = [(route.name, route.kind, route.address) for route in found or (SandboxRoute(),)]
    if as_json:
        print_json(
            {
                "carriers": [dict(zip(("name", "kind", "address"), row, strict=True)) for row in rows],
                "routes": [
                    {"carrier": rule.carrier, "prefix": rule.prefix, "sender": rule.sender} for rule in routes
                ],
            }
        )
        return
    if not found:
        typer.echo(_NO_CARRIER)
    print_table(("NAME", "KIND", "ADDRESS"), rows)
    if routes:
        print_table(
            ("TO", "FROM", "CARRIER"),
            [(rule.prefix or "any", rule.sender or "any", rule.carrier) for rule in routes],
        )


@app.command("test")
@with_settings("carriers", "carrier_routes")
def test(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The carrier.")],
    to: Annotated[str, typer.Option(help="Send a message to this number too, E.164.")] = "",
    sender: Annotated[str, typer.Option("--from", help="The message's sender.")] = "",
    text: Annotated[str, typer.Option(help="The message's text.")] = "Trunkline test",
    seconds: Annotated[float, typer.Option(min=0.1, max=300, help="Seconds to wait for each step.")] = 15,
) -> None:
    """Connect to a carrier as the server does, and print the result; with --to, send a message through it."""
    if to and not sender:
        raise fail("--to needs --from")
    route = next((route for route in settings.messaging.carriers if route.name == name), None)
    if route is None or isinstance(route, SandboxRoute):
        raise fail(f"no carrier to connect to is called {name}; `trunkline carrier list` shows them")
    submission = _submission(sender, to, text) if to else None
    if not asyncio.run(_try(route, submission, seconds, settings.webhooks.egress_ca_file)):
        raise fail(f"{name} did not work")


class _TestReceiver:
    """The receiver of a test. It prints the receipts of the test's own message and rejects the rest."""

    def __init__(self) -> None:
        self.ids: tuple[str, ...] = ()
        self.submitted = asyncio.Event()
        self.ended = asyncio.Event()

    async def receipt(self, receipt: Receipt) -> None:
        # It may arrive before the outcome that has its id.
        if not await self._has(receipt):
            typer.echo("a receipt for another message came; it is left to the server")
            raise ConnectionError("only a test")
        typer.echo(f"receipt for {receipt.id}: {receipt.state.value} {receipt.text}".rstrip())
        if receipt.state is not ReceiptState.ENROUTE:
            self.ended.set()

    async def awaits(self, receipt: Receipt, phone: str, number: str) -> bool:
        return await self._has(receipt)

    async def _has(self, receipt: Receipt) -> bool:
        await self.submitted.wait()
        return not set(self.ids).isdisjoint(receipt.ids)

    async def problem(self, problem: CarrierProblem) -> None:
        typer.echo(problem.text)

    async def inbound(self, inbound: InboundMessage) -> bool:
        typer.echo(f"a message from {inbound.sender} to {inbound.recipient} came; it is left to the server")
        raise ConnectionError("only a test")


async def _try(route: NetworkRoute, submission: Submission | None, seconds: float, ca_file: str) -> bool:
    carrier, receiver = open_carrier(route, system_clock, ca_file=ca_file), _TestReceiver()
    if submission is None:
        receiver.submitted.set()
    await carrier.start(receiver)
    try:
        reached = await _reach(carrier, seconds)
        _print_state(carrier.shown())
        if not reached or submission is None:
            return reached
        return await _send(carrier, receiver, submission, seconds)
    finally:
        await carrier.stop()


async def _reach(carrier: Carrier, seconds: float) -> bool:
    """Return whether the carrier can accept messages."""
    if not isinstance(carrier, HttpCarrier):
        return await _wait(carrier, seconds)
    try:
        async with asyncio.timeout(seconds):
            typer.echo(f"the gateway is there: it responds to OPTIONS with {await carrier.probe()}")
    except (EgressError, TimeoutError) as error:
        typer.echo(f"the gateway cannot be reached: {error or 'no response'}")
        return False
    return True


async def _send(carrier: Carrier, receiver: _TestReceiver, submission: Submission, seconds: float) -> bool:
    outcome = await carrier.submit(submission)
    typer.echo(described(outcome))
    receiver.ids = outcome.ids
    receiver.submitted.set()
    if not isinstance(outcome, Acceptance):
        return False
    if isinstance(carrier, HttpCarrier):
        typer.echo("a gateway reports deliveries to the server, not to this test")
    elif not outcome.final:
        try:
            await asyncio.wait_for(receiver.ended.wait(), seconds)
        except TimeoutError:
            typer.echo(f"no receipt came within {seconds:g} s")
    return True


def _print_state(shown: dict[str, Any]) -> None:
    """Print the state of a carrier, and a table of its binds."""
    binds = shown.pop("binds", [])
    print_fields(shown)
    if binds:
        headings = ("BIND", *(label(name).upper() for name in binds[0]))
        rows = [(str(number), *map(as_shown, bind.values())) for number, bind in enumerate(binds, 1)]
        print_table(headings, rows)


def described(outcome: Outcome) -> str:
    """Return an outcome as people read it."""
    ids = f"; ids of accepted segments: {', '.join(outcome.ids)}" if outcome.ids else ""
    match outcome:
        case Acceptance():
            receipts = ", and sends no receipts" if outcome.final else ""
            return f"the network accepts the message{receipts}{ids}"
        case Rejection():
            return f"the network rejects the message with {outcome.error_code}: {outcome.reason}{ids}"
        case Deferral():
            return f"the network defers the message for {outcome.after:g} s: {outcome.reason}{ids}"
    return f"the network does not respond, and may have the message: {outcome.reason}{ids}"


async def _wait(carrier: Carrier, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    last = loop.time() + seconds
    # A carrier's state is polled, here as by the server's lanes. An alarm stays until the operator acts.
    while not carrier.ready and not carrier.shown().get("alarm") and loop.time() < last:  # noqa: ASYNC110
        await asyncio.sleep(_POLL_SECONDS)
    return carrier.ready


def _submission(sender: str, to: str, text: str) -> Submission:
    encoding, parts = split_segments(text)
    kind = SenderKind.NUMBER if sender.startswith("+") else SenderKind.SHORT_CODE
    if not sender.startswith("+") and not sender.isdigit():
        kind = SenderKind.ALPHANUMERIC
    return Submission(
        message_sid=new_sid("SM"),
        account_sid=new_sid("AC"),
        sender=sender,
        sender_kind=kind,
        recipient=to,
        encoding=encoding,
        segments=parts,
    )
