"""The table of jobs."""

from __future__ import annotations

from trunkline.core.jobs.removals import KIND as REMOVAL
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.retention import AgeLimit, TableRetention

MIGRATIONS = (
    Migration(
        "jobs",
        1,
        (
            """CREATE TABLE jobs (
                id TEXT PRIMARY KEY,
                kind TEXT NOT NULL,
                payload TEXT NOT NULL,
                lane TEXT NOT NULL,
                order_key TEXT,
                place BIGINT NOT NULL,
                state TEXT NOT NULL,
                parked BOOLEAN NOT NULL,
                due BIGINT NOT NULL,
                holder TEXT,
                attempts BIGINT NOT NULL,
                reason TEXT NOT NULL,
                created BIGINT NOT NULL
            )""",
            # claims.claim, claims.end_of_turn
            "CREATE INDEX jobs_to_run ON jobs (due) WHERE state = 'ready'",
            # claims.claim_parked
            "CREATE INDEX jobs_parked ON jobs (kind, lane, created) WHERE parked",
            # queue.enqueue, claims.settle
            "CREATE INDEX jobs_in_order ON jobs (order_key, state, place)",
            # administration.list_jobs; an index over all states would be chosen for claims, and sort all due jobs
            "CREATE INDEX jobs_dead ON jobs (created, id) WHERE state = 'dead'",
        ),
    ),
    Migration(
        "jobs",
        2,
        (
            "ALTER TABLE jobs ADD COLUMN since BIGINT NOT NULL DEFAULT 0",
            "UPDATE jobs SET since = created",
        ),
    ),
    Migration(
        "jobs",
        3,
        (
            # administration.list_jobs
            "CREATE INDEX jobs_ready ON jobs (created, id) WHERE state = 'ready'",
            "CREATE INDEX jobs_waiting ON jobs (created, id) WHERE state = 'waiting'",
        ),
    ),
    Migration("jobs", 4, ("ALTER TABLE jobs ADD COLUMN fence BIGINT NOT NULL DEFAULT 0",)),
    Migration(
        "jobs",
        5,
        (
            "ALTER TABLE jobs ADD COLUMN account_sid TEXT NOT NULL DEFAULT ''",
            # Payloads of before begin with their account, those of messages with attachments in a list.
            "UPDATE jobs SET account_sid = substr(payload, 17, 34)"
            """ WHERE substr(payload, 1, 18) = '{"account_sid":"AC'""",
            """UPDATE jobs SET account_sid = substr(payload, 3, 34) WHERE substr(payload, 1, 4) = '["AC'""",
            # its retention
            "CREATE INDEX jobs_dead_by_account ON jobs (account_sid) WHERE state = 'dead'",
        ),
    ),
)

RETENTION = (
    TableRetention(
        table="jobs",
        rule="until it is done; a dead one, but for a removal, until the operator repeats or discards it",
        key=("id",),
        limits=(AgeLimit("created", "dead_job_days", where=f"state = 'dead' AND kind <> '{REMOVAL}'"),),
        # Others end by themselves, within the time until a closed account is emptied.
        account="account_sid = :account_sid AND state = 'dead'",
    ),
)
