"""The tables of opt-outs."""

from __future__ import annotations

from trunkline.core.storage.migrate import Migration

MIGRATIONS = (
    Migration(
        "opt-outs",
        1,
        (
            """CREATE TABLE opt_outs (
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                scope TEXT NOT NULL,
                recipient TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                PRIMARY KEY (account_sid, scope, recipient)
            )""",
        ),
    ),
    Migration(
        "opt-outs",
        2,
        (
            # blocks.page_blocks
            "CREATE INDEX opt_outs_by_creation ON opt_outs (account_sid, date_created, scope, recipient)",
            """CREATE TABLE advanced_opt_outs (
                service_sid TEXT PRIMARY KEY REFERENCES messaging_services (sid) ON DELETE CASCADE,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                enabled BOOLEAN NOT NULL,
                sets TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL
            )""",
            "CREATE INDEX advanced_opt_outs_by_account ON advanced_opt_outs (account_sid)",
        ),
    ),
    Migration(
        "opt-outs",
        3,
        (
            # blocks.page_blocks, of a scope and of a recipient
            "CREATE INDEX opt_outs_by_scope ON opt_outs (account_sid, scope, date_created, recipient)",
            "CREATE INDEX opt_outs_by_recipient ON opt_outs (account_sid, recipient, date_created, scope)",
        ),
    ),
)
