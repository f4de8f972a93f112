"""A lane at work: takes its messages at the sender's pace, hands them to carriers, and has their ends written down.

1. One worker a lane, on the node that holds it. It takes the next messages in one transaction, which notes that they
   are being handed over, and hands them over in their order without waiting for answers.
2. What it finds handed over already was left by a node that died: nobody knows whether the network has it, and the
   carrier's setting says what becomes of it.
3. It gives the lane back when it is empty and nothing is under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from trunkline.core.clock import SECOND
from trunkline.core.rates import TokenBucket
from trunkline.core.storage.database import StorageError, Tx
from trunkline.products.messaging.lifecycle import lanes, queue
from trunkline.products.messaging.lifecycle.message import find_message
from trunkline.products.messaging.numbers.owned import owned_by_account
from trunkline.products.messaging.sending.accept import sender_rate
from trunkline.products.messaging.sending.ground import Ground
from trunkline.products.messaging.sending.outcomes import Ended
from trunkline.products.messaging.sending.pace import BURST
from trunkline.products.messaging.sending.references import References
from trunkline.products.messaging.sending.taking import Haul, Rules, Taken, submission, take
from trunkline.transports.base import Carrier, Outcome, UnknownOutcome

log = logging.getLogger("trunkline.messaging")

LEASE = 20 * SECOND
_RENEW = LEASE // 2
_REFRESH = 5 * SECOND
"""How long a sender's rate and route are remembered."""
_LOOK = 0.25
"""Seconds between looks at a carrier that is not ready."""
_LOOKS = 8
"""Looks at carriers before the lane is read again: a network that is down must not load the storage."""
_IDLE = 1.0
_STORAGE_PAUSE = 1.0
UNDER_WAY = 500
"""Messages of one lane that carriers may have at once."""


