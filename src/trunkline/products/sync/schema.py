"""Sync's tables."""

from __future__ import annotations

from trunkline.core.storage.migrate import Migration

MIGRATIONS = (
    Migration(
        "sync",
        1,
        (
            """CREATE TABLE sync_services (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                unique_name TEXT,
                friendly_name TEXT,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                webhook_url TEXT,
                webhooks_from_rest_enabled BOOLEAN NOT NULL,
                reachability_webhooks_enabled BOOLEAN NOT NULL,
                acl_enabled BOOLEAN NOT NULL,
                reachability_debouncing_enabled BOOLEAN NOT NULL,
                reachability_debouncing_window BIGINT NOT NULL,
                UNIQUE (account_sid, unique_name)
            )""",
            # services.page
            "CREATE INDEX sync_services_by_creation ON sync_services (account_sid, date_created, sid)",
        ),
    ),
)
