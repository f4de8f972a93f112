"""The addresses of a message's attachments: for networks that carry MMS, and for phones that received an SMS.

An SMS that stands for an MMS carries a short address of each attachment, ``/m/`` and seven letters or digits, which
leads to it for 365 days (doc). Short addresses need no credentials: a phone has none.
"""

from __future__ import annotations

import re
import secrets

from trunkline.api.public import PublicRequest, PublicResponse
from trunkline.core.blobs.store import BlobStore
from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Database, Row, Tx, columns
from trunkline.core.storage.migrate import Migration
from trunkline.products.messaging.media import store
from trunkline.products.messaging.media.serving import StoredMedium, find_stored, stream_medium
from trunkline.transports.base import MediaAddress

MIGRATIONS = (
    Migration(
        "media-links",
        1,
        (
            """CREATE TABLE media_links (
                code TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL,
                media_sid TEXT NOT NULL REFERENCES message_media (sid) ON DELETE CASCADE,
                message_sid TEXT NOT NULL,
                date_created BIGINT NOT NULL
            )""",
            "CREATE INDEX media_links_by_medium ON media_links (media_sid)",
        ),
    ),
    Migration(
        "media-links",
        2,
        (
            # its retention
            "CREATE INDEX media_links_by_age ON media_links (date_created)",
        ),
    ),
)

LIFETIME = 365 * 24 * 3600 * SECOND
"""Microseconds for which a short address leads somewhere (doc)."""

_PATH = re.compile(rb"/m/([A-Za-z0-9]{7})")
_LENGTH = 7
_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"


class ShortMediaAddress(Row, frozen=True):
    """A row of ``media_links``."""

    code: str
    account_sid: str
    media_sid: str
    message_sid: str
    date_created: int


async def media_addresses(tx: Tx, account_sid: str, message_sid: str, base: str) -> list[MediaAddress]:
    """Return the attachments of a message as addresses below ``base``."""
    root = f"{base}/2010-04-01/Accounts/{account_sid}/Messages/{message_sid}/Media"
    media = await store.all_media(tx, account_sid, message_sid)
    return [MediaAddress(f"{root}/{medium.sid}", medium.content_type) for medium in media]


async def as_text(tx: Tx, account_sid: str, message_sid: str, text: str, base: str) -> str:
    """Return the text with a short address of each attachment of the message at its end (doc)."""
    rows = [
        ShortMediaAddress(_new_code(), account_sid, medium.sid, message_sid, tx.now)
        for medium in await store.all_media(tx, account_sid, message_sid)
    ]
    await tx.insert_many("media_links", rows)
    addresses = [f"{base}/m/{row.code}" for row in rows]
    return " ".join([text, *addresses] if text else addresses)


def _new_code() -> str:
    return "".join(secrets.choice(_SIGNS) for _ in range(_LENGTH))


class ShortMediaAddresses:
    """The short addresses of attachments, as public paths. Implements ``trunkline.api.public.Public``."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def claims(self, raw_path: bytes) -> bool:
        """Return whether the path is a short address."""
        return _PATH.fullmatch(raw_path) is not None

    async def respond(self, request: PublicRequest) -> PublicResponse | None:
        """Return the attachment; None for an address that leads nowhere, or does so no longer."""
        found = _PATH.fullmatch(request.path.encode())
        if found is None or request.method != "GET":
            return None
        code = found[1].decode()

        async def find(tx: Tx) -> StoredMedium | None:
            row = await _find(tx, code)
            if row is None:
                return None
            return await find_stored(tx, row.account_sid, row.message_sid, row.media_sid)

        stored = await self._database.query(find)
        return stream_medium(stored, self._blobs) if stored else None


async def _find(tx: Tx, code: str) -> ShortMediaAddress | None:
    sql = f"SELECT {columns(ShortMediaAddress)} FROM media_links WHERE code = :code"
    row = await tx.one(ShortMediaAddress, sql, code=code)
    return row if row is not None and row.date_created + LIFETIME > tx.now else None
