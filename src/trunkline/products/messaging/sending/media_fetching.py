"""Fetching of the attachments of a message before it is sent: the job of kind ``messaging.media``.

1. A job fetches the attachments of its message side by side, ``_OF_MESSAGE`` at once, and streams each into a blob. A
   semaphore bounds the attachments that a node fetches at once; each holds less than 1 MiB in memory.
2. They are checked in the message's order: the first one that is unavailable, or that the message may not have, decides
   the error code. As soon as one fails, those behind it are not begun any more, or cancelled and awaited; those before
   it go on.
3. One transaction names the blobs and continues with the message. If the message has ended meanwhile, it removes them.
4. If an attachment or that transaction fails, or the job is cancelled, the blobs that were written are removed at once.
5. While a server cannot be reached, the job is tried again, three times in all. Then, and after errors that will not
   change, the message fails with an Alert. An error of the storage leaves the job to the runner.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from urllib.parse import urljoin

import msgspec

from trunkline.core.blobs.store import Blob, BlobStore, BlobTooLarge, delete_blobs, removed_on_failure
from trunkline.core.egress.client import Egress
from trunkline.core.egress.failure import EgressError, Failure
from trunkline.core.egress.http_message import EgressRequest, Timeouts
from trunkline.core.egress.remedies import REMEDIES, ReceiverLog, remedy_of_status
from trunkline.core.egress.streaming import ResponseStream
from trunkline.core.egress.target import without_credentials
from trunkline.core.jobs.outcomes import ClaimedJob, Handler, JobOutcome, Retry, Success
from trunkline.core.storage.database import Database, Tx
from trunkline.products.accounts.facade import record_alert
from trunkline.products.messaging.lifecycle import message_queue
from trunkline.products.messaging.lifecycle.message import Message, find_message
from trunkline.products.messaging.lifecycle.message_queue import Step
from trunkline.products.messaging.lifecycle.status_changes import fail_message
from trunkline.products.messaging.media import kinds, store
from trunkline.products.messaging.sending.accept import continue_with_media

log = logging.getLogger("trunkline.messaging")

MAX_REDIRECTS = 5
TIMEOUTS = Timeouts(connect=5.0, read=15.0, total=15.0)
TRIES = 3
"""Attempts to fetch a message's attachments while their server cannot be reached."""

_AT_ONCE = 50
"""Attachments that a node fetches at once."""

_OF_MESSAGE = 3
"""Attachments of one message that are fetched at once."""

_HEADERS = (("Accept", "*/*"), ("User-Agent", "TwilioProxy/1.1"))
_BAD_RESPONSE = 11200
_TOO_MANY_REDIRECTS = 11215
_EMPTY = 11770
_CONTENT = "send an attachment of a kind that messages may have (docs/messaging.md), of at most 5 MiB in all"
_FINAL = (Failure.BAD_URL, Failure.ADDRESS_REFUSED, Failure.ADDRESS_UNFIT)
_PAUSE = 5.0
_REDIRECTS = (301, 302, 303, 307, 308)


class MediaUnavailable(Exception):
    """The error for an attachment that cannot be fetched; ``again`` is true if the next attempt may succeed,
    ``kind`` is the log's for it, empty if its server did not respond."""

    def __init__(
        self, code: int, text: str, url: str, remedy: str, *, again: bool = False, kind: str | None = None
    ) -> None:
        super().__init__(text)
        self.code, self.url, self.remedy, self.again = code, url, remedy, again
        self.kind = f"error {code}" if kind is None else kind


class _Attachment(msgspec.Struct, frozen=True):
    """An attachment as it came. ``size`` is in bytes, more than a message may have if it was cut off. ``blob`` is None
    for one of a kind or size that no message may have, which is not stored."""

    url: str
    kind: str
    size: int
    blob: Blob | None = None


