"""One message and what the app answers: the webhook, its TwiML, and where that leads.

1. What the app is asked for comes before anything is written; replies, cookies and alerts are written with the end of
   the message, so that all of it happens once. Only a reply with an ``action`` is sent at once, because the URL there
   is told of it and may go on with other TwiML (doc).
2. When a document cannot be had or read, the fallback URL is asked once (doc).
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

import msgspec

from trunkline.core.clock import Clock
from trunkline.core.egress.cookies import Cookies, cookie_header, update_cookies
from trunkline.core.egress.message import EgressResponse
from trunkline.core.egress.target import BadUrl, locate, without_credentials
from trunkline.core.storage.database import Database, Tx
from trunkline.core.webhooks.attempts import AttemptResult
from trunkline.core.webhooks.delivery import Delivery
from trunkline.core.webhooks.request import form
from trunkline.core.webhooks.webhook import Webhook
from trunkline.products.accounts.facade import record_alert
from trunkline.products.messaging.lifecycle.callbacks import parameters as status_parameters
from trunkline.products.messaging.lifecycle.message import Message, Status
from trunkline.products.messaging.policy import Rules
from trunkline.products.messaging.receiving import jar, replies
from trunkline.products.messaging.receiving.hooks import Hook, Hooks
from trunkline.products.messaging.receiving.parameters import Pairs, failed
from trunkline.products.messaging.receiving.replies import Made, Numbered
from trunkline.products.messaging.receiving.twiml import Script, TwimlError, read_twiml
from trunkline.products.messaging.receiving.verbs import MAX_MESSAGES, Problem, Redirect, Verb

MAX_REDIRECTS = 10
"""Documents that redirects may lead to (inferred)."""

TOO_MANY_REDIRECTS = 14106
TOO_MANY_MESSAGES = 14109
TOO_LARGE = 11750

_DOCUMENTS = ("text/xml", "application/xml")
_SHOWN = 16 * 1024


class Broken(Exception):
    """A document cannot be had or read; ``code`` is the debugger's, ``url`` where that was."""

    def __init__(self, code: int, url: str) -> None:
        super().__init__(f"{code} at {url}")
        self.code, self.url = code, url


class Inactive(Exception):
    """The account was suspended or closed: it is told nothing."""


class Alerted(msgspec.Struct, frozen=True):
    """An alert that is to be written."""

    problem: Problem
    level: str
    about: dict[str, str] = {}


class Ended(msgspec.Struct, frozen=True):
    """What is to be written at the end."""

    replies: tuple[Numbered, ...]
    alerts: tuple[Alerted, ...]
    cookies: Cookies
    asked_at: int | None


class Ground(msgspec.Struct, frozen=True):
    """What conversations stand on; ``rules`` are the operator's for replies."""

    database: Database
    delivery: Delivery
    clock: Clock
    rules: Rules = Rules()


