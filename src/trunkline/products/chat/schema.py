"""Programmable Chat's tables.

A Service's default roles are not declared as references, because roles refer to their Service: every change
of either holds the Service's lock.
"""

from __future__ import annotations

from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.removal import Removal, RemovalGroup, RemovalPlan
from trunkline.core.storage.retention import TableRetention

MIGRATIONS = (
    Migration(
        "chat",
        1,
        (
            """CREATE TABLE chat_services (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                friendly_name TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                default_service_role_sid TEXT NOT NULL,
                default_channel_role_sid TEXT NOT NULL,
                default_channel_creator_role_sid TEXT NOT NULL,
                limits TEXT NOT NULL,
                read_status_enabled BOOLEAN NOT NULL,
                reachability_enabled BOOLEAN NOT NULL,
                typing_indicator_timeout BIGINT NOT NULL,
                consumption_report_interval BIGINT NOT NULL,
                pre_webhook_url TEXT,
                post_webhook_url TEXT,
                webhook_method TEXT,
                webhook_filters TEXT,
                pre_webhook_retry_count BIGINT NOT NULL,
                post_webhook_retry_count BIGINT NOT NULL,
                webhooks TEXT NOT NULL,
                notifications TEXT NOT NULL,
                media TEXT NOT NULL
            )""",
            # services.page_services
            "CREATE INDEX chat_services_by_creation ON chat_services (account_sid, date_created, sid)",
            """CREATE TABLE chat_roles (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                service_sid TEXT NOT NULL REFERENCES chat_services (sid) ON DELETE CASCADE,
                friendly_name TEXT NOT NULL,
                type TEXT NOT NULL,
                permissions TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL
            )""",
            # roles.page_roles, and the removal of a Service
            "CREATE INDEX chat_roles_by_creation ON chat_roles (service_sid, date_created, sid)",
            # the removal of an account
            "CREATE INDEX chat_roles_by_account ON chat_roles (account_sid)",
        ),
    ),
    Migration(
        "chat",
        2,
        (
            "ALTER TABLE chat_services ADD COLUMN deleted BOOLEAN NOT NULL DEFAULT FALSE",
            "CREATE VIEW live_chat_services AS SELECT * FROM chat_services WHERE NOT deleted",
            """CREATE VIEW live_chat_roles AS SELECT * FROM chat_roles
                WHERE EXISTS (SELECT 1 FROM chat_services parent
                    WHERE parent.sid = chat_roles.service_sid AND NOT parent.deleted)""",
        ),
    ),
)

SERVICE_REMOVAL = RemovalPlan(
    "chat_services", below=(RemovalGroup((Removal("chat_roles", ("sid",), "service_sid = :sid"),)),)
)

RETENTION = (
    TableRetention(table="chat_roles", rule="until its account deletes it, or its Service", key=("sid",)),
    TableRetention(
        table="chat_services",
        rule="until its account deletes it",
        key=("sid",),
        account="account_sid = :account_sid",
        children=(("chat_roles", "service_sid"),),
    ),
)
