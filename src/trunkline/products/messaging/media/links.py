"""The addresses of a message's attachments: for networks that carry MMS, and for phones that received an SMS.

An SMS that stands for an MMS carries one short link for each attachment, which leads to it for 365 days (doc).
"""

from __future__ import annotations

import secrets

from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.core.storage.migrate import Migration
from trunkline.products.messaging.media import store
from trunkline.transports.base import MediaLink

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
)

PATH = "/m/"
LIFETIME = 365 * 24 * 3600 * SECOND
"""Microseconds for which a short link leads somewhere (doc)."""

_LENGTH = 7
_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"


class MediaShortLink(Row, frozen=True):
    """A row of ``media_links``."""

    code: str
    account_sid: str
    media_sid: str
    message_sid: str
    date_created: int


async def media_links(tx: Tx, account_sid: str, message_sid: str, base: str) -> list[MediaLink]:
    """Return the attachments of a message as addresses below ``base``."""
    root = f"{base}/2010-04-01/Accounts/{account_sid}/Messages/{message_sid}/Media"
    media = await store.all_media(tx, account_sid, message_sid)
    return [MediaLink(f"{root}/{medium.sid}", medium.content_type) for medium in media]


async def as_text(tx: Tx, account_sid: str, message_sid: str, text: str, base: str) -> str:
    """Return the text with a short link for each attachment of the message at its end (doc)."""
    links = [
        MediaShortLink(_new_code(), account_sid, medium.sid, message_sid, tx.now)
        for medium in await store.all_media(tx, account_sid, message_sid)
    ]
    await tx.insert_many("media_links", links)
    addresses = [f"{base}{PATH}{link.code}" for link in links]
    return " ".join([text, *addresses] if text else addresses)


def _new_code() -> str:
    return "".join(secrets.choice(_SIGNS) for _ in range(_LENGTH))


async def find_link(tx: Tx, code: str) -> MediaShortLink | None:
    """Return the row of a short link; None if there is none, or if it has expired."""
    sql = f"SELECT {columns(MediaShortLink)} FROM media_links WHERE code = :code"
    link = await tx.one(MediaShortLink, sql, code=code)
    return link if link is not None and link.date_created + LIFETIME > tx.now else None
