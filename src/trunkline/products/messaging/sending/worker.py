"""The worker of one lane: it claims the lane's messages at the sender's rate, hands them to carriers, and records
the results.

1. There is one worker a lane, on the node that holds the lane's lease of 20 s; the worker renews it at a third of
   that. It claims the next messages in one transaction, which marks them as being handed over, and starts a task
   for each in their order, without awaiting the carriers' outcomes. The carriers ask whether the lease holds before
   they send; without it the message is deferred, and the result is recorded unless another node has the message.
2. An entry that is marked already when the worker gets the lane, and not under way on this node, was left by a node
   that died or stood still. Its outcome is unknown, and the carrier's setting decides whether it is sent again.
   After a claim whose commit has an unknown outcome, entries with the own fence that are not under way were certainly
   not handed over: they return into the lane.
3. A result is recorded by the task that got it, and is retried until the storage accepts it. Results arrive in any
   order.
4. Without messages to claim the worker waits: for the bucket of the rate, a ready carrier, the end of a hand-over
   or a wake-up. It releases the lane when that is empty and no hand-over is in progress.
5. ``stop`` ends the claims; the worker ends when its hand-overs have ended. If another node gets the lane
   meanwhile, the worker ends at once, and the tasks still record their results. A lease that is over without another
   holder is renewed, with all that was begun under it; one after another holder is a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable

from trunkline.core.clock import SECOND, has_passed, permits_due_work
from trunkline.core.leases import HeldLease, Holds, LeaseLost, always, lease_clock
from trunkline.core.outages import Outage
from trunkline.core.periodic import retry_storage
from trunkline.core.rates import TokenBucket
from trunkline.core.storage.database import LOGGED_ONCE, OutcomeUnknown, Tx
from trunkline.products.messaging.lifecycle import lanes, message_queue
from trunkline.products.messaging.lifecycle.lanes import LaneClaim
from trunkline.products.messaging.lifecycle.message import find_message
from trunkline.products.messaging.numbers.owned_numbers import owned_by_account
from trunkline.products.messaging.sending.accept import sender_rate
from trunkline.products.messaging.sending.context import SendingContext
from trunkline.products.messaging.sending.handover_results import HandoverResult
from trunkline.products.messaging.sending.message_claims import (
    Claim,
    ClaimRules,
    Handover,
    claim_messages,
    submission_of,
)
from trunkline.products.messaging.sending.shared_rates import BURST
from trunkline.transports.base import Carrier, Deferral, Outcome, UnknownOutcome, lease_ended

log = logging.getLogger("trunkline.messaging")

_REFRESH = 5 * SECOND
"""Time for which a sender's rate and route are cached."""
_READY_POLL = 0.25
"""Seconds between polls of a carrier that is not ready."""
_READY_POLLS = 8
"""Polls of carriers before the lane is read again: a network that is down must not load the storage."""
_IDLE = 1.0
_STORAGE_PAUSE = 1.0
UNDER_WAY = 500
"""Messages of one lane that carriers may have at once."""


_PAIRS = 10_000
"""Recipients whose last reference is cached."""