class Conversation:
    """Asks the app what to answer to ``message``, of which it is ``told``."""

    def __init__(self, ground: Ground, message: Message, told: Pairs, cookies: Cookies) -> None:
        self._ground = ground
        self._message = message
        self._told = told
        self._cookies = cookies
        self._asked_at: int | None = None
        self._requests = 0
        self._redirects = 0
        self._replies = 0
        self._pending: list[Numbered] = []
        self._alerts: list[Alerted] = []

    async def run(self, hooks: Hooks) -> Ended:
        """Have the conversation; answers what remains to be written."""
        with contextlib.suppress(Inactive):
            await self._with_fallback(hooks)
        return Ended(tuple(self._pending), tuple(self._alerts), self._cookies, self._asked_at)

    async def _with_fallback(self, hooks: Hooks) -> None:
        if hooks.first is None:
            return
        try:
            await self._follow(hooks.first, self._told)
        except Broken as broken:
            if hooks.fallback is not None:
                # When this fails too, the debugger knows, and the message stays without an answer (doc).
                with contextlib.suppress(Broken):
                    await self._follow(hooks.fallback, failed(self._told, broken.code, broken.url))

    async def _follow(self, hook: Hook, told: Pairs) -> None:
        """Ask for a document, and carry out what it and those behind it say."""
        verbs = deque(await self._document(hook, told))
        while verbs:
            verb = verbs.popleft()
            if isinstance(verb, Redirect):
                self._redirects += 1
                if self._redirects > MAX_REDIRECTS:
                    text = f"more than {MAX_REDIRECTS} documents redirect to others"
                    self._tell(Problem(TOO_MANY_REDIRECTS, text), "error", request_url=verb.url)
                    return
                verbs = deque(await self._document(Hook(verb.url, verb.method), self._told))
                continue
            if self._replies >= MAX_MESSAGES:
                text = f"only the first {MAX_MESSAGES} messages are sent"
                self._tell(Problem(TOO_MANY_MESSAGES, text), "error")
                return
            self._pending.append(Numbered(self._replies, verb))
            self._replies += 1
            if verb.action is not None and (others := await self._act(Hook(verb.action, verb.method))):
                verbs = deque(others)

    async def _document(self, hook: Hook, told: Pairs) -> Sequence[Verb]:
        """The verbs at a URL. Raises Broken, Inactive."""
        finished = await self._ask(hook, told)
        if finished.response is None or finished.error_code is not None:
            raise Broken(finished.error_code or TOO_LARGE, without_credentials(hook.url))
        about = _about(hook, told, finished)
        try:
            script = self._read(finished.response, finished.url)
        except TwimlError as error:
            self._tell(Problem(error.code, error.text), "error", **about)
            raise Broken(error.code, finished.url) from None
        for problem in script.problems:
            self._tell(problem, "warning", **about)
        return script.verbs

    async def _act(self, hook: Hook) -> Sequence[Verb]:
        """Send what is pending, tell the ``action`` of the last of it, and answer the TwiML that it has for us. It is a
        status callback as well, whose answer need not mean anything."""
        made = await self._send_pending()
        message = made[-1].message if made else None
        if message is None:
            return ()
        # Of its way to the queue nobody is told (doc).
        queued = msgspec.structs.replace(message, status=Status.QUEUED.value)
        told = queued if message.status == Status.ACCEPTED else message
        finished = await self._ask(hook, status_parameters(told))
        answer = finished.response
        if answer is None or finished.error_code is not None:
            return ()
        if (answer.header("content-type") or "").partition(";")[0].strip().lower() not in _DOCUMENTS:
            return ()
        try:
            return self._read(answer, finished.url).verbs
        except TwimlError:
            return ()

    async def _send_pending(self) -> list[Made]:
        pending, self._pending = self._pending, []
        ground, message = self._ground, self._message
        made = await ground.database.write(lambda tx: replies.send(tx, message, pending, ground.rules))
        for one in made:
            if one.problem is not None:
                self._tell(one.problem, "warning")
        return made

    async def _ask(self, hook: Hook, told: Pairs) -> AttemptResult:
        message = self._message
        if self._asked_at is None:
            self._asked_at = self._ground.clock()
        webhook = Webhook(
            account_sid=message.account_sid,
            url=hook.url,
            method=hook.method,
            parameters=told,
            service_sid=message.service_sid or "",
            event="message.receiving",
            token=_token(message.sid, self._requests),
            cookie=cookie_header(self._cookies, _origin(hook.url)),
        )
        self._requests += 1
        finished = await self._ground.delivery.deliver(webhook)
        if finished is None:
            raise Inactive
        if finished.response is not None:
            self._cookies = update_cookies(
                self._cookies, _origin(finished.url), finished.response.headers, self._ground.clock()
            )
        return finished

    def _read(self, answer: EgressResponse, url: str) -> Script:
        if answer.truncated:
            raise TwimlError(TOO_LARGE, "the answer is longer than 64 KiB")
        kind = answer.header("content-type") or ""
        return read_twiml(answer.body, kind, url=url, number=self._message.recipient)

    def _tell(self, problem: Problem, level: str, **about: str) -> None:
        self._alerts.append(Alerted(problem, level, about))


async def write_end(tx: Tx, message: Message, ended: Ended, rules: Rules) -> None:
    """Write the replies, alerts and cookies that remain of a conversation."""
    made = await replies.send(tx, message, ended.replies, rules)
    problems = [Alerted(one.problem, "warning") for one in made if one.problem is not None]
    for alert in (*ended.alerts, *problems):
        await record_alert(
            tx,
            message.account_sid,
            alert.problem.code,
            alert.problem.text,
            level=alert.level,
            **{"resource_sid": message.sid, "service_sid": message.service_sid or "", **alert.about},
        )
    await jar.keep(tx, message, ended.cookies)


def _token(sid: str, number: int) -> str:
    """The same when the job is repeated after a crash: it is still the same event."""
    return str(UUID(hex=sha256(f"{sid} {number}".encode()).hexdigest()[:32], version=4))


def _origin(url: str) -> str:
    try:
        return locate(url).origin
    except BadUrl:
        return ""


def _about(hook: Hook, told: Pairs, finished: AttemptResult) -> dict[str, str]:
    assert finished.response is not None, "it was looked at before"
    return {
        "request_url": finished.url,
        "request_method": hook.method,
        "request_variables": form(told),
        "response_headers": "\n".join(
            f"{name}: {'…' if name.lower() == 'set-cookie' else value}"
            for name, value in finished.response.headers
        ),
        "response_body": finished.response.body[:_SHOWN].decode("utf-8", "replace"),
    }
