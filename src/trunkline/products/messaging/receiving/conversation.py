"""The conversation about one inbound message: its webhook, the TwiML of the response, and the replies.

A conversation runs in one job and awaits the app's URLs one after the other. All requests are made before anything
is written: replies, cookies and alerts are written in one transaction with the end of the message, so that they
happen once. The one exception is a reply with an ``action``: it is sent at once, because the URL of the action gets
its status and may continue with other TwiML (doc). If a document cannot be fetched or parsed, the fallback URL is
requested once (doc); if that fails too, the message stays without a reply. When the job is repeated after a crash,
the requests carry the same idempotency tokens and the replies get the same SIDs. A suspended account gets no
request and no reply.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

import msgspec

from trunkline.core.clock import Clock
from trunkline.core.egress.cookies import Cookies, cookie_header, update_cookies
from trunkline.core.egress.http_message import EgressResponse
from trunkline.core.egress.remedies import ReceiverLog
from trunkline.core.egress.target import BadUrl, locate, without_credentials
from trunkline.core.jobs.outcomes import ClaimedJob
from trunkline.core.storage.database import Database, Tx
from trunkline.core.webhooks.attempts import AttemptResult
from trunkline.core.webhooks.delivery import Delivery
from trunkline.core.webhooks.request import form
from trunkline.core.webhooks.webhook import Webhook
from trunkline.products.accounts.facade import record_alert
from trunkline.products.messaging.lifecycle.callbacks import callback_parameters
from trunkline.products.messaging.lifecycle.message import Message, MessageStatus
from trunkline.products.messaging.policy import MessageRules
from trunkline.products.messaging.receiving import replies, stored_cookies
from trunkline.products.messaging.receiving.replies import NumberedReply, ReplyResult
from trunkline.products.messaging.receiving.twiml import TwimlDocument, TwimlError, read_twiml
from trunkline.products.messaging.receiving.verbs import MAX_MESSAGES, RedirectVerb, TwimlProblem, Verb
from trunkline.products.messaging.receiving.webhook_parameters import FormPairs, fallback_parameters
from trunkline.products.messaging.receiving.webhooks import InboundWebhook, InboundWebhooks

MAX_REDIRECTS = 10
"""Documents that redirects may lead to (inferred)."""

TOO_MANY_REDIRECTS = 14106
TOO_MANY_MESSAGES = 14109
TOO_LARGE = 11750

log = logging.getLogger("trunkline.webhooks")

_REMEDY = "correct what the app responds with; the Alert has the response"
_DOCUMENTS = ("text/xml", "application/xml")
_SHOWN = 16 * 1024


class DocumentUnavailable(Exception):
    """The error for a document that cannot be fetched or parsed; ``code`` is the debugger's, ``url`` the
    document's."""

    def __init__(self, code: int, url: str) -> None:
        super().__init__(f"{code} at {url}")
        self.code, self.url = code, url


class AccountInactive(Exception):
    """The error for an account that was suspended or closed: it gets no webhooks."""


class PendingAlert(msgspec.Struct, frozen=True):
    """An alert that is written with the end of the message."""

    problem: TwimlProblem
    level: str
    about: dict[str, str] = {}


class ConversationResult(msgspec.Struct, frozen=True):
    """The replies, alerts and cookies to write at the end of the message."""

    replies: tuple[NumberedReply, ...]
    alerts: tuple[PendingAlert, ...]
    cookies: Cookies
    requested_at: int | None


class ReceivingContext(msgspec.Struct, frozen=True):
    """The context of conversations; ``rules`` are the operator's for replies, ``apps`` the log of apps whose TwiML is
    of no use."""

    database: Database
    delivery: Delivery
    clock: Clock
    rules: MessageRules = MessageRules()
    apps: ReceiverLog = msgspec.field(default_factory=lambda: ReceiverLog(log))


