"""Notify's tables."""

from __future__ import annotations

from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.removal import RemovalPlan
from trunkline.core.storage.retention import TableRetention

MIGRATIONS = (
    Migration(
        "notify",
        1,
        (
            # messaging_service_sid is no reference: the SID stays when the Messaging Service goes.
            """CREATE TABLE notify_services (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                friendly_name TEXT,
                apn_credential_sid TEXT,
                gcm_credential_sid TEXT,
                fcm_credential_sid TEXT,
                messaging_service_sid TEXT,
                facebook_messenger_page_id TEXT,
                alexa_skill_id TEXT,
                default_apn_notification_protocol_version TEXT NOT NULL,
                default_gcm_notification_protocol_version TEXT NOT NULL,
                default_fcm_notification_protocol_version TEXT NOT NULL,
                default_alexa_notification_protocol_version TEXT NOT NULL,
                log_enabled BOOLEAN NOT NULL,
                delivery_callback_url TEXT,
                delivery_callback_enabled BOOLEAN NOT NULL
            )""",
            # services.page_services
            "CREATE INDEX notify_services_by_creation ON notify_services (account_sid, date_created, sid)",
        ),
    ),
    Migration(
        "notify",
        2,
        (
            # services.page_services, of a name
            "CREATE INDEX notify_services_by_name"
            " ON notify_services (account_sid, friendly_name, date_created, sid)",
        ),
    ),
    Migration(
        "notify",
        3,
        (
            "ALTER TABLE notify_services ADD COLUMN deleted BOOLEAN NOT NULL DEFAULT FALSE",
            "CREATE VIEW live_notify_services AS SELECT * FROM notify_services WHERE NOT deleted",
        ),
    ),
)

SERVICE_REMOVAL = RemovalPlan("notify_services")

RETENTION = (
    TableRetention(
        table="notify_services",
        rule="until its account deletes it",
        key=("sid",),
        account="account_sid = :account_sid",
    ),
)