class References:
    """A counter of concatenation references, from 0 to 255, for each recipient, since random references collide."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, int] = OrderedDict()

    def next(self, recipient: str, start: int) -> int:
        """Return the next reference for a recipient; ``start`` for the first."""
        reference = (self._last.pop(recipient, start - 1) + 1) & 0xFF
        self._last[recipient] = reference
        if len(self._last) > _PAIRS:
            self._last.popitem(last=False)
        return reference


class Worker:
    """The worker of one lane."""

    def __init__(self, lane: str, context: SendingContext) -> None:
        self.lane = lane
        self._account_sid, _, self._sender = lane.partition(" ")
        self._context = context
        self._bucket = TokenBucket(1, BURST)
        self._rules = ClaimRules(
            self._route,
            context.shared_rates,
            context.address,
            context.enforcement,
            context.prices,
            context.under_way,
        )
        self._references = References()
        self._tasks: set[asyncio.Task[None]] = set()
        self._preferred = ""
        self._refreshed_at = 0
        self._lease_clock = lease_clock(context.steady, context.clock)
        self._lease = HeldLease(lanes.LEASE, self._lease_clock)
        self._fence = 0
        self._orphans: list[message_queue.QueueEntry] = []
        self._claimed_unknown: int | None = None
        self._wake = asyncio.Event()
        self._stopping = False

    @property
    def woken(self) -> bool:
        """True if the lane was fed since the worker last claimed."""
        return self._wake.is_set()

    def wake(self) -> None:
        """Wake the worker, since its lane was fed."""
        self._wake.set()

    def stop(self) -> None:
        """Stop to claim; the worker ends once its hand-overs have ended."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Work until the lane is empty or belongs to another node."""
        going, outage = True, Outage(log)
        while going:
            self._wake.clear()
            try:
                going = await self._go_on()
                outage.works("a sender's queue works again")
            except LeaseLost:
                self._lease.drop()
            except LOGGED_ONCE:
                await self._pause(_STORAGE_PAUSE)
            except Exception as error:
                outage.failed("a sender's queue failed; it goes on", level=logging.ERROR, error=error)
                await self._pause(_STORAGE_PAUSE)

    async def _go_on(self) -> bool:
        if self._claimed_unknown is not None:
            await self._put_back(self._claimed_unknown)
        stopping = self._stopping or not permits_due_work(self._context.clock)
        if stopping and not self._tasks:
            await self._release()
            return False
        if not await self._hold():
            return False
        now = self._context.clock()
        if has_passed(self._refreshed_at, _REFRESH, now):
            await self._refresh()
        pause = self._bucket.wait(now)
        if stopping or pause or len(self._tasks) >= UNDER_WAY:
            await self._pause(min(pause / SECOND, _IDLE) if pause else _IDLE)
            return True
        return await self._take()

    async def _take(self) -> bool:
        """Claim messages and hand them over; return whether the worker continues."""
        free = UNDER_WAY - len(self._tasks)
        before = self._bucket.full_at, self._bucket.since

        async def write(tx: Tx) -> Claim:
            self._bucket.full_at, self._bucket.since = before
            held = LaneClaim(self.lane, self._context.node, self._fence)
            return await claim_messages(tx, held, self._bucket, free, self._rules)

        try:
            claim = await self._context.database.write(write)
        except BaseException as error:
            self._bucket.full_at, self._bucket.since = before
            if isinstance(error, OutcomeUnknown):
                self._claimed_unknown = self._fence
            raise
        for handover in claim.handovers:
            self._hand_over(handover)
        if claim.handovers or claim.ended:
            return True
        if claim.seen and claim.wait:
            await self._pause(min(claim.wait / SECOND, _IDLE))
        elif claim.seen:
            await self._until_ready(claim.blocked)
        elif claim.next is not None:
            await self._pause(min(max(claim.next - self._context.clock(), 0) / SECOND + 0.001, _IDLE))
        elif self._tasks:
            await self._pause(_IDLE)
        elif not self._wake.is_set():
            await self._release()
            return False
        return True

    async def _until_ready(self, blocked: tuple[Carrier, ...]) -> None:
        """Wait for one of these carriers or for a wake-up, for two seconds at most, since messages expire and
        routes change."""
        for _ in range(_READY_POLLS if blocked else 1):
            if self._wake.is_set() or any(carrier.ready for carrier in blocked):
                return
            await self._pause(_READY_POLL)

    def _hand_over(self, handover: Handover) -> None:
        # Tasks begin in the order in which they are made, so that carriers are called in the lane's order.
        task = asyncio.create_task(self._submit(handover, self._lease.holds))
        self._tasks.add(task)
        self._context.under_way.add(handover.entry.message_sid)
        task.add_done_callback(self._finished)

    async def _submit(self, handover: Handover, holds: Holds) -> None:
        try:
            outcome = await self._outcome(handover, holds)
            await self._end(
                HandoverResult(handover.entry, handover.message, handover.carrier.name, outcome, holds)
            )
        finally:
            self._context.under_way.discard(handover.entry.message_sid)

    async def _outcome(self, handover: Handover, holds: Holds) -> Outcome:
        reference = 0
        if not holds():
            return lease_ended(handover.entry.ids)
        if handover.entry.segments > 1:
            reference = self._references.next(handover.message.recipient, handover.entry.place)
        try:
            return await handover.carrier.submit(
                submission_of(handover, self._context.clock(), reference, holds)
            )
        except Exception as error:
            log.exception("the carrier %s failed", handover.carrier.name)
            return UnknownOutcome(type(error).__name__, handover.entry.ids, handover.carrier.resends_unknown)

    async def _end(self, ended: HandoverResult) -> None:
        """Record a result, however long the storage is unavailable."""
        name = f"results of message {ended.entry.message_sid}"
        await retry_storage(name, lambda: self._context.results.add(ended), log=log)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        # Many hand-overs end at once: wake the worker only if it waits for a free place or for the last of them.
        if not self._tasks or len(self._tasks) >= UNDER_WAY // 2:
            self._wake.set()

    async def _hold(self) -> bool:
        """Acquire or renew the lane's lease; handle the entries of another node if the lane is new. Return whether
        it is held."""
        if not self._lease.renews:
            await self._handle_orphans()
            return True
        began, known = self._lease_clock(), self._fence

        async def write(tx: Tx) -> tuple[lanes.SenderLane | None, list[message_queue.QueueEntry]]:
            lane = await lanes.acquire_lane(tx, self.lane, self._context.node, tx.now + lanes.LEASE)
            new = lane is not None and lane.fence != known
            return lane, await message_queue.orphaned_entries(tx, self.lane) if new else []

        lane, orphans = await self._context.database.write(write)
        if lane is None or lane.fence != known:
            # Another node has had the lane: what was begun under the earlier lease stays without one.
            self._lease.drop()
        if lane is None:
            if self._tasks:
                log.warning(
                    "the queue of %s went to another node while messages were under way", self._sender
                )
            return False
        if lane.fence != known:
            self._lease, self._fence = HeldLease(lanes.LEASE, self._lease_clock), lane.fence
            self._bucket.full_at, self._bucket.since = lane.free_at, lane.free_since
        self._lease.extend(began)
        if lane.fence != known:
            self._orphans, self._refreshed_at = orphans, 0
        await self._handle_orphans()
        return True

    async def _handle_orphans(self) -> None:
        """Handle what another node has left, if the lane is new."""
        if not self._orphans:
            return
        await self._refresh()
        left = [one for one in self._orphans if one.message_sid not in self._context.under_way]
        await asyncio.gather(*(self._end_without_result(entry, _left_behind) for entry in left))
        self._orphans = []

    async def _put_back(self, fence: int) -> None:
        """Return the messages into the lane that were claimed under this fence by a commit with an unknown outcome."""

        async def find(tx: Tx) -> list[message_queue.QueueEntry]:
            # That commit may still be under way.
            await lanes.await_changes(tx, self.lane)
            return await message_queue.orphaned_entries(tx, self.lane)

        found = await self._context.database.write(find)
        under_way = self._context.under_way
        left = [one for one in found if one.fence == fence and one.message_sid not in under_way]
        await asyncio.gather(*(self._end_without_result(entry, _not_begun) for entry in left))
        self._claimed_unknown = None

    async def _end_without_result(
        self, entry: message_queue.QueueEntry, outcome: Callable[[message_queue.QueueEntry, bool], Outcome]
    ) -> None:
        message = await self._context.database.read(
            lambda tx: find_message(tx, entry.account_sid, entry.message_sid)
        )
        if message is None:
            return
        carrier = self._route(self._sender, message.recipient)
        resend = carrier is None or carrier.resends_unknown
        name = carrier.name if carrier else ""
        await self._end(HandoverResult(entry, message, name, outcome(entry, resend), always))

    async def _refresh(self) -> None:
        async def read(tx: Tx) -> tuple[int, str]:
            owned = await owned_by_account(tx, self._account_sid, self._sender)
            return await sender_rate(tx, self._account_sid, self._sender), owned.carrier if owned else ""

        rate, self._preferred = await self._context.database.read(read)
        self._bucket.rate = rate / lanes.MILLI
        self._refreshed_at = self._context.clock()

    def _route(self, sender: str, recipient: str) -> Carrier | None:
        return self._context.carriers.route(sender, recipient, self._preferred)

    async def _release(self) -> None:
        await self._context.database.write(lambda tx: lanes.release_lane(tx, self.lane, self._context.node))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()


def _left_behind(entry: message_queue.QueueEntry, resend: bool) -> Outcome:
    return UnknownOutcome("the node died while it was handed over", entry.ids, resend)


def _not_begun(entry: message_queue.QueueEntry, _: bool) -> Outcome:
    return Deferral(0.0, "its claim was not known", ids=entry.ids, counts=False)
