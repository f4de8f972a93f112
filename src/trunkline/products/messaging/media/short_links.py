"""Serving the short links that stand for attachments in an SMS: ``/m/`` and seven letters or digits."""

from __future__ import annotations

import re

from trunkline.api.public import PublicAnswer, PublicRequest
from trunkline.core.storage.database import Database, Tx
from trunkline.products.messaging.media import store
from trunkline.products.messaging.media.links import find_link
from trunkline.products.messaging.media.serving import as_answer

_PATH = re.compile(rb"/m/([A-Za-z0-9]{7})")


class ShortMediaLinks:
    """Answers short links with the attachment's bytes: a phone has no credentials."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claims(self, raw_path: bytes) -> bool:
        """Whether the path is a short link's."""
        return _PATH.fullmatch(raw_path) is not None

    async def answer(self, request: PublicRequest) -> PublicAnswer | None:
        """The attachment; None for a link that leads nowhere, or does so no longer."""
        found = _PATH.fullmatch(request.path.encode())
        if found is None or request.method != "GET":
            return None
        code = found[1].decode()

        async def read(tx: Tx) -> tuple[str, bytes] | None:
            link = await find_link(tx, code)
            if link is None:
                return None
            medium = await store.find_medium(tx, link.account_sid, link.message_sid, link.media_sid)
            content = await store.read_content(tx, link.account_sid, link.message_sid, link.media_sid)
            return (medium.content_type, content) if medium and content is not None else None

        content = await self._database.scan(read)
        return as_answer(*content) if content else None