class Worker:
    """Empties one lane."""

    def __init__(self, lane: str, ground: Ground) -> None:
        self.lane = lane
        self._account_sid, _, self._sender = lane.partition(" ")
        self._ground = ground
        self._bucket = TokenBucket(1, BURST)
        self._rules = Rules(self._route, ground.paces, ground.address, ground.enforcement, ground.prices)
        self._references = References()
        self._tasks: set[asyncio.Task[None]] = set()
        self._preferred = ""
        self._refreshed_at = 0
        self._held_until = 0
        self._wake = asyncio.Event()
        self._stopping = False

    @property
    def woken(self) -> bool:
        """Whether the lane was fed since the worker last looked."""
        return self._wake.is_set()

    def wake(self) -> None:
        """The lane was fed."""
        self._wake.set()

    def stop(self) -> None:
        """Take no more; the worker ends once what is under way has ended."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Work until the lane is empty or belongs to another node."""
        going = True
        while going:
            self._wake.clear()
            try:
                going = await self._go_on()
            except StorageError as error:
                log.warning("messages wait for the storage: %s", error)
                await self._pause(_STORAGE_PAUSE)
            except Exception:
                log.exception("a sender's queue failed; it goes on")
                await self._pause(_STORAGE_PAUSE)

    async def _go_on(self) -> bool:
        if self._stopping and not self._tasks:
            await self._release()
            return False
        if not await self._hold():
            return False
        now = self._ground.clock()
        if now - self._refreshed_at >= _REFRESH:
            await self._refresh()
        pause = self._bucket.wait(now)
        if self._stopping or pause or len(self._tasks) >= UNDER_WAY:
            await self._pause(min(pause / SECOND, _IDLE) if pause else _IDLE)
            return True
        return await self._take()

    async def _take(self) -> bool:
        """Take what may go and hand it over; answers whether the worker goes on."""
        room, before = UNDER_WAY - len(self._tasks), self._bucket.full_at

        async def write(tx: Tx) -> Haul:
            self._bucket.full_at = before
            return await take(tx, self.lane, self._bucket, room, self._rules)

        try:
            haul = await self._ground.database.write(write)
        except BaseException:
            self._bucket.full_at = before
            raise
        for taken in haul.taken:
            self._hand_over(taken)
        if haul.taken or haul.ended:
            return True
        if haul.seen and haul.wait:
            await self._pause(min(haul.wait / SECOND, _IDLE))
        elif haul.seen:
            await self._until_ready(haul.blocked)
        elif haul.next is not None:
            await self._pause(min(max(haul.next - self._ground.clock(), 0) / SECOND + 0.001, _IDLE))
        elif self._tasks:
            await self._pause(_IDLE)
        elif not self._wake.is_set():
            await self._release()
            return False
        return True

    async def _until_ready(self, blocked: tuple[Carrier, ...]) -> None:
        """Wait for one of these carriers, or for whatever else happens to the lane; not for ever, since times run out
        and routes change."""
        for _ in range(_LOOKS if blocked else 1):
            if self._wake.is_set() or any(carrier.ready for carrier in blocked):
                return
            await self._pause(_LOOK)

    def _hand_over(self, taken: Taken) -> None:
        # Tasks begin in the order in which they are made, so that carriers are called in the lane's order.
        task = asyncio.create_task(self._submit(taken))
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    async def _submit(self, taken: Taken) -> None:
        reference = 0
        if taken.queued.segments > 1:
            reference = self._references.next(taken.message.recipient, taken.queued.place)
        try:
            outcome: Outcome = await taken.carrier.submit(submission(taken, self._ground.clock(), reference))
        except Exception as error:
            log.exception("the carrier %s failed", taken.carrier.name)
            outcome = UnknownOutcome(type(error).__name__, taken.queued.ids, taken.carrier.resends_unknown)
        await self._end(Ended(taken.queued, taken.message, taken.carrier.name, outcome))

    async def _end(self, ended: Ended) -> None:
        """Have an end written down, however long the storage takes."""
        while True:
            try:
                return await self._ground.ends.add(ended)
            except StorageError as error:
                log.warning("the end of message %s waits: %s", ended.queued.message_sid, error)
                await asyncio.sleep(_STORAGE_PAUSE)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        # Many end at once: the worker need not look again after each, only where it waits for room or for the end.
        if not self._tasks or len(self._tasks) >= UNDER_WAY // 2:
            self._wake.set()

    async def _hold(self) -> bool:
        """Keep the lane, and see to what a dead node left when it is new."""
        now = self._ground.clock()
        if self._held_until - now > _RENEW:
            return True
        new = not self._held_until

        async def write(tx: Tx) -> tuple[lanes.Lane | None, list[queue.Queued]]:
            lane = await lanes.hold(tx, self.lane, self._ground.node, tx.now + LEASE)
            return lane, await queue.orphans(tx, self.lane) if lane and new else []

        lane, orphans = await self._ground.database.write(write)
        if lane is None:
            if self._tasks:
                log.warning(
                    "the queue of %s went to another node while messages were under way", self._sender
                )
            return False
        self._held_until = now + LEASE
        if new:
            self._bucket.full_at = lane.free_at
            await self._refresh()
            for orphan in orphans:
                await self._orphaned(orphan)
        return True

    async def _orphaned(self, queued: queue.Queued) -> None:
        message = await self._ground.database.read(
            lambda tx: find_message(tx, queued.account_sid, queued.message_sid)
        )
        if message is None:
            return
        carrier = self._route(self._sender, message.recipient)
        resend = carrier is None or carrier.resends_unknown
        unknown = UnknownOutcome("the node died while it was handed over", queued.ids, resend)
        await self._end(Ended(queued, message, carrier.name if carrier else "", unknown))

    async def _refresh(self) -> None:
        async def read(tx: Tx) -> tuple[int, str]:
            owned = await owned_by_account(tx, self._account_sid, self._sender)
            return await sender_rate(tx, self._account_sid, self._sender), owned.carrier if owned else ""

        rate, self._preferred = await self._ground.database.read(read)
        self._bucket.rate = rate / lanes.MILLI
        self._refreshed_at = self._ground.clock()

    def _route(self, sender: str, recipient: str) -> Carrier | None:
        return self._ground.carriers.route(sender, recipient, self._preferred)

    async def _release(self) -> None:
        await self._ground.database.write(lambda tx: lanes.release(tx, self.lane, self._ground.node))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
