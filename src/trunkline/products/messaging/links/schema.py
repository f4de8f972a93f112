"""The tables of link shortening."""

from __future__ import annotations

from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.removal import Removal, RemovalGroup, RemovalPlan

MIGRATIONS = (
    Migration(
        "links",
        1,
        (
            """CREATE TABLE link_domains (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                name TEXT NOT NULL UNIQUE,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                reached BIGINT,
                certificate_sid TEXT,
                certificate BLOB,
                certificate_managed BOOLEAN NOT NULL,
                certificate_expires BIGINT,
                certificate_created BIGINT,
                certificate_updated BIGINT,
                config_sid TEXT,
                fallback_url TEXT,
                callback_url TEXT,
                continue_on_failure BOOLEAN NOT NULL,
                disable_https BOOLEAN NOT NULL,
                config_created BIGINT,
                config_updated BIGINT
            )""",
            # domains.page_domains
            "CREATE INDEX link_domains_by_account ON link_domains (account_sid, date_created, sid)",
            """CREATE TABLE link_domain_services (
                service_sid TEXT PRIMARY KEY REFERENCES messaging_services (sid) ON DELETE CASCADE,
                domain_sid TEXT NOT NULL REFERENCES link_domains (sid) ON DELETE CASCADE,
                account_sid TEXT NOT NULL,
                date_created BIGINT NOT NULL
            )""",
            "CREATE INDEX link_domain_services_by_domain ON link_domain_services (domain_sid)",
            """CREATE TABLE short_links (
                domain_sid TEXT NOT NULL REFERENCES link_domains (sid) ON DELETE CASCADE,
                code TEXT NOT NULL,
                account_sid TEXT NOT NULL,
                message_sid TEXT NOT NULL,
                service_sid TEXT NOT NULL,
                url TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                PRIMARY KEY (domain_sid, code)
            )""",
            # its retention
            "CREATE INDEX short_links_by_age ON short_links (date_created)",
        ),
    ),
    Migration(
        "links",
        2,
        (
            "ALTER TABLE link_domains ADD COLUMN deleted BOOLEAN NOT NULL DEFAULT FALSE",
            "CREATE VIEW live_link_domains AS SELECT * FROM link_domains WHERE NOT deleted",
            """CREATE VIEW live_link_domain_services AS SELECT * FROM link_domain_services
                WHERE EXISTS (SELECT 1 FROM link_domains parent
                    WHERE parent.sid = link_domain_services.domain_sid AND NOT parent.deleted)""",
        ),
    ),
)

DOMAIN_REMOVAL = RemovalPlan(
    "link_domains",
    below=(
        RemovalGroup((Removal("link_domain_services", ("service_sid",), "domain_sid = :sid"),)),
        RemovalGroup((Removal("short_links", ("domain_sid", "code"), "domain_sid = :sid"),)),
    ),
    # No domain has this name: it is in capitals.
    released="name = sid",
)
