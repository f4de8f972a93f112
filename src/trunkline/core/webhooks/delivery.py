"""The delivery of webhooks: attempts, retries and redirects within their time, each attempt recorded."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from trunkline.core.clock import SECOND, Clock
from trunkline.core.egress.client import Egress
from trunkline.core.egress.failure import EgressError, Failure
from trunkline.core.egress.http_message import EgressRequest, EgressResponse, Timeouts
from trunkline.core.egress.remedies import REMEDIES, ReceiverLog, remedy_of_status, shown_url
from trunkline.core.egress.target import BadUrl, Target, locate
from trunkline.core.jobs.outcomes import ClaimedJob, DeadLetter, JobOutcome, Retry, Success, Write
from trunkline.core.leases import Holds, LeaseLost, always
from trunkline.core.storage.database import Database, Tx
from trunkline.core.webhooks import attempts
from trunkline.core.webhooks.attempts import AttemptResult, attempt_of
from trunkline.core.webhooks.overrides import OverrideProblem, RetryCondition, RetryPolicy, override
from trunkline.core.webhooks.request import MAX_REDIRECTS, SignedRequest, Signer
from trunkline.core.webhooks.signing_tokens import SigningToken
from trunkline.core.webhooks.webhook import Webhook, with_token

log = logging.getLogger("trunkline.webhooks")

FAILED_RESPONSE = 11200
"""The debugger's code of a response that is no success (doc)."""

_BUSY = (429, 503, 504)
_MILLISECOND = 1000


class WebhookAlert(msgspec.Struct, frozen=True):
    """A problem with a webhook, for the debugger of its owner. ``attempt`` is none for a bad override."""

    webhook: Webhook
    code: int
    text: str
    attempt: attempts.Attempt | None = None


AlertWriter = Callable[[Tx, WebhookAlert], Awaitable[None]]
"""A function that records an alert, in the transaction of the attempt that it is about."""


class DeliveryOptions(msgspec.Struct, frozen=True):
    """The options of deliveries: the home region to send, and the pauses in seconds before a failed delivery is started
    again; without any it is final."""

    region: str = "us1"
    schedule: tuple[float, ...] = ()


class _AttemptLimits(msgspec.Struct, frozen=True):
    """The time of an attempt, up to ``deadline`` for all of them, and whether it may still be made."""

    policy: RetryPolicy
    deadline: int
    holds: Holds


