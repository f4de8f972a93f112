"""The table of attachments. A content is a blob; ``content`` holds it in rows from before blobs, and is empty since."""

from __future__ import annotations

from trunkline.core.blobs.store import BlobReference
from trunkline.core.storage.migrate import Migration

BLOBS = (BlobReference("message_media", "blob"),)

MIGRATIONS = (
    Migration(
        "media",
        1,
        (
            """CREATE TABLE message_media (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL,
                message_sid TEXT NOT NULL REFERENCES messages (sid) ON DELETE CASCADE,
                content_type TEXT NOT NULL,
                content BLOB NOT NULL,
                size BIGINT NOT NULL,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL
            )""",
            # store.page_media, store.all_media
            "CREATE INDEX message_media_by_message ON message_media (message_sid, date_created, sid)",
        ),
    ),
    Migration(
        "media",
        2,
        (
            "ALTER TABLE message_media ADD COLUMN blob TEXT REFERENCES blobs (key)",
            # BLOBS, and moving._next_row
            "CREATE INDEX message_media_by_blob ON message_media (blob)",
        ),
    ),
)
