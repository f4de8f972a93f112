"""The tables of Services' senders, and of the sticky senders of recipients."""

from __future__ import annotations

from trunkline.core.storage.migrate import Migration

MIGRATIONS = (
    Migration(
        "senders",
        1,
        (
            # A number is in one Service's pool at most: sid is the number's own.
            """CREATE TABLE messaging_senders (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                service_sid TEXT NOT NULL REFERENCES messaging_services (sid) ON DELETE CASCADE,
                kind TEXT NOT NULL,
                value TEXT NOT NULL,
                iso_country_code TEXT,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL
            )""",
            # membership.page_members, candidates.pool_of; with the account, as else SQLite reads all senders of that
            "CREATE INDEX messaging_senders_by_service"
            " ON messaging_senders (service_sid, account_sid, kind, date_created, sid)",
            # candidates.in_pool, membership.add_text
            "CREATE INDEX messaging_senders_by_value ON messaging_senders (service_sid, account_sid, value)",
            "CREATE INDEX messaging_senders_by_account ON messaging_senders (account_sid)",
            """CREATE TABLE sticky_senders (
                service_sid TEXT NOT NULL REFERENCES messaging_services (sid) ON DELETE CASCADE,
                channel TEXT NOT NULL,
                recipient TEXT NOT NULL,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                sender_sid TEXT NOT NULL,
                sender TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                PRIMARY KEY (service_sid, channel, recipient)
            )""",
            # owned_numbers.leave_pool
            "CREATE INDEX sticky_senders_by_sender ON sticky_senders (sender_sid)",
            "CREATE INDEX sticky_senders_by_account ON sticky_senders (account_sid)",
        ),
    ),
    Migration(
        "senders",
        2,
        (
            # membership.page_members, for a country
            "CREATE INDEX messaging_senders_by_country ON messaging_senders"
            " (service_sid, account_sid, kind, iso_country_code, date_created, sid)"
            " WHERE iso_country_code IS NOT NULL",
        ),
    ),
    Migration(
        "senders",
        3,
        (
            """CREATE VIEW live_messaging_senders AS SELECT * FROM messaging_senders
                WHERE EXISTS (SELECT 1 FROM messaging_services parent
                    WHERE parent.sid = messaging_senders.service_sid AND NOT parent.deleted)""",
            # A sender that left the pool and came back begins anew.
            """CREATE VIEW live_sticky_senders AS SELECT * FROM sticky_senders
                WHERE EXISTS (SELECT 1 FROM messaging_senders sender
                    WHERE sender.sid = sticky_senders.sender_sid
                    AND sender.service_sid = sticky_senders.service_sid
                    AND sender.date_created <= sticky_senders.date_created)""",
        ),
    ),
    Migration(
        "senders",
        4,
        (
            "ALTER TABLE sticky_senders ADD COLUMN last_used BIGINT NOT NULL DEFAULT 0",
            # As if each had been used at this time.
            "UPDATE sticky_senders SET last_used ="
            " (SELECT coalesce(max(applied_at), 0) FROM schema_migrations WHERE room = 'senders')",
            # its retention
            "CREATE INDEX sticky_senders_by_use ON sticky_senders (last_used)",
            # The column belongs to the view, too.
            "DROP VIEW live_sticky_senders",
            """CREATE VIEW live_sticky_senders AS SELECT * FROM sticky_senders
                WHERE EXISTS (SELECT 1 FROM messaging_senders sender
                    WHERE sender.sid = sticky_senders.sender_sid
                    AND sender.service_sid = sticky_senders.service_sid
                    AND sender.date_created <= sticky_senders.date_created)""",
        ),
    ),
)
