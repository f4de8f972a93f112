"""Delivers webhooks: attempts, retries and redirects within their time, each attempt on record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from trunkline.core.clock import SECOND, Clock
from trunkline.core.egress.client import Egress
from trunkline.core.egress.failure import EgressError, Failure
from trunkline.core.egress.message import Incoming, Outgoing, Timeouts
from trunkline.core.egress.target import BadUrl, Target, locate
from trunkline.core.jobs.outcomes import ClaimedJob, DeadLetter, JobOutcome, Retry, Success, Write
from trunkline.core.storage.database import Database, Tx
from trunkline.core.webhooks import log
from trunkline.core.webhooks.overrides import Policy, Problem, Trouble, override
from trunkline.core.webhooks.record import Finished, attempt_of
from trunkline.core.webhooks.request import MAX_REDIRECTS, SignedRequest, Signer
from trunkline.core.webhooks.tokens import SigningToken
from trunkline.core.webhooks.webhook import Webhook, with_token

FAILED_ANSWER = 11200
"""The debugger's code of an answer that is no success (doc)."""

_DAY = 24 * 3600 * SECOND
_PRUNED = 3
"""Old attempts that each new one takes along, so that the record shrinks faster than it grows."""
_PRUNE_EVERY = 32
_BUSY = (429, 503, 504)
_MILLISECOND = 1000


class Alert(msgspec.Struct, frozen=True):
    """Something about a webhook that its owner should know: for the debugger. ``attempt`` is none for a bad
    override."""

    webhook: Webhook
    code: int
    text: str
    attempt: log.Attempt | None = None


Alerts = Callable[[Tx, Alert], Awaitable[None]]
"""Writes an alert, in the transaction of the attempt that it is about."""


class Terms(msgspec.Struct, frozen=True):
    """How webhooks are delivered: the home region told, days that attempts are kept, and pauses in seconds before a
    delivery that failed is begun again; without any it is not."""

    region: str = "us1"
    keep_days: int = 30
    schedule: tuple[float, ...] = ()


