"""The tables of messages: the messages, their queue, the lanes of senders, and the segments that a network has
accepted.
"""

from __future__ import annotations

from trunkline.core.storage.holds import Hold
from trunkline.core.storage.migrate import Migration
from trunkline.products.messaging.lifecycle.lanes import LEASE

MIGRATIONS = (
    Migration(
        "messages",
        1,
        (
            # A message outlives its Service (doc), so service_sid refers to nothing.
            """CREATE TABLE messages (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                date_sent BIGINT,
                direction TEXT NOT NULL,
                status TEXT NOT NULL,
                sender TEXT,
                recipient TEXT NOT NULL,
                body TEXT NOT NULL,
                service_sid TEXT,
                num_media BIGINT NOT NULL,
                num_segments BIGINT NOT NULL,
                error_code BIGINT,
                price TEXT,
                price_unit TEXT NOT NULL,
                tags TEXT,
                status_callback TEXT,
                callback_method TEXT NOT NULL,
                application_sid TEXT,
                options TEXT NOT NULL
            )""",
            # listing.page_messages, by what the filters name
            "CREATE INDEX messages_by_creation ON messages (account_sid, date_created, sid)",
            "CREATE INDEX messages_by_recipient ON messages (account_sid, recipient, date_created, sid)",
            "CREATE INDEX messages_by_sender ON messages (account_sid, sender, date_created, sid)",
            # listing.page_messages, with a filter for the time of sending
            "CREATE INDEX messages_by_sending ON messages (account_sid, date_sent, sid)"
            " WHERE date_sent IS NOT NULL",
            """CREATE TABLE message_queue (
                message_sid TEXT PRIMARY KEY REFERENCES messages (sid) ON DELETE CASCADE,
                account_sid TEXT NOT NULL,
                step TEXT NOT NULL,
                lane TEXT NOT NULL,
                place BIGINT NOT NULL,
                due BIGINT NOT NULL,
                expires BIGINT NOT NULL,
                segments BIGINT NOT NULL,
                attempts BIGINT NOT NULL,
                taken TEXT NOT NULL
            )""",
            # scheduling.ScheduleLimit
            "CREATE INDEX message_queue_scheduled ON message_queue (account_sid) WHERE step = 'scheduled'",
            # message_queue.due_entries, message_queue.next_due: for the steps that wait for a time, as a lane has an
            # order of its own
            "CREATE INDEX message_queue_scheduled_by_due ON message_queue (due) WHERE step = 'scheduled'",
            "CREATE INDEX message_queue_choosing_by_due ON message_queue (due) WHERE step = 'choose'",
            # message_queue.lane_entries
            "CREATE INDEX message_queue_by_lane ON message_queue (lane, step, place)",
            # message_queue.expired_entries
            "CREATE INDEX message_queue_by_expiry ON message_queue (expires) WHERE step <> 'sending'",
            """CREATE TABLE message_lanes (
                lane TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                sender TEXT NOT NULL,
                queued BIGINT NOT NULL,
                last_used BIGINT NOT NULL,
                free_at BIGINT NOT NULL,
                holder TEXT,
                until BIGINT NOT NULL
            )""",
            "CREATE INDEX message_lanes_by_account ON message_lanes (account_sid)",
            # lanes.lanes_with_work
            "CREATE INDEX message_lanes_with_work ON message_lanes (until) WHERE queued > 0",
            """CREATE TABLE message_parts (
                message_sid TEXT NOT NULL REFERENCES messages (sid) ON DELETE CASCADE,
                part BIGINT NOT NULL,
                carrier TEXT NOT NULL,
                id TEXT NOT NULL,
                state TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                PRIMARY KEY (message_sid, part)
            )""",
            # receipt_handling.apply_receipt
            "CREATE INDEX message_parts_by_id ON message_parts (carrier, id, date_created)",
            """CREATE TABLE early_receipts (
                carrier TEXT NOT NULL,
                id TEXT NOT NULL,
                receipt TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                PRIMARY KEY (carrier, id, receipt)
            )""",
            # receipt_handling.apply_receipt
            "CREATE INDEX early_receipts_by_age ON early_receipts (date_created)",
            """CREATE TABLE message_feedback (
                message_sid TEXT PRIMARY KEY REFERENCES messages (sid) ON DELETE CASCADE,
                account_sid TEXT NOT NULL,
                outcome TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL
            )""",
        ),
    ),
    Migration(
        "messages",
        2,
        (
            "ALTER TABLE message_queue ADD COLUMN since BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE message_lanes ADD COLUMN free_since BIGINT NOT NULL DEFAULT 0",
            # A clock that was ahead may have left them hours ahead.
            "UPDATE message_lanes SET free_at = 0",
        ),
    ),
    Migration(
        "messages",
        3,
        (
            # listing.page_messages, with both addresses, and with a time; an outgoing message joins the latter when it
            # is sent
            "CREATE INDEX messages_by_addresses"
            " ON messages (account_sid, recipient, sender, date_created, sid)",
            "CREATE INDEX messages_by_recipient_and_sending"
            " ON messages (account_sid, recipient, date_sent, sid) WHERE date_sent IS NOT NULL",
            "CREATE INDEX messages_by_sender_and_sending"
            " ON messages (account_sid, sender, date_sent, sid) WHERE date_sent IS NOT NULL",
            "CREATE INDEX messages_by_addresses_and_sending"
            " ON messages (account_sid, recipient, sender, date_sent, sid) WHERE date_sent IS NOT NULL",
            # deactivations.numbers; the condition is that of the query
            "CREATE INDEX messages_to_unknown_handsets ON messages (account_sid, date_updated)"
            " WHERE error_code = 30005",
        ),
    ),
    Migration(
        "messages",
        4,
        (
            "ALTER TABLE message_lanes ADD COLUMN fence BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE message_queue ADD COLUMN fence BIGINT NOT NULL DEFAULT 0",
        ),
    ),
    Migration(
        "messages",
        5,
        (
            # its retention; the condition is that of the limit, so that a lane in use stays out of it
            "CREATE INDEX message_lanes_unused ON message_lanes (last_used)"
            " WHERE queued = 0 AND holder IS NULL",
        ),
    ),
    Migration(
        "messages",
        6,
        (
            # deactivations.numbers; the condition is that of the query. No index has a column that changes with each
            # status, so that PostgreSQL changes the row in place, without a new entry in each of the others, but for
            # that to sent and for errors.
            "DROP INDEX messages_to_unknown_handsets",
            "CREATE INDEX messages_to_unknown_handsets ON messages (account_sid, date_created)"
            " WHERE error_code = 30005",
        ),
    ),
)

HOLDS = (
    # The time of a scheduled message is its user's.
    Hold("message_queue", until="due", since="since", where="step <> 'scheduled'"),
    Hold("message_lanes", until="free_at", since="free_since"),
    Hold("message_lanes", until="until", span=LEASE),
)
