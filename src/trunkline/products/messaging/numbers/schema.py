"""The tables of numbers: the operator's inventory with the owners' settings, and TwiML applications."""

from __future__ import annotations

from trunkline.core.storage.migrate import Migration

MIGRATIONS = (
    Migration(
        "numbers",
        1,
        (
            """CREATE TABLE applications (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                friendly_name TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                api_version TEXT NOT NULL,
                voice_url TEXT,
                voice_method TEXT NOT NULL,
                voice_fallback_url TEXT,
                voice_fallback_method TEXT NOT NULL,
                voice_caller_id_lookup BOOLEAN NOT NULL,
                status_callback TEXT,
                status_callback_method TEXT NOT NULL,
                sms_url TEXT,
                sms_method TEXT NOT NULL,
                sms_fallback_url TEXT,
                sms_fallback_method TEXT NOT NULL,
                sms_status_callback TEXT,
                message_status_callback TEXT,
                public_application_connect_enabled BOOLEAN NOT NULL
            )""",
            # applications.page_applications
            "CREATE INDEX applications_by_creation ON applications (account_sid, date_created, sid)",
            # The owner's columns are empty while account_sid is.
            """CREATE TABLE numbers (
                number TEXT PRIMARY KEY,
                kind TEXT NOT NULL,
                country TEXT NOT NULL,
                locality TEXT NOT NULL DEFAULT '',
                region TEXT NOT NULL DEFAULT '',
                sms BOOLEAN NOT NULL,
                mms BOOLEAN NOT NULL,
                voice BOOLEAN NOT NULL,
                carrier TEXT NOT NULL,
                rate BIGINT NOT NULL,
                account_sid TEXT REFERENCES accounts (sid) ON DELETE SET NULL,
                sid TEXT UNIQUE,
                date_created BIGINT NOT NULL DEFAULT 0,
                date_updated BIGINT NOT NULL DEFAULT 0,
                friendly_name TEXT NOT NULL DEFAULT '',
                sms_application_sid TEXT REFERENCES applications (sid) ON DELETE SET NULL,
                voice_application_sid TEXT REFERENCES applications (sid) ON DELETE SET NULL,
                settings TEXT NOT NULL DEFAULT '{}'
            )""",
            # incoming_phone_numbers.page_numbers, short_codes.page_short_codes
            "CREATE INDEX numbers_by_owner ON numbers (account_sid, date_created, sid)",
            # available_phone_numbers.page_available
            "CREATE INDEX numbers_available ON numbers (country, kind, date_created, number)"
            " WHERE account_sid IS NULL",
            # The references of applications that are removed
            "CREATE INDEX numbers_by_sms_application ON numbers (sms_application_sid)"
            " WHERE sms_application_sid IS NOT NULL",
            "CREATE INDEX numbers_by_voice_application ON numbers (voice_application_sid)"
            " WHERE voice_application_sid IS NOT NULL",
        ),
    ),
    Migration(
        "numbers",
        2,
        (
            # inventory.page_inventory
            "CREATE INDEX numbers_by_account ON numbers (account_sid, number)",
        ),
    ),
    Migration(
        "numbers",
        3,
        (
            # applications.page_applications, of a name
            "CREATE INDEX applications_by_name ON applications (account_sid, friendly_name, date_created, sid)",
            # incoming_phone_numbers.page_numbers, short_codes.page_short_codes, by what the filters name; the
            # conditions are those of the queries
            "DROP INDEX numbers_by_owner",
            "CREATE INDEX numbers_by_purchase ON numbers (account_sid, date_created, sid)"
            " WHERE account_sid IS NOT NULL AND kind <> 'short-code' AND kind <> 'channel'",
            "CREATE INDEX numbers_by_name ON numbers (account_sid, friendly_name, date_created, sid)"
            " WHERE account_sid IS NOT NULL AND kind <> 'short-code' AND kind <> 'channel'",
            "CREATE INDEX numbers_by_kind ON numbers (account_sid, kind, date_created, sid)"
            " WHERE account_sid IS NOT NULL",
            "CREATE INDEX numbers_by_kind_and_name"
            " ON numbers (account_sid, kind, friendly_name, date_created, sid) WHERE account_sid IS NOT NULL",
            # available_phone_numbers.page_available, by the first of its filters
            "CREATE INDEX numbers_available_by_area"
            " ON numbers (country, kind, substr(number, 1, 5), date_created, number) WHERE account_sid IS NULL",
            "CREATE INDEX numbers_available_by_locality"
            " ON numbers (country, kind, locality, date_created, number) WHERE account_sid IS NULL",
            "CREATE INDEX numbers_available_by_region"
            " ON numbers (country, kind, region, date_created, number) WHERE account_sid IS NULL",
        ),
    ),
    Migration(
        "numbers",
        4,
        (
            "ALTER TABLE applications ADD COLUMN deleted BOOLEAN NOT NULL DEFAULT FALSE",
            "CREATE VIEW live_applications AS SELECT * FROM applications WHERE NOT deleted",
            # Without references to applications that are deleted
            """CREATE VIEW owned_and_free_numbers AS SELECT number, kind, country, locality, region, sms, mms, voice,
                carrier, rate, account_sid, sid, date_created, date_updated, friendly_name, settings,
                (SELECT a.sid FROM applications a WHERE a.sid = numbers.sms_application_sid AND NOT a.deleted)
                    AS sms_application_sid,
                (SELECT a.sid FROM applications a WHERE a.sid = numbers.voice_application_sid AND NOT a.deleted)
                    AS voice_application_sid
                FROM numbers""",
        ),
    ),
)