class Delivery:
    """The delivery of webhooks: at once for a caller that waits for the response, or as the handler of the job."""

    def __init__(
        self,
        database: Database,
        egress: Egress,
        signing_token: SigningToken,
        clock: Clock,
        options: DeliveryOptions | None = None,
        alerts: AlertWriter | None = None,
    ) -> None:
        self._database = database
        self._egress = egress
        self._signing_token = signing_token
        self._clock = clock
        self._options = options or DeliveryOptions()
        self._alerts = alerts
        self._receivers = ReceiverLog(log)

    async def run_job(self, job: ClaimedJob) -> JobOutcome:
        """Deliver the webhook of a job. A failure is final, unless the options have a schedule. Raise LeaseLost before
        an attempt for which the job is not held any more."""
        webhook = msgspec.json.decode(job.payload, type=Webhook)
        result, record = await self._deliver(webhook, job.holds)
        if result is None:
            return Success(record=record)
        schedule = self._options.schedule
        self._log(webhook, result, schedule)
        if result.delivered:
            return Success(record=record)
        if not schedule:
            return Success(record=record)
        if job.attempts > len(schedule):
            return DeadLetter(result.error_text, record=record)
        return Retry(schedule[job.attempts - 1], result.error_text, record=record)

    async def deliver(self, webhook: Webhook, holds: Holds = always) -> AttemptResult | None:
        """Send the webhook, with its retries, and return the result of the last attempt; None if the account is not
        active, and nothing was sent. Raise LeaseLost before an attempt if what it is sent for is not held any more."""
        result, record = await self._deliver(webhook, holds)
        if record is not None:
            await self._database.write(record)
        if result is not None:
            self._log(webhook, result)
        return result

    def _log(self, webhook: Webhook, result: AttemptResult, schedule: Sequence[float] = ()) -> None:
        """Log the begin and the end of failures of a receiver. The attempts, with all of their content, are the
        account's to see."""
        if result.delivered:
            self._receivers.works(webhook.url)
            return
        kind = f"error {result.error_code}" if result.failure else f"status {_status(result)}"
        remedy = REMEDIES[result.failure] if result.failure else remedy_of_status(_status(result))
        if schedule:
            remedy += f"; it is tried again in {schedule[0]:g} s, and at most {len(schedule)} times"
        reason = f"{result.error_code} {result.error_text}"
        if result.redirects and result.failure is not Failure.BAD_URL:
            reason += f", at {shown_url(result.url)} after {result.redirects} redirects"
        self._receivers.failed(
            f"the webhook {webhook.event}".strip(),
            webhook.url,
            reason,
            remedy,
            kind=kind if result.failure is None or result.redirects else "",
            account_sid=webhook.account_sid,
            service_sid=webhook.service_sid,
            idempotency_token=webhook.token,
        )

    async def _deliver(self, webhook: Webhook, holds: Holds) -> tuple[AttemptResult | None, Write | None]:
        """Return the result of the last attempt and the write that records it; those before are recorded."""
        webhook = with_token(webhook)
        policy, problems = override(webhook.policy, webhook.url.partition("#")[2])
        deadline = self._clock() + policy.total * _MILLISECOND
        number = 1
        while True:
            token = await self._signing_token(webhook.account_sid)
            if token is None:
                return None, None
            if not holds():
                raise LeaseLost
            limits = _AttemptLimits(policy, deadline, holds)
            result = await self._attempt(webhook, token, number, limits)
            record = self._record(webhook, result, problems)
            again = number <= policy.retries and _is_retried(result, policy)
            if result.delivered or not again or self._clock() >= deadline:
                return result, record
            await self._database.write(record)
            problems = []
            number += 1

    async def _attempt(
        self, webhook: Webhook, token: str, number: int, limits: _AttemptLimits
    ) -> AttemptResult:
        started = self._clock()
        parameters = webhook.parameters
        if webhook.counter:
            parameters += ((webhook.counter, str(number - 1)),)
        result = AttemptResult(number=number, started=started, url=webhook.url.partition("#")[0])
        try:
            target = locate(webhook.url)
        except BadUrl as error:
            return _failed(result, Failure.BAD_URL, str(error))
        signer = Signer(webhook, token, self._options.region, parameters)
        result = await self._follow(signer, target, limits, result)
        # The clock may have been set back meanwhile.
        return msgspec.structs.replace(result, duration=max(self._clock() - started, 0))

    async def _follow(
        self, signer: Signer, target: Target, limits: _AttemptLimits, result: AttemptResult
    ) -> AttemptResult:
        """Send the first request and those of its redirects."""
        request: SignedRequest | None = signer.first(target)
        redirects = 0
        try:
            while request is not None:
                result = msgspec.structs.replace(
                    result, url=request.url, request_headers=request.headers, redirects=redirects
                )
                if redirects > MAX_REDIRECTS:
                    raise EgressError(Failure.REDIRECTS, f"more than {MAX_REDIRECTS} redirects")
                response = await self._egress.send(self._outgoing(request, limits))
                result = msgspec.structs.replace(result, response=response)
                if (again := signer.authorized(request, response)) is not None:
                    request = again
                    continue
                request = signer.onward(request, response.status, response.header("location"))
                redirects += 1
        except EgressError as error:
            return _failed(result, error.failure, error.message)
        except BadUrl as error:
            return _failed(result, Failure.BAD_URL, str(error))
        return _with_error_code(result, response)

    def _outgoing(self, request: SignedRequest, limits: _AttemptLimits) -> EgressRequest:
        policy = limits.policy
        left = max(0.001, min(limits.deadline - self._clock(), policy.total * _MILLISECOND) / SECOND)
        timeouts = Timeouts(min(policy.connect / 1000, left), min(policy.read / 1000, left), left)
        return EgressRequest(
            request.method, request.url, request.headers, request.body, timeouts, holds=limits.holds
        )

    def _record(self, webhook: Webhook, result: AttemptResult, problems: list[OverrideProblem]) -> Write:
        attempt = attempt_of(webhook, result)

        async def write(tx: Tx) -> None:
            stored = await attempts.record(tx, attempt, promised=bool(webhook.attempt_sid))
            if self._alerts is None:
                return
            for problem in problems:
                await self._alerts(tx, WebhookAlert(webhook, problem.code, problem.text))
            if result.error_code is not None:
                await self._alerts(tx, WebhookAlert(webhook, result.error_code, result.error_text, stored))

        return write


def _status(result: AttemptResult) -> int:
    return result.response.status if result.response else 0


def _failed(result: AttemptResult, failure: Failure, text: str) -> AttemptResult:
    return msgspec.structs.replace(result, failure=failure, error_code=failure.code, error_text=text)


def _with_error_code(result: AttemptResult, response: EgressResponse) -> AttemptResult:
    """Return the result with its error code; success is 2xx, once redirects were followed (doc)."""
    if 200 <= response.status < 300:
        return result
    text = f"the response has the status {response.status}"
    return msgspec.structs.replace(result, error_code=FAILED_RESPONSE, error_text=text)


def _is_retried(result: AttemptResult, policy: RetryPolicy) -> bool:
    if result.failure is not None:
        return result.failure not in _PERMANENT and (
            (RetryCondition.CONNECT if result.failure.before_request else RetryCondition.READ) in policy.on
        )
    status = _status(result)
    return (
        (RetryCondition.CLIENT_ERROR in policy.on and 400 <= status < 500)
        or (RetryCondition.SERVER_ERROR in policy.on and 500 <= status < 600)
        or (RetryCondition.BUSY in policy.on and status in _BUSY)
    )


_PERMANENT = (Failure.BAD_URL, Failure.ADDRESS_REFUSED, Failure.ADDRESS_UNFIT, Failure.REDIRECTS)
"""The failures that the next attempt would meet again."""
