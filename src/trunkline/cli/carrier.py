"""``trunkline carrier``: the configured carriers, and whether one can be reached."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from trunkline.app.carriers import Route, configured, described, open_carrier, rules
from trunkline.cli.failure import explained, fail
from trunkline.cli.options import with_settings
from trunkline.cli.printing import AsJson, print_json, print_table
from trunkline.core.sids import new_sid
from trunkline.products.messaging.facade import cut
from trunkline.settings import Settings
from trunkline.transports.base import Carrier, Inbound, Receipt, SenderKind, Submission, Submitted

app = typer.Typer(no_args_is_help=True, help="List the configured carriers, or try one.")

_LOOK_SECONDS = 0.05
_NO_CARRIER = "no carrier is configured: messages go to the sandbox of this machine"


@app.command("list")
@with_settings("carriers", "carrier_routes")
def show_all(settings: Settings, as_json: AsJson = False) -> None:
    """List the carriers and the routes to them."""
    with explained():
        found, routes = configured(settings), rules(settings)
    rows = [described(route) for route in found or [None]]
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
    seconds: Annotated[float, typer.Option(min=0.1, max=300, help="How long to wait for each step.")] = 15,
) -> None:
    """Connect to a carrier as the server does, and tell how far it got; with --to, send a message through it."""
    if to and not sender:
        raise fail("--to needs --from")
    with explained():
        found = {route.name: route for route in configured(settings) if route}
    if name not in found:
        raise fail(f"no carrier to connect to is called {name}; `trunkline carrier list` shows them")
    if not asyncio.run(_try(found[name], _submission(sender, to, text) if to else None, seconds)):
        raise fail(f"{name} did not work")


class _Listener:
    """Prints what the carrier tells."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()

    async def receipt(self, receipt: Receipt) -> None:
        typer.echo(f"receipt for {receipt.id}: {receipt.state.value} {receipt.text}".rstrip())
        self.heard.set()

    async def inbound(self, inbound: Inbound) -> None:
        typer.echo(f"a message from {inbound.sender} to {inbound.recipient} came; it is left to the server")
        # Refused, so that the network sends it again to the server.
        raise ConnectionError("only a test")


async def _try(route: Route, submission: Submission | None, seconds: float) -> bool:
    carrier, listener = open_carrier(route), _Listener()
    await carrier.start(listener)
    try:
        ready = await _wait(carrier, seconds)
        for option, value in carrier.shown().items():
            typer.echo(f"{option}: {value}")
        if not ready:
            return False
        if submission is None:
            return True
        outcome = await carrier.submit(submission)
        typer.echo(f"the network answers: {outcome}")
        if not isinstance(outcome, Submitted):
            return False
        if not outcome.final:
            try:
                await asyncio.wait_for(listener.heard.wait(), seconds)
            except TimeoutError:
                typer.echo(f"no receipt came within {seconds:g} s")
        return True
    finally:
        await carrier.stop()


async def _wait(carrier: Carrier, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    last = loop.time() + seconds
    # A carrier's state is looked at, here as by the server's lanes.
    while not carrier.ready and loop.time() < last:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_SECONDS)
    return carrier.ready


def _submission(sender: str, to: str, text: str) -> Submission:
    encoding, parts = cut(text)
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
        parts=parts,
    )
