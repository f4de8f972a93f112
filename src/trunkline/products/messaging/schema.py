"""The tables of Messaging Services."""

from __future__ import annotations

from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.removal import Removal, RemovalGroup, RemovalPlan

MIGRATIONS = (
    Migration(
        "messaging",
        1,
        (
            """CREATE TABLE messaging_services (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                friendly_name TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                inbound_request_url TEXT,
                inbound_method TEXT NOT NULL,
                fallback_url TEXT,
                fallback_method TEXT NOT NULL,
                status_callback TEXT,
                sticky_sender BOOLEAN NOT NULL,
                mms_converter BOOLEAN NOT NULL,
                smart_encoding BOOLEAN NOT NULL,
                scan_message_content TEXT NOT NULL,
                fallback_to_long_code BOOLEAN NOT NULL,
                area_code_geomatch BOOLEAN NOT NULL,
                validity_period BIGINT NOT NULL,
                synchronous_validation BOOLEAN NOT NULL,
                usecase TEXT NOT NULL,
                use_inbound_webhook_on_number BOOLEAN NOT NULL
            )""",
            # services.page_services
            "CREATE INDEX messaging_services_by_creation"
            " ON messaging_services (account_sid, date_created, sid)",
        ),
    ),
    Migration(
        "messaging",
        2,
        (
            "ALTER TABLE messaging_services"
            " ADD COLUMN us_app_to_person_registered BOOLEAN NOT NULL DEFAULT FALSE",
        ),
    ),
    Migration(
        "messaging",
        3,
        (
            "ALTER TABLE messaging_services ADD COLUMN deleted BOOLEAN NOT NULL DEFAULT FALSE",
            "CREATE VIEW live_messaging_services AS SELECT * FROM messaging_services WHERE NOT deleted",
        ),
    ),
)

SERVICE_REMOVAL = RemovalPlan(
    "messaging_services",
    below=(
        # At most one row each.
        RemovalGroup((Removal("a2p_campaigns", ("sid",), "service_sid = :sid"),)),
        RemovalGroup((Removal("advanced_opt_outs", ("service_sid",), "service_sid = :sid"),)),
        RemovalGroup((Removal("link_domain_services", ("service_sid",), "service_sid = :sid"),)),
        RemovalGroup((Removal("messaging_senders", ("sid",), "service_sid = :sid"),)),
        RemovalGroup(
            (Removal("sticky_senders", ("service_sid", "channel", "recipient"), "service_sid = :sid"),)
        ),
    ),
)