class MediaFetcher:
    """The fetcher of what ``MediaUrl`` names, through the guarded client."""

    def __init__(self, database: Database, blobs: BlobStore, egress: Egress) -> None:
        self._database = database
        self._blobs = blobs
        self._egress = egress
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._servers = ReceiverLog(log)

    def handler(self) -> Handler:
        """Return the handler of the jobs."""
        return Handler(self.run, concurrency=50)

    async def run(self, job: ClaimedJob) -> JobOutcome:
        """Fetch the attachments of one message and continue with it; fail the message if they are unavailable."""
        account_sid, sid = msgspec.json.decode(job.payload, type=tuple[str, str])

        async def waiting(tx: Tx) -> Message | None:
            entry = await message_queue.find_entry(tx, sid)
            return await find_message(tx, account_sid, sid) if entry and entry.step == Step.MEDIA else None

        message = await self._database.read(waiting)
        if message is None:
            return Success()
        try:
            async with removed_on_failure(self._database, self._blobs) as blobs:
                media = await self._fetch_all(message.parsed_options.media_urls, blobs)
                for url in message.parsed_options.media_urls:
                    self._servers.works(url)

                async def attach(tx: Tx) -> None:
                    await job.confirm(tx)
                    # It may have expired meanwhile, and be gone.
                    if await waiting(tx) is None:
                        await delete_blobs(tx, blobs.written)
                        return
                    for kind, blob in media:
                        await store.add_medium(tx, account_sid, sid, kind, blob)
                    await continue_with_media(tx, message)

                await self._database.write(attach)
        except MediaUnavailable as refused:
            if refused.again and job.attempts < TRIES:
                return Retry(_PAUSE, str(refused))
            await self._fail(job, message, refused)
        return Success()

    async def _fetch_all(self, urls: Sequence[str], blobs: BlobStore) -> list[tuple[str, Blob]]:
        """Return the kinds of attachments and the blobs with their contents."""
        fetched: list[_Attachment] = []
        tasks: list[asyncio.Task[_Attachment]] = []
        end = len(urls)
        try:
            while len(fetched) < len(urls):
                running = [task for task in tasks[:end] if not task.done()]
                for url in urls[len(tasks) : end][: _OF_MESSAGE - len(running)]:
                    running.append(asyncio.create_task(self._fetch(url, blobs)))
                    tasks.append(running[-1])
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                while len(fetched) < len(tasks) and tasks[len(fetched)].done():
                    fetched.append(tasks[len(fetched)].result())
                    _check(fetched)
                end = next((number for number, task in enumerate(tasks[:end], 1) if _failed(task)), end)
                _cancel(tasks[end:])
        finally:
            _cancel(tasks)
            await asyncio.gather(*tasks, return_exceptions=True)
        return [(one.kind, one.blob) for one in fetched if one.blob is not None]

    async def _fetch(self, url: str, blobs: BlobStore) -> _Attachment:
        here = url.partition("#")[0]
        async with self._slots:
            for _ in range(MAX_REDIRECTS + 1):
                try:
                    request = EgressRequest("GET", here, _HEADERS, timeouts=TIMEOUTS)
                    async with self._egress.stream(request) as response:
                        location = response.header("location")
                        if response.status not in _REDIRECTS or not location:
                            return await _store(url, response, blobs)
                except EgressError as error:
                    again = error.failure not in _FINAL
                    code, remedy = error.failure.code, REMEDIES[error.failure]
                    # Behind a redirect, the server of ``url`` did respond.
                    kind = None if here != url.partition("#")[0] else ""
                    raise MediaUnavailable(code, error.message, url, remedy, again=again, kind=kind) from None
                try:
                    here = urljoin(here, location)
                except ValueError as error:
                    failure = Failure.BAD_URL
                    raise MediaUnavailable(failure.code, str(error), url, REMEDIES[failure]) from None
        raise MediaUnavailable(_TOO_MANY_REDIRECTS, "too many redirects", url, REMEDIES[Failure.REDIRECTS])

    async def _fail(self, job: ClaimedJob, message: Message, refused: MediaUnavailable) -> None:
        self._servers.failed(
            f"the attachment of message {message.sid}",
            refused.url,
            f"{refused.code} {refused}",
            refused.remedy,
            kind=refused.kind,
            account_sid=message.account_sid,
        )

        async def write(tx: Tx) -> None:
            await job.confirm(tx)
            entry = await message_queue.find_entry(tx, message.sid)
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


def _failed(task: asyncio.Task[_Attachment]) -> bool:
    return task.done() and task.exception() is not None


def _cancel(tasks: Sequence[asyncio.Task[_Attachment]]) -> None:
    for task in tasks:
        task.cancel()


async def _store(url: str, response: ResponseStream, blobs: BlobStore) -> _Attachment:
    if not 200 <= response.status < 300:
        text = f"the response has the status {response.status}"
        remedy, kind = remedy_of_status(response.status), f"status {response.status}"
        raise MediaUnavailable(_BAD_RESPONSE, text, url, remedy, kind=kind)
    kind = _kind(response)
    if not kinds.is_allowed(kind):
        return _Attachment(url, kind, await _count(response))
    try:
        blob = await blobs.write(response, kinds.MAX_MESSAGE)
    except BlobTooLarge:
        return _Attachment(url, kind, kinds.MAX_MESSAGE + 1)
    return _Attachment(url, kind, blob.size, blob)


def _check(media: Sequence[_Attachment]) -> None:
    """Raise MediaUnavailable if a message may not have the last of ``media`` behind the others."""
    last = media[-1]
    too_large = sum(one.size for one in media) > kinds.MAX_MESSAGE
    code = kinds.TOO_LARGE if too_large else kinds.rejection_code([(one.kind, one.size) for one in media])
    if code:
        text = "the attachment has a kind or size that no message may have"
        raise MediaUnavailable(code, text, last.url, _CONTENT)
    if not last.size:
        raise MediaUnavailable(_EMPTY, "the attachment is empty", last.url, _CONTENT)


async def _count(response: ResponseStream) -> int:
    """Return the size of a content that is not stored: its error code depends on it."""
    size = 0
    async for piece in response:
        size += len(piece)
        if size > kinds.MAX_MESSAGE:
            break
    return size


def _kind(response: ResponseStream) -> str:
    """Return the kind of an attachment; an empty one for compressed content, which was not requested and hides its
    size."""
    if (response.header("content-encoding") or "identity").strip().lower() != "identity":
        return ""
    return kinds.kind_of(response.header("content-type") or "")