class Conversation:
    """The conversation about ``message``, of which the webhook gets ``params``, in ``job``."""

    def __init__(
        self,
        context: ReceivingContext,
        job: ClaimedJob,
        message: Message,
        params: FormPairs,
        cookies: Cookies,
    ) -> None:
        self._context = context
        self._job = job
        self._message = message
        self._params = params
        self._cookies = cookies
        self._requested_at: int | None = None
        self._requests = 0
        self._redirects = 0
        self._replies = 0
        self._pending: list[NumberedReply] = []
        self._alerts: list[PendingAlert] = []

    async def run(self, hooks: InboundWebhooks) -> ConversationResult:
        """Run the conversation; return what remains to be written. Raise LeaseLost once the job is not held."""
        with contextlib.suppress(AccountInactive):
            await self._with_fallback(hooks)
        return ConversationResult(
            tuple(self._pending), tuple(self._alerts), self._cookies, self._requested_at
        )

    async def _with_fallback(self, hooks: InboundWebhooks) -> None:
        if hooks.first is None:
            return
        try:
            await self._follow(hooks.first, self._params)
        except DocumentUnavailable as broken:
            if hooks.fallback is not None:
                # If this fails too, the debugger has an alert, and the message stays without a reply (doc).
                with contextlib.suppress(DocumentUnavailable):
                    await self._follow(
                        hooks.fallback, fallback_parameters(self._params, broken.code, broken.url)
                    )

    async def _follow(self, hook: InboundWebhook, params: FormPairs) -> None:
        """Request a document, and carry out its verbs and those of the documents behind it."""
        verbs = deque(await self._document(hook, params))
        while verbs:
            verb = verbs.popleft()
            if isinstance(verb, RedirectVerb):
                self._redirects += 1
                if self._redirects > MAX_REDIRECTS:
                    text = f"more than {MAX_REDIRECTS} documents redirect to others"
                    self._report(TwimlProblem(TOO_MANY_REDIRECTS, text), "error", request_url=verb.url)
                    self._log(verb.url, TOO_MANY_REDIRECTS, text)
                    return
                verbs = deque(await self._document(InboundWebhook(verb.url, verb.method), self._params))
                continue
            if self._replies >= MAX_MESSAGES:
                text = f"only the first {MAX_MESSAGES} messages are sent"
                self._report(TwimlProblem(TOO_MANY_MESSAGES, text), "error")
                return
            self._pending.append(NumberedReply(self._replies, verb))
            self._replies += 1
            if verb.action is not None and (
                others := await self._act(InboundWebhook(verb.action, verb.method))
            ):
                verbs = deque(others)

    async def _document(self, hook: InboundWebhook, params: FormPairs) -> Sequence[Verb]:
        """Return the verbs at a URL. Raise DocumentUnavailable, or AccountInactive if the account gets no webhooks."""
        finished = await self._request(hook, params)
        if finished.response is None or finished.error_code is not None:
            raise DocumentUnavailable(finished.error_code or TOO_LARGE, without_credentials(hook.url))
        about = _about(hook, params, finished)
        try:
            script = self._read(finished.response, finished.url)
        except TwimlError as error:
            self._report(TwimlProblem(error.code, error.text), "error", **about)
            self._log(finished.url, error.code, error.text)
            raise DocumentUnavailable(error.code, finished.url) from None
        for problem in script.problems:
            self._report(problem, "warning", **about)
        return script.verbs

    async def _act(self, hook: InboundWebhook) -> Sequence[Verb]:
        """Send the pending replies, request the ``action`` of the last of them, and return the verbs of its TwiML.
        An action is a status callback as well, whose response may be of any kind."""
        made = await self._send_pending()
        message = made[-1].message if made else None
        if message is None:
            return ()
        if message.status == MessageStatus.ACCEPTED:
            # Its way to the queue is not reported (doc).
            message = msgspec.structs.replace(message, status=MessageStatus.QUEUED.value)
        finished = await self._request(hook, callback_parameters(message))
        response = finished.response
        if response is None or finished.error_code is not None:
            return ()
        if (response.header("content-type") or "").partition(";")[0].strip().lower() not in _DOCUMENTS:
            return ()
        try:
            return self._read(response, finished.url).verbs
        except TwimlError as error:
            self._log(finished.url, error.code, error.text)
            return ()

    async def _send_pending(self) -> list[ReplyResult]:
        pending, self._pending = self._pending, []
        context, message = self._context, self._message

        async def write(tx: Tx) -> list[ReplyResult]:
            await self._job.confirm(tx)
            return await replies.send_replies(tx, message, pending, context.rules)

        made = await context.database.write(write)
        for one in made:
            if one.problem is not None:
                self._report(one.problem, "warning")
        return made

    async def _request(self, hook: InboundWebhook, params: FormPairs) -> AttemptResult:
        message = self._message
        if self._requested_at is None:
            self._requested_at = self._context.clock()
        webhook = Webhook(
            account_sid=message.account_sid,
            url=hook.url,
            method=hook.method,
            parameters=params,
            service_sid=message.service_sid or "",
            event="message.receiving",
            token=_token(message.sid, self._requests),
            cookie=cookie_header(self._cookies, _origin(hook.url)),
        )
        self._requests += 1
        finished = await self._context.delivery.deliver(webhook, self._job.holds)
        if finished is None:
            raise AccountInactive
        if finished.response is not None:
            self._cookies = update_cookies(
                self._cookies, _origin(finished.url), finished.response.headers, self._context.clock()
            )
        return finished

    def _read(self, response: EgressResponse, url: str) -> TwimlDocument:
        if response.truncated:
            raise TwimlError(TOO_LARGE, "the response is longer than 64 KiB")
        kind = response.header("content-type") or ""
        found = read_twiml(response.body, kind, url=url, number=self._message.recipient)
        self._context.apps.works(url)
        return found

    def _log(self, url: str, code: int, text: str) -> None:
        """Log a response that is of no use; the delivery logs requests without a usable response."""
        message = self._message
        self._context.apps.failed(
            "the TwiML",
            url,
            f"{code} {text}",
            _REMEDY,
            kind=f"error {code}",
            account_sid=message.account_sid,
            message=message.sid,
        )

    def _report(self, problem: TwimlProblem, level: str, **about: str) -> None:
        self._alerts.append(PendingAlert(problem, level, about))


