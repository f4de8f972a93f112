"""Fetching of the attachments of a message before it is sent: the job of kind ``messaging.media``."""

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
from trunkline.products.messaging.lifecycle.states import fail_message
from trunkline.products.messaging.media import kinds, store
from trunkline.products.messaging.sending.accept import continue_with_media

log = logging.getLogger("trunkline.messaging")

MAX_REDIRECTS = 5
TIMEOUTS = Timeouts(connect=5.0, read=15.0, total=15.0)
TRIES = 3
"""Attempts to fetch a message's attachments while their server cannot be reached."""

_BAD_ANSWER = 11200
_TOO_MANY_REDIRECTS = 11215
_EMPTY = 11770
_PAUSE = 5.0
_REDIRECTS = (301, 302, 303, 307, 308)


class MediaUnavailable(Exception):
    """The error for an attachment that cannot be fetched; ``again`` is true if the next attempt may succeed."""

    def __init__(self, code: int, text: str, url: str, *, again: bool = False) -> None:
        super().__init__(text)
        self.code, self.url, self.again = code, url, again


class MediaFetcher:
    """The fetcher of what ``MediaUrl`` names, through the guarded client."""

    def __init__(self, database: Database, blobs: BlobStore, egress: Egress) -> None:
        self._database = database
        self._blobs = blobs
        self._egress = egress

    def handler(self) -> Handler:
        """Return the handler of the jobs."""
        return Handler(self.run, concurrency=50)

    async def run(self, job: ClaimedJob) -> JobOutcome:
        """Fetch the attachments of one message and continue with it; fail the message if they are unavailable."""
        account_sid, sid = msgspec.json.decode(job.payload, type=tuple[str, str])

        async def waiting(tx: Tx) -> Message | None:
            entry = await queue.find_entry(tx, sid)
            return await find_message(tx, account_sid, sid) if entry and entry.step == Step.MEDIA else None

        message = await self._database.read(waiting)
        if message is None:
            return Success()
        try:
            media = await self._all(message)
        except MediaUnavailable as refused:
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
            await continue_with_media(tx, message)

        await self._database.write(attach)
        return Success()

    async def _all(self, message: Message) -> list[tuple[str, bytes]]:
        media: list[tuple[str, bytes]] = []
        for url in message.parsed_options.media_urls:
            max_size = kinds.MAX_MESSAGE - sum(len(content) for _, content in media)
            answer = await self._one(url, max_size)
            media.append((_kind(answer), answer.body))
            code = (
                kinds.TOO_LARGE if answer.truncated else kinds.rejection_code([(k, len(c)) for k, c in media])
            )
            if code:
                raise MediaUnavailable(
                    code, "the attachment has a kind or size that no message may have", url
                )
            if not answer.body:
                raise MediaUnavailable(_EMPTY, "the attachment is empty", url)
        return media

    async def _one(self, url: str, max_size: int) -> EgressResponse:
        headers = (("Accept", "*/*"), ("User-Agent", "TwilioProxy/1.1"))
        here = url.partition("#")[0]
        for _ in range(MAX_REDIRECTS + 1):
            try:
                answer = await self._egress.send(
                    EgressRequest("GET", here, headers, timeouts=TIMEOUTS, max_body=max_size)
                )
            except EgressError as error:
                again = error.failure not in (Failure.BAD_URL, Failure.ADDRESS_REFUSED)
                raise MediaUnavailable(error.failure.code, error.message, url, again=again) from None
            location = answer.header("location")
            if answer.status not in _REDIRECTS or not location:
                break
            try:
                here = urljoin(here, location)
            except ValueError as error:
                raise MediaUnavailable(Failure.BAD_URL.code, str(error), url) from None
        else:
            raise MediaUnavailable(_TOO_MANY_REDIRECTS, "too many redirects", url)
        if not 200 <= answer.status < 300:
            raise MediaUnavailable(_BAD_ANSWER, f"the answer has the status {answer.status}", url)
        return answer

    async def _fail(self, message: Message, refused: MediaUnavailable) -> None:
        log.info("message %s has no attachment: %s", message.sid, refused)

        async def write(tx: Tx) -> None:
            entry = await queue.find_entry(tx, message.sid)
            if entry is None or entry.step != Step.MEDIA:
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
            await fail_message(tx, message, refused.code)

        await self._database.write(write)


def _kind(answer: EgressResponse) -> str:
    """Return the kind of an attachment; an empty one for compressed content, which was not requested and hides its
    size."""
    if (answer.header("content-encoding") or "identity").strip().lower() != "identity":
        return ""
    return kinds.kind_of(answer.header("content-type") or "")
