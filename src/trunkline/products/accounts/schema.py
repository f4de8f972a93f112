"""The tables of accounts and their credentials. Secrets are sealed under the master key."""

from __future__ import annotations

from trunkline.core.storage.migrate import Migration

MIGRATIONS = (
    Migration(
        "accounts",
        1,
        (
            """CREATE TABLE accounts (
                sid TEXT PRIMARY KEY,
                owner_account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                friendly_name TEXT NOT NULL,
                status TEXT NOT NULL,
                auth_token BLOB NOT NULL,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL
            )""",
            # accounts.page_accounts
            "CREATE INDEX accounts_by_owner ON accounts (owner_account_sid, date_created, sid)",
            """CREATE TABLE secondary_auth_tokens (
                account_sid TEXT PRIMARY KEY REFERENCES accounts (sid) ON DELETE CASCADE,
                auth_token BLOB NOT NULL,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL
            )""",
            """CREATE TABLE api_keys (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                kind TEXT NOT NULL,
                friendly_name TEXT NOT NULL,
                secret BLOB NOT NULL,
                policy TEXT,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL
            )""",
            # store.page_keys
            "CREATE INDEX api_keys_by_creation ON api_keys (account_sid, date_created, sid)",
        ),
    ),
    Migration(
        "accounts",
        2,
        (
            """CREATE TABLE test_credentials (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL UNIQUE REFERENCES accounts (sid) ON DELETE CASCADE,
                auth_token BLOB NOT NULL,
                date_created BIGINT NOT NULL
            )""",
        ),
    ),
    Migration(
        "accounts",
        3,
        (
            """CREATE TABLE alerts (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                service_sid TEXT NOT NULL,
                resource_sid TEXT NOT NULL,
                alert_text TEXT NOT NULL,
                error_code BIGINT NOT NULL,
                log_level TEXT NOT NULL,
                request_method TEXT NOT NULL,
                request_url TEXT NOT NULL,
                request_variables TEXT NOT NULL,
                request_headers TEXT NOT NULL,
                response_headers TEXT NOT NULL,
                response_body TEXT NOT NULL,
                date_created BIGINT NOT NULL
            )""",
            # alerts.page_alerts
            "CREATE INDEX alerts_by_creation ON alerts (account_sid, date_created, sid)",
            "CREATE INDEX alerts_by_level ON alerts (account_sid, log_level, date_created, sid)",
            # its retention
            "CREATE INDEX alerts_by_age ON alerts (date_created)",
        ),
    ),
    Migration(
        "accounts",
        4,
        (
            """CREATE TABLE browser_sessions (
                id_hash TEXT PRIMARY KEY,
                account_sid TEXT REFERENCES accounts (sid) ON DELETE CASCADE,
                username TEXT NOT NULL,
                proof TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                date_expires BIGINT NOT NULL
            )""",
            # sessions.end_sessions
            "CREATE INDEX browser_sessions_by_account ON browser_sessions (account_sid)",
            # its retention
            "CREATE INDEX browser_sessions_by_end ON browser_sessions (date_expires)",
        ),
    ),
    Migration(
        "accounts",
        5,
        (
            # accounts.page_accounts, by what the filters name
            "CREATE INDEX accounts_by_name ON accounts (owner_account_sid, friendly_name, date_created, sid)",
            "CREATE INDEX accounts_by_status ON accounts (owner_account_sid, status, date_created, sid)",
            "CREATE INDEX accounts_by_name_and_status"
            " ON accounts (owner_account_sid, friendly_name, status, date_created, sid)",
            # facade.oldest_account, facade.all_accounts
            "CREATE INDEX accounts_by_creation ON accounts (date_created, sid)",
            "CREATE INDEX main_accounts_by_creation ON accounts (date_created, sid)"
            " WHERE sid = owner_account_sid",
        ),
    ),
    Migration(
        "accounts",
        6,
        (
            # retention.ClosedAccounts, which empties the token at last
            "CREATE INDEX accounts_to_empty ON accounts (date_updated)"
            " WHERE status = 'closed' AND length(auth_token) > 0",
            "CREATE INDEX accounts_with_token ON accounts (owner_account_sid, sid) WHERE length(auth_token) > 0",
        ),
    ),
)
