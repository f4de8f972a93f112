"""Mutation ids: a change that its caller names is executed once.

A caller claims the id in the table ``mutations`` before it executes the change:

1. Without a step before the transaction, the claim is part of the transaction. A second request with the same id
   waits for that transaction and then finds the claim, or finds none if the transaction failed.
2. With such a step, the claim is a transaction of its own and has a lease. The change's transaction turns it into a
   lasting one. If the lease has ended by then, it claims the id again, and fails only if another request holds it.
   A step or transaction that fails releases the claim; after a crash the lease ends by itself.
3. A repeat, also one that comes while the first request is being executed, on any node, finds the SID of the
   resource. A creation reserves its SID with the claim, so that it is known from the start.
4. Claims are kept for ``LIFETIME`` at least.
"""

from __future__ import annotations

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Row, Tx, columns, placeholders
from trunkline.core.storage.holds import Hold
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.retention import AgeLimit, TableRetention

LIFETIME = 10 * 60 * SECOND
"""Microseconds for which an executed mutation is not executed again (inferred: some minutes)."""

LEASE = 60 * SECOND
"""Microseconds for which a step before the transaction holds a claim: three times the longest webhook (doc: 20 s)."""

MIGRATIONS = (
    Migration(
        "mutations",
        1,
        (
            """CREATE TABLE mutations (
                account_sid TEXT NOT NULL,
                service_sid TEXT NOT NULL,
                identity TEXT NOT NULL,
                id TEXT NOT NULL,
                claim TEXT NOT NULL,
                resource_sid TEXT NOT NULL,
                executed BOOLEAN NOT NULL,
                expires_at BIGINT NOT NULL,
                PRIMARY KEY (account_sid, service_sid, identity, id)
            )""",
            # its retention
            "CREATE INDEX mutations_by_expiry ON mutations (expires_at)",
        ),
    ),
)

RETENTION = (
    TableRetention(
        table="mutations",
        key=("account_sid", "service_sid", "identity", "id"),
        limits=(AgeLimit("expires_at"),),
        account="account_sid = :account_sid",
    ),
)


HOLDS = (
    Hold("mutations", until="expires_at", span=LIFETIME, where="executed"),
    Hold("mutations", until="expires_at", span=LEASE, where="NOT executed"),
)


class Mutation(Row, frozen=True):
    """A row of ``mutations``: one caller's claim to an id. ``expires_at`` is the end of its lease, or, once it is
    ``executed``, of the time for which a repeat is recognised."""

    account_sid: str
    service_sid: str
    identity: str
    id: str
    claim: str
    resource_sid: str
    executed: bool
    expires_at: int


class RepeatedMutation(Exception):
    """The mutation was executed before or is being executed; ``resource_sid`` is the one of its first request."""

    def __init__(self, resource_sid: str) -> None:
        super().__init__(resource_sid)
        self.resource_sid = resource_sid


_KEY = "account_sid = :account_sid AND service_sid = :service_sid AND identity = :identity AND id = :id"

_CLAIM = f"""
INSERT INTO mutations ({columns(Mutation)}) VALUES ({placeholders(Mutation)})
ON CONFLICT (account_sid, service_sid, identity, id) DO UPDATE
SET claim = excluded.claim, resource_sid = excluded.resource_sid, executed = excluded.executed,
    expires_at = excluded.expires_at
WHERE mutations.expires_at <= :now OR (mutations.claim = excluded.claim AND NOT mutations.executed)
"""


async def claim(tx: Tx, mutation: Mutation) -> None:
    """Claim the mutation's id in the transaction that executes it, also if its lease has ended meanwhile. Raise
    RepeatedMutation if another request holds it."""
    await _claim(tx, mutation, LIFETIME, executed=True)


async def lease(tx: Tx, mutation: Mutation) -> None:
    """Claim the mutation's id until it is executed, for ``LEASE`` at most. Raise RepeatedMutation if another request
    holds it."""
    await _claim(tx, mutation, LEASE, executed=False)


async def _claim(tx: Tx, mutation: Mutation, lifetime: int, *, executed: bool) -> None:
    claimed = msgspec.structs.replace(mutation, executed=executed, expires_at=tx.now + lifetime)
    if not await tx.run(_CLAIM, **msgspec.structs.asdict(claimed), now=tx.now):
        raise RepeatedMutation(await _holder(tx, mutation))


async def release(tx: Tx, mutation: Mutation) -> None:
    """Remove the lease of a mutation that failed, so that it can be tried again. One that was executed stays, also if
    its request could not find that out."""
    await tx.run(
        f"DELETE FROM mutations WHERE {_KEY} AND claim = :claim AND NOT executed",
        claim=mutation.claim,
        **_key(mutation),
    )


async def _holder(tx: Tx, mutation: Mutation) -> str:
    """Return the SID of the claim in the way. The failed claim has locked its row, so it cannot be gone."""
    sid: str = await tx.value(f"SELECT resource_sid FROM mutations WHERE {_KEY}", **_key(mutation))
    return sid


def _key(mutation: Mutation) -> dict[str, str]:
    return {
        "account_sid": mutation.account_sid,
        "service_sid": mutation.service_sid,
        "identity": mutation.identity,
        "id": mutation.id,
    }