class Delivery:
    """Delivers webhooks: at once for a caller who waits for the answer, or as the handler of the job."""

    def __init__(
        self,
        database: Database,
        egress: Egress,
        signing_token: SigningToken,
        clock: Clock,
        terms: Terms | None = None,
        alerts: Alerts | None = None,
    ) -> None:
        self._database = database
        self._egress = egress
        self._signing_token = signing_token
        self._clock = clock
        self._terms = terms or Terms()
        self._alerts = alerts
        self._recorded = 0

    async def run_job(self, job: ClaimedJob) -> JobOutcome:
        """Deliver the webhook of a job. A failure is final, unless the terms have a schedule."""
        finished, record = await self._deliver(msgspec.json.decode(job.payload, type=Webhook))
        if finished is None or finished.delivered or not self._terms.schedule:
            return Success(record)
        if job.attempts > len(self._terms.schedule):
            return DeadLetter(finished.error_text, record)
        return Retry(self._terms.schedule[job.attempts - 1], finished.error_text, record)

    async def deliver(self, webhook: Webhook) -> Finished | None:
        """Send the webhook, with its retries, and answer how the last attempt ended; None when the account is not
        active, which sends nothing."""
        finished, record = await self._deliver(webhook)
        if record is not None:
            await self._database.write(record)
        return finished

    async def _deliver(self, webhook: Webhook) -> tuple[Finished | None, Write | None]:
        """How the last attempt ended, and what is to be written of it; those before it are on record."""
        webhook = with_token(webhook)
        policy, problems = override(webhook.policy, webhook.url.partition("#")[2])
        deadline = self._clock() + policy.total * _MILLISECOND
        number = 1
        while True:
            token = await self._signing_token(webhook.account_sid)
            if token is None:
                return None, None
            finished = await self._attempt(webhook, token, policy, number, deadline)
            record = self._record(webhook, finished, problems)
            again = number <= policy.retries and _retried(finished, policy)
            if finished.delivered or not again or self._clock() >= deadline:
                return finished, record
            await self._database.write(record)
            problems = []
            number += 1

    async def _attempt(
        self, webhook: Webhook, token: str, policy: Policy, number: int, deadline: int
    ) -> Finished:
        started = self._clock()
        parameters = webhook.parameters
        if webhook.counter:
            parameters += ((webhook.counter, str(number - 1)),)
        finished = Finished(number=number, started=started, url=webhook.url.partition("#")[0])
        try:
            target = locate(webhook.url)
        except BadUrl as error:
            return _failed(finished, Failure.BAD_URL, str(error))
        signer = Signer(webhook, token, self._terms.region, parameters)
        finished = await self._follow(signer, target, policy, deadline, finished)
        return msgspec.structs.replace(finished, duration=self._clock() - started)

    async def _follow(
        self, signer: Signer, target: Target, policy: Policy, deadline: int, finished: Finished
    ) -> Finished:
        """Send the first request and those that redirects lead to."""
        request: SignedRequest | None = signer.first(target)
        redirects = 0
        try:
            while request is not None:
                finished = msgspec.structs.replace(
                    finished, url=request.url, request_headers=request.headers, redirects=redirects
                )
                if redirects > MAX_REDIRECTS:
                    raise EgressError(Failure.REDIRECTS, f"more than {MAX_REDIRECTS} redirects")
                answer = await self._egress.send(self._outgoing(request, policy, deadline))
                finished = msgspec.structs.replace(finished, answer=answer)
                if (again := signer.authorized(request, answer)) is not None:
                    request = again
                    continue
                request = signer.onward(request, answer.status, answer.header("location"))
                redirects += 1
        except EgressError as error:
            return _failed(finished, error.failure, error.message)
        except BadUrl as error:
            return _failed(finished, Failure.BAD_URL, str(error))
        return _judged(finished, answer)

    def _outgoing(self, request: SignedRequest, policy: Policy, deadline: int) -> Outgoing:
        left = max(0.001, (deadline - self._clock()) / SECOND)
        timeouts = Timeouts(min(policy.connect / 1000, left), min(policy.read / 1000, left), left)
        return Outgoing(request.method, request.url, request.headers, request.body, timeouts)

    def _record(self, webhook: Webhook, finished: Finished, problems: list[Problem]) -> Write:
        attempt = attempt_of(webhook, finished)
        prunes = self._recorded % _PRUNE_EVERY == 0
        self._recorded += 1

        async def write(tx: Tx) -> None:
            await log.record(tx, attempt)
            if prunes:
                await log.prune(tx, tx.now - self._terms.keep_days * _DAY, _PRUNED * _PRUNE_EVERY)
            if self._alerts is None:
                return
            for problem in problems:
                await self._alerts(tx, Alert(webhook, problem.code, problem.text))
            if finished.error_code is not None:
                await self._alerts(tx, Alert(webhook, finished.error_code, finished.error_text, attempt))

        return write


def _failed(finished: Finished, failure: Failure, text: str) -> Finished:
    return msgspec.structs.replace(finished, failure=failure, error_code=failure.code, error_text=text)


def _judged(finished: Finished, answer: Incoming) -> Finished:
    """Success is 2xx, once redirects were followed (doc)."""
    if 200 <= answer.status < 300:
        return finished
    text = f"the answer has the status {answer.status}"
    return msgspec.structs.replace(finished, error_code=FAILED_ANSWER, error_text=text)


def _retried(finished: Finished, policy: Policy) -> bool:
    if finished.failure is not None:
        return finished.failure not in _HOPELESS and (
            (Trouble.CONNECT if finished.failure.before_request else Trouble.READ) in policy.on
        )
    status = finished.answer.status if finished.answer else 0
    return (
        (Trouble.CLIENT_ERROR in policy.on and 400 <= status < 500)
        or (Trouble.SERVER_ERROR in policy.on and 500 <= status < 600)
        or (Trouble.BUSY in policy.on and status in _BUSY)
    )


_HOPELESS = (Failure.BAD_URL, Failure.ADDRESS_REFUSED, Failure.REDIRECTS)
"""What the next attempt would meet again."""
