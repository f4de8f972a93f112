"""The table of attachments."""

from __future__ import annotations

from trunkline.core.storage.migrate import Migration

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
)
