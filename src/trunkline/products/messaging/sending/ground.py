"""What sending stands on: the storage, the clock, the carriers and the operator's rules."""

from __future__ import annotations

import msgspec

from trunkline.core.clock import Clock
from trunkline.core.storage.batch import BatchWriter
from trunkline.core.storage.database import Database
from trunkline.products.manifest import PublicAddress
from trunkline.products.messaging.compliance.enforcement import Enforcement
from trunkline.products.messaging.sending.outcomes import Ended
from trunkline.products.messaging.sending.pace import Paces
from trunkline.products.messaging.sending.prices import Prices
from trunkline.transports.base import Carriers


class Ground(msgspec.Struct, frozen=True):
    """``node`` names this process; ``ends`` writes down how hand-overs ended; ``paces`` are the rates that senders
    share; below ``address`` networks fetch attachments; ``enforcement`` are the operator's rules for the US, ``prices``
    what messages cost."""

    database: Database
    clock: Clock
    carriers: Carriers
    node: str
    ends: BatchWriter[Ended]
    paces: Paces
    address: PublicAddress
    enforcement: Enforcement
    prices: Prices
