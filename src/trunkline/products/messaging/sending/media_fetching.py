"""Fetching the attachments of a message that is to be sent, as the job of kind ``messaging.media``."""

from __future__ import annotations

import logging
from urllib.parse import urljoin

import msgspec

from trunkline.core.blobs.store import BlobStore, delete_blob, once
from trunkline.core.egress.client import Egress
from trunkline.core.egress.failure import EgressError, Failure
from trunkline.core.egress.message import EgressRequest, EgressResponse, Timeouts
from trunkline.core.egress.target import without_credentials
from trunkline.core.jobs.outcomes import ClaimedJob, Handler, JobOutcome, Retry, Success
from trunkline.core.storage.database import Database, Tx
from trunkline.products.accounts.facade import record_alert
from trunkline.products.messaging.lifecycle import queue
from trunkline.products.messaging.lifecycle.message import Message, find_message
from trunkline.products.messaging.lifecycle.queue import Step
from trunkline.products.messaging.lifecycle.states import fail
from trunkline.products.messaging.media import kinds, store
from trunkline.products.messaging.sending.accept import media_ready

log = logging.getLogger("trunkline.messaging")

MAX_REDIRECTS = 5
TIMEOUTS = Timeouts(connect=5.0, read=15.0, total=15.0)
TRIES = 3
"""Fetches of a message's attachments when nothing can be reached."""

_BAD_ANSWER = 11200
_TOO_MANY_REDIRECTS = 11215
_EMPTY = 11770
_PAUSE = 5.0
_REDIRECTS = (301, 302, 303, 307, 308)


class Refused(Exception):
    """An attachment cannot be had; ``again`` when the next try may have it."""

    def __init__(self, code: int, text: str, url: str, *, again: bool = False) -> None:
        super().__init__(text)
        self.code, self.url, self.again = code, url, again


class Fetcher:
    """Fetches what ``MediaUrl`` names, through the guarded client, and lets the message go on."""

    def __init__(self, database: Database, blobs: BlobStore, egress: Egress) -> None:
        self._database = database
        self._blobs = blobs
        self._egress = egress

    def handler(self) -> Handler:
        """Runs the jobs."""
        return Handler(self.run, concurrency=50)

    async def run(self, job: ClaimedJob) -> JobOutcome:
        """Fetch the attachments of one message; a message without them fails with the reason."""
        account_sid, sid = msgspec.json.decode(job.payload, type=tuple[str, str])

        async def waiting(tx: Tx) -> Message | None:
            queued = await queue.find_queued(tx, sid)
            return await find_message(tx, account_sid, sid) if queued and queued.step == Step.MEDIA else None

        message = await self._database.read(waiting)
        if message is None:
            return Success()
        try:
            media = await self._all(message)
        except Refused as refused:
            if refused.again and job.attempts < TRIES:
                return Retry(_PAUSE, str(refused))
            await self._fail(message, refused)
            return Success()

        stored = [(kind, await self._blobs.write(once(content), len(content))) for kind, content in media]

        async def attach(tx: Tx) -> None:
            # It may have expired meanwhile, and be gone.
            if await waiting(tx) is None:
                for _, blob in stored:
                    await delete_blob(tx, blob.key)
                return
            for kind, blob in stored:
                await store.add_medium(tx, account_sid, sid, kind, blob)
            await media_ready(tx, message)

        await self._database.write(attach)
        return Success()

    async def _all(self, message: Message) -> list[tuple[str, bytes]]:
        media: list[tuple[str, bytes]] = []
        for url in message.asked.media_urls:
            room = kinds.MAX_MESSAGE - sum(len(content) for _, content in media)
            answer = await self._one(url, room)
            media.append((_kind(answer), answer.body))
            code = (
                kinds.TOO_LARGE if answer.truncated else kinds.rejection_code([(k, len(c)) for k, c in media])
            )
            if code:
                raise Refused(code, "the attachment has a kind or size that no message may have", url)
            if not answer.body:
                raise Refused(_EMPTY, "the attachment is empty", url)
        return media

    async def _one(self, url: str, room: int) -> EgressResponse:
        headers = (("Accept", "*/*"), ("User-Agent", "TwilioProxy/1.1"))
        here = url.partition("#")[0]
        for _ in range(MAX_REDIRECTS + 1):
            try:
                answer = await self._egress.send(
                    EgressRequest("GET", here, headers, timeouts=TIMEOUTS, max_body=room)
                )
            except EgressError as error:
                again = error.failure not in (Failure.BAD_URL, Failure.ADDRESS_REFUSED)
                raise Refused(error.failure.code, error.message, url, again=again) from None
            location = answer.header("location")
            if answer.status not in _REDIRECTS or not location:
                break
            try:
                here = urljoin(here, location)
            except ValueError as error:
                raise Refused(Failure.BAD_URL.code, str(error), url) from None
        else:
            raise Refused(_TOO_MANY_REDIRECTS, "too many redirects", url)
        if not 200 <= answer.status < 300:
            raise Refused(_BAD_ANSWER, f"the answer has the status {answer.status}", url)
        return answer

    async def _fail(self, message: Message, refused: Refused) -> None:
        log.info("message %s has no attachment: %s", message.sid, refused)

        async def write(tx: Tx) -> None:
            queued = await queue.find_queued(tx, message.sid)
            if queued is None or queued.step != Step.MEDIA:
                return
            await record_alert(
                tx,
                message.account_sid,
                refused.code,
                str(refused),
                resource_sid=message.sid,
                request_url=without_credentials(refused.url),
                request_method="GET",
            )
            await fail(tx, message, refused.code)

        await self._database.write(write)


def _kind(answer: EgressResponse) -> str:
    """The kind of an attachment; none of what is compressed, which was not asked for and says nothing of its size."""
    if (answer.header("content-encoding") or "identity").strip().lower() != "identity":
        return ""
    return kinds.kind_of(answer.header("content-type") or "")
