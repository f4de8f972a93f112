"""The bytes of attachments, under the address that inbound webhooks and networks are given.

The path is that of the resource without ``.json`` (doc). Reading needs no credentials, unless the operator protects
media (doc).
"""

from __future__ import annotations

import re

from trunkline.api.auth import Directory, basic, refused, wrong
from trunkline.api.errors import ApiError, not_found
from trunkline.api.principal import Credential, Principal
from trunkline.api.public import PublicAnswer, PublicRequest
from trunkline.core.storage.database import Database, Tx
from trunkline.products.messaging.media import store

_PATH = re.compile(
    r"(?:/api)?/2010-04-01/Accounts/(AC[0-9a-f]{32})/Messages/([SM]M[0-9a-f]{32})/Media/(ME[0-9a-f]{32})"
)
_MARK = b"/Media/ME"
_KIND = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_READ = "/twilio/messaging/media/read"


class MediaFiles:
    """Serves attachments; implements ``trunkline.api.public.Public``."""

    def __init__(self, database: Database, directory: Directory, *, protected: bool) -> None:
        self._database = database
        self._directory = directory
        self._protected = protected

    def claims(self, raw_path: bytes) -> bool:
        """Whether the path names an attachment itself and not its resource."""
        return _MARK in raw_path and _PATH.fullmatch(raw_path.decode("latin-1")) is not None

    async def answer(self, request: PublicRequest) -> PublicAnswer | None:
        """The attachment. Raises ApiError 20003 when it is protected and the caller may not read it, 20004 for
        another method than GET, 20404 when there is none."""
        found = _PATH.fullmatch(request.path)
        if found is None:
            return None
        if request.method != "GET":
            raise ApiError(20004, headers={"Allow": "GET, HEAD"})
        account_sid, message_sid, sid = found.groups()

        async def read(tx: Tx) -> tuple[str, bytes] | None:
            if self._protected:
                await self._let_in(tx, request.authorization, account_sid)
            medium = await store.find_medium(tx, account_sid, message_sid, sid)
            content = await store.read_content(tx, account_sid, message_sid, sid)
            return None if medium is None or content is None else (medium.content_type, content)

        stored = await self._database.scan(read)
        if stored is None:
            # The API's own answer would ask for credentials first.
            raise not_found(request.path)
        return as_answer(*stored)

    async def _let_in(self, tx: Tx, authorization: str, account_sid: str) -> None:
        username, password = basic(authorization)
        principal = await self._directory.authenticate(tx, username, password)
        if principal is None:
            raise wrong()
        acting = await self._directory.reach(tx, principal, account_sid)
        if acting is None or not _may_read(acting):
            raise refused(detail="These credentials may not read this attachment.")


def _may_read(principal: Principal) -> bool:
    return principal.credential is not Credential.TEST and principal.allows(_READ)


def as_answer(content_type: str, content: bytes) -> PublicAnswer:
    """An attachment as an answer; what a phone sent must not act as a page of this server."""
    return PublicAnswer(
        200,
        {
            "Content-Type": content_type if _KIND.fullmatch(content_type) else "application/octet-stream",
            "Content-Length": str(len(content)),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
        },
        content,
    )
