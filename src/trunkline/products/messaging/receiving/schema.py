"""The tables of receiving."""

from __future__ import annotations

from trunkline.core.storage.migrate import Migration

MIGRATIONS = (
    Migration(
        "receiving",
        1,
        (
            # A carrier may deliver a message twice.
            """CREATE TABLE inbound_ids (
                carrier TEXT NOT NULL,
                id TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                PRIMARY KEY (carrier, id)
            )""",
            # its retention
            "CREATE INDEX inbound_ids_by_age ON inbound_ids (date_created)",
            """CREATE TABLE webhook_cookies (
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                sender TEXT NOT NULL,
                recipient TEXT NOT NULL,
                cookies TEXT NOT NULL,
                last_used BIGINT NOT NULL,
                PRIMARY KEY (account_sid, sender, recipient)
            )""",
            # its retention
            "CREATE INDEX webhook_cookies_by_age ON webhook_cookies (last_used)",
            """CREATE TABLE reply_exchanges (
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                sender TEXT NOT NULL,
                recipient TEXT NOT NULL,
                replies BIGINT NOT NULL,
                last BIGINT NOT NULL,
                refused_until BIGINT NOT NULL,
                PRIMARY KEY (account_sid, sender, recipient)
            )""",
            # its retention
            "CREATE INDEX reply_exchanges_by_age ON reply_exchanges (last)",
        ),
    ),
)
