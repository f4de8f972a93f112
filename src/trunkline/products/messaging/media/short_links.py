"""The short links that stand for attachments in an SMS: ``/m/`` and seven letters or digits."""

from __future__ import annotations

import re

from trunkline.api.public import PublicRequest, PublicResponse
from trunkline.core.blobs.store import BlobStore
from trunkline.core.storage.database import Database, Tx
from trunkline.products.messaging.media.links import find_link
from trunkline.products.messaging.media.serving import StoredMedium, find_stored, stream_medium

_PATH = re.compile(rb"/m/([A-Za-z0-9]{7})")


class ShortMediaLinks:
    """The short links of attachments, which need no credentials: a phone has none. Implements
    ``trunkline.api.public.Public``."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def claims(self, raw_path: bytes) -> bool:
        """Return whether the path is a short link's."""
        return _PATH.fullmatch(raw_path) is not None

    async def respond(self, request: PublicRequest) -> PublicResponse | None:
        """Return the attachment; None for a link that leads nowhere, or does so no longer."""
        found = _PATH.fullmatch(request.path.encode())
        if found is None or request.method != "GET":
            return None
        code = found[1].decode()

        async def find(tx: Tx) -> StoredMedium | None:
            link = await find_link(tx, code)
            if link is None:
                return None
            return await find_stored(tx, link.account_sid, link.message_sid, link.media_sid)

        stored = await self._database.scan(find)
        return stream_medium(stored, self._blobs) if stored else None
