"""The context of sending: the storage, the clock, the carriers and the operator's rules."""

from __future__ import annotations

import msgspec

from trunkline.core.clock import Clock
from trunkline.core.storage.batch import BatchWriter
from trunkline.core.storage.database import Database
from trunkline.products.manifest import PublicAddress
from trunkline.products.messaging.compliance.enforcement import Enforcement
from trunkline.products.messaging.sending.handover_results import HandoverResult
from trunkline.products.messaging.sending.prices import Prices
from trunkline.products.messaging.sending.shared_rates import SharedRates
from trunkline.transports.base import Carriers


class SendingContext(msgspec.Struct, frozen=True):
    """The context of sending on one node. ``steady`` is the clock of the leases. ``node`` names this process;
    ``results`` records the results of
    hand-overs; ``shared_rates`` are the rates that senders share; networks fetch attachments below ``address``;
    ``enforcement`` holds the operator's rules for the US, ``prices`` the costs of messages."""

    database: Database
    clock: Clock
    steady: Clock
    carriers: Carriers
    node: str
    results: BatchWriter[HandoverResult]
    shared_rates: SharedRates
    address: PublicAddress
    enforcement: Enforcement
    prices: Prices
    under_way: set[str] = msgspec.field(default_factory=set)
    """The SIDs of the messages whose results this node awaits."""
