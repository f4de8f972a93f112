"""The contents of attachments, under the address that inbound webhooks and networks are given.

The path is that of the resource without ``.json`` (doc). Reading needs no credentials, unless the operator protects
media (doc).
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from functools import partial

import msgspec

from trunkline.api.auth import Directory, basic, unauthorized, wrong_credentials
from trunkline.api.errors import ApiError, not_found
from trunkline.api.principal import Credential, Principal
from trunkline.api.public import PublicRequest, PublicResponse
from trunkline.api.response_content import ResponseContent
from trunkline.core.blobs.store import BlobStore
from trunkline.core.storage.database import Database, Tx
from trunkline.products.messaging.media import store
from trunkline.products.messaging.media.store import Medium

_PATH = re.compile(
    r"(?:/api)?/2010-04-01/Accounts/(AC[0-9a-f]{32})/Messages/([SM]M[0-9a-f]{32})/Media/(ME[0-9a-f]{32})"
)
_MARK = b"/Media/ME"
_KIND = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_READ = "/twilio/messaging/media/read"


_HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}


class StoredMedium(msgspec.Struct, frozen=True):
    """An attachment, with its ``content`` if that is not in a blob yet."""

    medium: Medium
    content: bytes = b""


class MediaFiles:
    """The addresses of attachments; implements ``trunkline.api.public.Public``."""

    def __init__(
        self, database: Database, blobs: BlobStore, directory: Directory, *, protected: bool
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._directory = directory
        self._protected = protected

    def claims(self, raw_path: bytes) -> bool:
        """Return whether the path names an attachment itself and not its resource."""
        return _MARK in raw_path and _PATH.fullmatch(raw_path.decode("latin-1")) is not None

    async def respond(self, request: PublicRequest) -> PublicResponse | None:
        """Return the attachment. Raise ApiError 20003 if it is protected and the caller may not read it, 20004 for
        another method than GET, 20404 if there is none."""
        found = _PATH.fullmatch(request.path)
        if found is None:
            return None
        if request.method != "GET":
            raise ApiError(20004, headers={"Allow": "GET, HEAD"})
        account_sid, message_sid, sid = found.groups()

        async def find(tx: Tx) -> StoredMedium | None:
            if self._protected:
                await self._authorize(tx, request.authorization, account_sid)
            return await find_stored(tx, account_sid, message_sid, sid)

        stored = await self._database.query(find)
        if stored is None:
            # The API's own response would ask for credentials first.
            raise not_found(request.path)
        return stream_medium(stored, self._blobs)

    async def _authorize(self, tx: Tx, authorization: str, account_sid: str) -> None:
        username, password = basic(authorization)
        principal = await self._directory.authenticate(tx, username, password)
        if principal is None:
            raise wrong_credentials()
        acting = await self._directory.reach(tx, principal, account_sid)
        if acting is None or not _may_read(acting):
            raise unauthorized(detail="These credentials may not read this attachment.")


def _may_read(principal: Principal) -> bool:
    return principal.credential is not Credential.TEST and principal.allows(_READ)


async def find_stored(tx: Tx, account_sid: str, message_sid: str, sid: str) -> StoredMedium | None:
    """Return the attachment with what it takes to read its content."""
    medium = await store.find_medium(tx, account_sid, message_sid, sid)
    if medium is None:
        return None
    if medium.blob is not None:
        return StoredMedium(medium)
    content = await tx.value(
        "SELECT content FROM message_media WHERE sid = :sid AND account_sid = :account_sid",
        sid=sid,
        account_sid=account_sid,
    )
    return StoredMedium(medium, content)


def stream_medium(stored: StoredMedium, blobs: BlobStore) -> PublicResponse:
    """Return the response with an attachment; what a phone sent must not act as a page of this server."""
    medium, content = stored.medium, stored.content

    async def read(start: int, end: int) -> AsyncGenerator[bytes, None]:
        yield content[start:end]

    media_type = medium.content_type if _KIND.fullmatch(medium.content_type) else "application/octet-stream"
    reader = read if medium.blob is None else partial(blobs.read, medium.blob)
    return PublicResponse(200, {}, content=ResponseContent(media_type, medium.size, reader, _HEADERS))