async def write_result(tx: Tx, message: Message, ended: ConversationResult, rules: MessageRules) -> None:
    """Write the replies, alerts and cookies of a conversation."""
    made = await replies.send_replies(tx, message, ended.replies, rules)
    problems = [PendingAlert(one.problem, "warning") for one in made if one.problem is not None]
    for alert in (*ended.alerts, *problems):
        await record_alert(
            tx,
            message.account_sid,
            alert.problem.code,
            alert.problem.text,
            level=alert.level,
            **{"resource_sid": message.sid, "service_sid": message.service_sid or "", **alert.about},
        )
    await stored_cookies.store_cookies(tx, message, ended.cookies)


def _token(sid: str, number: int) -> str:
    """Return the idempotency token of a request: the same when the job is repeated after a crash, since it is the
    same event."""
    return str(UUID(hex=sha256(f"{sid} {number}".encode()).hexdigest()[:32], version=4))


def _origin(url: str) -> str:
    try:
        return locate(url).origin
    except BadUrl:
        return ""


def _about(hook: InboundWebhook, params: FormPairs, finished: AttemptResult) -> dict[str, str]:
    assert finished.response is not None, "it was looked at before"
    return {
        "request_url": finished.url,
        "request_method": hook.method,
        "request_variables": form(params),
        "response_headers": "\n".join(
            f"{name}: {'…' if name.lower() == 'set-cookie' else value}"
            for name, value in finished.response.headers
        ),
        "response_body": finished.response.body[:_SHOWN].decode("utf-8", "replace"),
    }
