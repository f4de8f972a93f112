"""The tables of compliance: brands and their vettings, campaigns, toll-free verifications, deactivated numbers."""

from __future__ import annotations

from trunkline.core.storage.migrate import Migration

MIGRATIONS = (
    Migration(
        "compliance",
        1,
        (
            """CREATE TABLE a2p_brands (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                customer_profile_bundle_sid TEXT NOT NULL,
                a2p_profile_bundle_sid TEXT NOT NULL,
                brand_type TEXT NOT NULL,
                mock BOOLEAN NOT NULL,
                skip_automatic_sec_vet BOOLEAN NOT NULL,
                status TEXT NOT NULL,
                tcr_id TEXT,
                identity_status TEXT,
                brand_score BIGINT,
                failure_reason TEXT,
                errors TEXT NOT NULL,
                updates BIGINT NOT NULL
            )""",
            # brands.page_brands
            "CREATE INDEX a2p_brands_by_creation ON a2p_brands (account_sid, date_created, sid)",
            # reviews.pending_reviews
            "CREATE INDEX a2p_brands_by_status ON a2p_brands (account_sid, status)",
            """CREATE TABLE a2p_vettings (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                brand_sid TEXT NOT NULL REFERENCES a2p_brands (sid) ON DELETE CASCADE,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                vetting_provider TEXT NOT NULL,
                vetting_id TEXT,
                vetting_status TEXT NOT NULL
            )""",
            # vettings.page_vettings
            "CREATE INDEX a2p_vettings_by_creation ON a2p_vettings (brand_sid, date_created, sid)",
            # reviews.pending_reviews
            "CREATE INDEX a2p_vettings_by_status ON a2p_vettings (account_sid, vetting_status)",
            # A Service has one campaign at most (doc), and takes it along when it is deleted (doc).
            """CREATE TABLE a2p_campaigns (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                service_sid TEXT NOT NULL UNIQUE REFERENCES messaging_services (sid) ON DELETE CASCADE,
                brand_sid TEXT REFERENCES a2p_brands (sid) ON DELETE CASCADE,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                usecase TEXT,
                status TEXT NOT NULL,
                campaign_id TEXT NOT NULL,
                is_externally_registered BOOLEAN NOT NULL,
                mock BOOLEAN NOT NULL,
                content TEXT NOT NULL,
                rate_limits TEXT,
                errors TEXT NOT NULL
            )""",
            # campaigns._has_campaign
            "CREATE INDEX a2p_campaigns_by_brand ON a2p_campaigns (brand_sid)",
            # reviews.pending_reviews
            "CREATE INDEX a2p_campaigns_by_status ON a2p_campaigns (account_sid, status)",
            """CREATE TABLE a2p_campaign_minutes (
                campaign_sid TEXT PRIMARY KEY REFERENCES a2p_campaigns (sid) ON DELETE CASCADE,
                minute BIGINT NOT NULL,
                messages BIGINT NOT NULL
            )""",
            """CREATE TABLE a2p_brand_days (
                brand_sid TEXT PRIMARY KEY REFERENCES a2p_brands (sid) ON DELETE CASCADE,
                day BIGINT NOT NULL,
                messages BIGINT NOT NULL
            )""",
            """CREATE TABLE tollfree_verifications (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                number_sid TEXT NOT NULL,
                number TEXT NOT NULL,
                status TEXT NOT NULL,
                trust_product_sid TEXT,
                regulated_item_sid TEXT,
                external_reference_id TEXT,
                rejection_reason TEXT,
                error_code BIGINT,
                rejection_reasons TEXT NOT NULL,
                edit_allowed BOOLEAN,
                edit_expiration BIGINT,
                content TEXT NOT NULL
            )""",
            # tollfree.page_verifications
            "CREATE INDEX tollfree_verifications_by_creation"
            " ON tollfree_verifications (account_sid, date_created, sid)",
            # reviews.pending_reviews
            "CREATE INDEX tollfree_verifications_by_status ON tollfree_verifications (account_sid, status)",
            # tollfree.is_verified
            "CREATE INDEX tollfree_verifications_by_number ON tollfree_verifications (number, status)",
            # The operator's part of a day's file; what carriers reported stands in the messages.
            """CREATE TABLE deactivated_numbers (
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                day BIGINT NOT NULL,
                number TEXT NOT NULL,
                PRIMARY KEY (account_sid, day, number)
            )""",
        ),
    ),
    Migration(
        "compliance",
        2,
        (
            # reviews.pending_reviews, of all accounts; the conditions are those of the queries
            "CREATE INDEX a2p_brands_waiting ON a2p_brands (date_created, sid)"
            " WHERE status IN ('PENDING', 'IN_REVIEW')",
            "CREATE INDEX a2p_campaigns_waiting ON a2p_campaigns (date_created, sid)"
            " WHERE status IN ('PENDING', 'IN_PROGRESS')",
            "CREATE INDEX a2p_vettings_waiting ON a2p_vettings (date_created, sid)"
            " WHERE vetting_status = 'PENDING'",
            "CREATE INDEX tollfree_verifications_waiting ON tollfree_verifications (date_created, sid)"
            " WHERE status IN ('PENDING_REVIEW', 'IN_REVIEW')",
        ),
    ),
    Migration(
        "compliance",
        3,
        (
            # reviews.pending_reviews, of an account; the conditions are those of the queries
            "CREATE INDEX a2p_brands_waiting_of_account ON a2p_brands (account_sid, date_created, sid)"
            " WHERE status IN ('PENDING', 'IN_REVIEW')",
            "CREATE INDEX a2p_campaigns_waiting_of_account ON a2p_campaigns (account_sid, date_created, sid)"
            " WHERE status IN ('PENDING', 'IN_PROGRESS')",
            "CREATE INDEX a2p_vettings_waiting_of_account ON a2p_vettings (account_sid, date_created, sid)"
            " WHERE vetting_status = 'PENDING'",
            "CREATE INDEX tollfree_verifications_waiting_of_account"
            " ON tollfree_verifications (account_sid, date_created, sid)"
            " WHERE status IN ('PENDING_REVIEW', 'IN_REVIEW')",
            # vettings.page_vettings, of a provider
            "CREATE INDEX a2p_vettings_by_provider"
            " ON a2p_vettings (brand_sid, vetting_provider, date_created, sid)",
            # tollfree.page_verifications: one filter, or the family of accounts
            "ALTER TABLE tollfree_verifications ADD COLUMN owner_account_sid TEXT NOT NULL DEFAULT ''",
            "UPDATE tollfree_verifications SET owner_account_sid = ("
            "SELECT a.owner_account_sid FROM accounts a WHERE a.sid = tollfree_verifications.account_sid)",
            "CREATE INDEX tollfree_verifications_of_family"
            " ON tollfree_verifications (owner_account_sid, date_created, sid)",
            "CREATE INDEX tollfree_verifications_by_number_sid"
            " ON tollfree_verifications (account_sid, number_sid, date_created, sid)",
            "CREATE INDEX tollfree_verifications_by_reference"
            " ON tollfree_verifications (account_sid, external_reference_id, date_created, sid)",
            "DROP INDEX tollfree_verifications_by_status",
            "CREATE INDEX tollfree_verifications_by_status"
            " ON tollfree_verifications (account_sid, status, date_created, sid)",
        ),
    ),
    Migration(
        "compliance",
        4,
        (
            # tollfree.page_verifications: one filter in the family of accounts, and a trust product
            *(
                f"CREATE INDEX tollfree_verifications_of_family_by_{name}"
                f" ON tollfree_verifications (owner_account_sid, {column}, date_created, sid)"
                for name, column in (
                    ("number_sid", "number_sid"),
                    ("product", "trust_product_sid"),
                    ("reference", "external_reference_id"),
                    ("status", "status"),
                )
            ),
            "CREATE INDEX tollfree_verifications_by_product"
            " ON tollfree_verifications (account_sid, trust_product_sid, date_created, sid)",
        ),
    ),
)
