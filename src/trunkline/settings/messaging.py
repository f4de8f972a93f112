"""The options of Messaging: carriers, routes, prices, rates, rules of sending, compliance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trunkline.settings.option import option
from trunkline.settings.tables import Price, parse_carriers, parse_prices, parse_routes
from trunkline.settings.values import BadSetting, at_least, countries, one_of, web_address
from trunkline.transports.options import CarrierOptions, SandboxRoute, host_of, lacked_characters
from trunkline.transports.routing import RouteRule

APPROVALS = ("auto", "manual")


def _rate(value: float) -> None:
    if not 0 <= value < 1e6:
        raise ValueError("must be from 0 to 1,000,000")


def _names(carriers: Sequence[CarrierOptions]) -> str:
    """Return the names of carriers, whose options hold secrets."""
    return ", ".join(carrier.name for carrier in carriers) or "none"


@dataclass(frozen=True, kw_only=True)
class MessagingSettings:
    """The options of the table ``[messaging]``."""

    carriers: tuple[CarrierOptions, ...] = option(
        (),
        "The carriers that send SMS, as tables of the file; none is the sandbox.",
        tables=parse_carriers,
        secret=_names,
    )
    carrier_routes: tuple[RouteRule, ...] = option(
        (),
        "The carrier of a message, as tables with carrier, prefix and sender: the first that matches counts;",
        "none is the first carrier.",
        tables=parse_routes,
    )
    sandbox_numbers: bool = option(
        True, "Fill an empty inventory with fictional numbers when the sandbox is the only carrier."
    )
    prices: tuple[Price, ...] = option(
        (),
        "The price of a segment, as tables with prefix, price and unit; the longest prefix counts.",
        tables=parse_prices,
    )
    account_rate: float = option(
        0.0,
        "Segments a second that an account may send through this node, all senders together; 0 for no limit.",
        check=_rate,
    )
    service_rate: float = option(
        0.0,
        "Segments a second that a Messaging Service may send through this node; 0 for no limit.",
        check=_rate,
    )
    public_url: str = option(
        "",
        "Address under which phones and networks reach this server, for links in messages;",
        "empty uses the address that it listens on.",
        check=web_address,
    )
    geo_permissions: str = option(
        "",
        "Countries that messages may be sent to, as ISO codes separated by commas; empty allows all.",
        check=countries,
    )
    refuse_landlines: bool = option(
        True, "Refuse messages to numbers that are known to be landlines, unless they set ForceDelivery."
    )
    blocked_sender_ids: str = option(
        "", "Alphanumeric senders that are refused besides generic ones such as SMS, separated by commas."
    )
    max_service_senders: int = option(
        400,
        "Phone numbers and short codes, in total, in the pool of a Messaging Service.",
        check=at_least(1),
    )
    max_scheduled_messages: int = option(
        500_000, "Scheduled messages that an account may have waiting.", check=at_least(1)
    )
    protect_media: bool = option(
        False, "Require an account's credentials for the attachments of its messages."
    )
    compliance_approval: str = option(
        "auto",
        "Approval of brands, campaigns and toll-free verifications: auto approves at once,",
        "manual leaves it to the operator, over /_trunkline/compliance.",
        check=one_of(*APPROVALS),
    )
    a2p_enforced: bool = option(
        False, "Fail messages from US long codes to the US that no verified campaign covers (30033, 30034)."
    )
    a2p_caps: bool = option(
        False,
        "With a2p_enforced: hold campaigns to their rate (30022) and brands to their daily cap (30023).",
    )
    a2p_number_minutes: int = option(
        0,
        "With a2p_enforced: minutes in which a number that was added to a Service cannot send (30035).",
        check=at_least(0),
    )
    tollfree_enforced: bool = option(
        False, "Fail messages from unverified toll-free numbers to the US and Canada (30032)."
    )

    def __post_init__(self) -> None:
        """Raise BadSetting if a route names a carrier that is not configured."""
        names = self.carrier_names
        for route in self.carrier_routes:
            if route.carrier not in names:
                message = f"carrier_routes: no carrier is called {route.carrier}"
                raise BadSetting(message, "carrier_routes")

    def lacked_characters(self, sender: str, recipient: str, preferred: str) -> frozenset[str]:
        """Return the characters of the GSM alphabet that the carrier of a message lacks, so that a text with one of
        them goes as UCS-2. ``preferred`` is the carrier of the sender's number, or empty."""
        return lacked_characters(self.carriers, self.carrier_routes, sender, recipient, preferred)

    @property
    def carrier_hosts(self) -> tuple[str, ...]:
        """The host names or URLs of the carriers; the sandbox has an empty one."""
        return tuple(map(host_of, self.carriers))

    @property
    def carrier_names(self) -> tuple[str, ...]:
        """The names of the carriers; without any there is the sandbox."""
        return tuple(carrier.name for carrier in self.carriers or (SandboxRoute(),))
