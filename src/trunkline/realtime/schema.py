"""The tables of the realtime door: who is connected where."""

from __future__ import annotations

from trunkline.core.clock import SECOND
from trunkline.core.storage.holds import Hold
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.retention import TableRetention

LEASE = 20 * SECOND
"""The time after which a node that does not renew its lease counts as gone (inferred)."""

MIGRATIONS = (
    Migration(
        "realtime",
        1,
        (
            # The end of each node's lease: until then its endpoints count as connected.
            """CREATE TABLE realtime_nodes (
                node TEXT PRIMARY KEY,
                until BIGINT NOT NULL
            )""",
            """CREATE TABLE realtime_endpoints (
                product TEXT NOT NULL,
                service_sid TEXT NOT NULL,
                identity TEXT NOT NULL,
                endpoint_id TEXT NOT NULL,
                account_sid TEXT NOT NULL,
                connection_id TEXT NOT NULL,
                node TEXT NOT NULL,
                PRIMARY KEY (product, service_sid, identity, endpoint_id)
            )""",
            # endpoints.stranded
            "CREATE INDEX realtime_endpoints_by_node ON realtime_endpoints (node)",
            # Identities whose last endpoint is gone, and the end of their grace.
            """CREATE TABLE realtime_absences (
                product TEXT NOT NULL,
                service_sid TEXT NOT NULL,
                identity TEXT NOT NULL,
                endpoint_id TEXT NOT NULL,
                due BIGINT NOT NULL,
                PRIMARY KEY (product, service_sid, identity)
            )""",
        ),
    ),
    Migration(
        "realtime",
        2,
        (
            # its retention
            "CREATE INDEX realtime_endpoints_by_account ON realtime_endpoints (account_sid)",
        ),
    ),
)

RETENTION = (
    TableRetention(table="realtime_nodes", rule="while the node renews its lease", key=("node",)),
    TableRetention(
        table="realtime_endpoints",
        rule="while it is connected",
        key=("product", "service_sid", "identity", "endpoint_id"),
        account="account_sid = :account_sid",
    ),
    TableRetention(
        table="realtime_absences",
        rule="until its grace ends",
        key=("product", "service_sid", "identity"),
    ),
)

HOLDS = (Hold("realtime_nodes", until="until", span=LEASE),)
