"""The limits of reads and writes: token buckets for each object and class of use.

Figures (doc): 20 reads and 20 writes a second for each Document, List or Map with its items, 30 messages a second for
each Stream, each with bursts of ten seconds' worth; 80 uses a second of one permission; 20 new objects a second for
each Service, sustained, which is measured over a minute (inferred). A write of more than 1 KiB costs more, up to ten
times as much from 10 KiB on. Buckets are this node's own: behind a load balancer the limits are as many times higher
as there are nodes. An object that is addressed by name and by SID has a bucket for each.
"""

from __future__ import annotations

import enum
import math
from typing import Any

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Operation, OperationKind
from trunkline.core.clock import SECOND, Clock
from trunkline.core.rates import TokenBuckets
from trunkline.realtime.objects.types import ObjectKind

MAX_BUCKETS = 100_000
_LABELS = {kind.traits.path: kind.value for kind in ObjectKind}
KIB = 1024


class Rate(enum.Enum):
    """A class of use: uses a second, and how many seconds' worth may come at once."""

    READ = (20, 10, "read")
    WRITE = (20, 10, "write")
    MESSAGE = (30, 10, "message")
    PERMISSION = (80, 10, "permission")
    CREATION = (20, 60, "creation")

    @property
    def rate(self) -> int:
        """The uses a second."""
        return self.value[0]

    @property
    def burst(self) -> int:
        """Microseconds whose uses may come at once."""
        return self.value[1] * SECOND

    @property
    def label(self) -> str:
        """The name of the class in error texts."""
        return self.value[2]


class Buckets:
    """A bucket for each class and key; the least recently used ones are dropped beyond 100,000."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: TokenBuckets[tuple[Rate, str]] = TokenBuckets(MAX_BUCKETS)

    def take(self, rate: Rate, key: str, cost: float = 1.0, subject: str = "") -> None:
        """Use up ``cost``. Raise ApiError 54009 with the seconds to wait when there is less; its text names the limit
        by its class and ``subject``, such as ``write-map-MP…`` (seen)."""
        now = self._clock()
        bucket = self._buckets.get((rate, key), rate.rate, rate.burst)
        if wait := bucket.wait(now, cost):
            raise ApiError(
                54009,
                f"Rate limit exceeded for {rate.label}-{subject}",
                headers={"Retry-After": str(math.ceil(wait / SECOND))},
            )
        bucket.spend(cost, now)


def cost(data: object) -> float:
    """Return the cost of a write of these data, in uses."""
    return min(max(len(data.encode()) / KIB, 1.0), 10.0) if isinstance(data, str) else 1.0


def rate_of(operation: Operation) -> Rate | None:
    """Return the class of an operation; Services and pages of objects are not limited."""
    parts = operation.path.strip("/").split("/")[2:]
    if len(parts) == 1:
        return Rate.CREATION if operation.kind is OperationKind.CREATE else None
    if "Permissions" in parts:
        return Rate.PERMISSION
    if "Messages" in parts:
        return Rate.MESSAGE
    return (Rate.WRITE if operation.writes else Rate.READ) if parts else None


def limited(operation: Operation, buckets: Buckets) -> Operation:
    """Return the operation with the limits of its class."""
    rate = rate_of(operation)
    if rate is None:
        return operation
    kind = operation.path.split("/")[3]
    label = "service" if rate is Rate.CREATION else _LABELS[kind]

    def limit(call: Call[Any]) -> None:
        path = call.path
        service, identity = path["ServiceSid"], path.get("Identity", "")
        names = [call.account_sid, service]
        subject = service if rate is Rate.CREATION else path["Sid"]
        if rate is not Rate.CREATION:
            names += [kind, subject]
        if rate is Rate.PERMISSION:
            names.append(identity)
        used = cost(getattr(call.input, "data", None)) if rate is Rate.WRITE else 1.0
        buckets.take(rate, "\n".join(names), used, f"{label}-{subject}{identity and '-'}{identity}")

    return msgspec.structs.replace(operation, limit=limit)
