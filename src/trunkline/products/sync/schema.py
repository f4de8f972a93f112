"""Sync's tables."""

from __future__ import annotations

from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.removal import Removal, RemovalGroup, RemovalPlan
from trunkline.core.storage.retention import TableRetention

MIGRATIONS = (
    Migration(
        "sync",
        1,
        (
            """CREATE TABLE sync_services (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                unique_name TEXT,
                friendly_name TEXT,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                webhook_url TEXT,
                webhooks_from_rest_enabled BOOLEAN NOT NULL,
                reachability_webhooks_enabled BOOLEAN NOT NULL,
                acl_enabled BOOLEAN NOT NULL,
                reachability_debouncing_enabled BOOLEAN NOT NULL,
                reachability_debouncing_window BIGINT NOT NULL,
                UNIQUE (account_sid, unique_name)
            )""",
            # services.page_services
            "CREATE INDEX sync_services_by_creation ON sync_services (account_sid, date_created, sid)",
        ),
    ),
    Migration(
        "sync",
        2,
        (
            # Documents, Lists, Maps and Streams: what they share is nearly all that they are.
            """CREATE TABLE sync_objects (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                service_sid TEXT NOT NULL REFERENCES sync_services (sid) ON DELETE CASCADE,
                kind TEXT NOT NULL,
                unique_name TEXT,
                data TEXT NOT NULL,
                last_event_id BIGINT NOT NULL,
                next_index BIGINT NOT NULL,
                created_by TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                date_expires BIGINT,
                UNIQUE (service_sid, kind, unique_name)
            )""",
            # objects.page
            "CREATE INDEX sync_objects_by_creation ON sync_objects (service_sid, kind, date_created, sid)",
            # the removal of an account
            "CREATE INDEX sync_objects_by_account ON sync_objects (account_sid)",
            # expiry.purge
            """CREATE INDEX sync_objects_by_expiry ON sync_objects (date_expires, sid)
                WHERE date_expires IS NOT NULL""",
            # A list item has an index and no key, a map item a key and index 0: one order serves both.
            """CREATE TABLE sync_items (
                object_sid TEXT NOT NULL REFERENCES sync_objects (sid) ON DELETE CASCADE,
                item_index BIGINT NOT NULL,
                item_key TEXT NOT NULL,
                account_sid TEXT NOT NULL,
                service_sid TEXT NOT NULL,
                data TEXT NOT NULL,
                created_event_id BIGINT NOT NULL,
                last_event_id BIGINT NOT NULL,
                created_by TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL,
                date_expires BIGINT,
                PRIMARY KEY (object_sid, item_index, item_key)
            )""",
            # expiry.purge
            """CREATE INDEX sync_items_by_expiry ON sync_items (date_expires, object_sid)
                WHERE date_expires IS NOT NULL""",
            """CREATE TABLE sync_permissions (
                object_sid TEXT NOT NULL REFERENCES sync_objects (sid) ON DELETE CASCADE,
                identity TEXT NOT NULL,
                may_read BOOLEAN NOT NULL,
                may_write BOOLEAN NOT NULL,
                may_manage BOOLEAN NOT NULL,
                date_created BIGINT NOT NULL,
                PRIMARY KEY (object_sid, identity)
            )""",
            # permission_resource.page_permissions
            """CREATE INDEX sync_permissions_by_creation
                ON sync_permissions (object_sid, date_created, identity)""",
            """CREATE TABLE sync_events (
                object_sid TEXT NOT NULL REFERENCES sync_objects (sid) ON DELETE CASCADE,
                event_id BIGINT NOT NULL,
                type TEXT NOT NULL,
                item_index BIGINT,
                item_key TEXT,
                data TEXT,
                date_created BIGINT NOT NULL,
                date_expires BIGINT,
                identity TEXT,
                endpoint TEXT NOT NULL,
                PRIMARY KEY (object_sid, event_id)
            )""",
            # event_log.trim
            "CREATE INDEX sync_events_by_date ON sync_events (date_created)",
        ),
    ),
    Migration(
        "sync",
        3,
        (
            # Until when a node's endpoints count as connected.
            """CREATE TABLE sync_nodes (
                node TEXT PRIMARY KEY,
                until BIGINT NOT NULL
            )""",
            """CREATE TABLE sync_endpoints (
                service_sid TEXT NOT NULL REFERENCES sync_services (sid) ON DELETE CASCADE,
                identity TEXT NOT NULL,
                endpoint_id TEXT NOT NULL,
                account_sid TEXT NOT NULL,
                connection_id TEXT NOT NULL,
                node TEXT NOT NULL,
                PRIMARY KEY (service_sid, identity, endpoint_id)
            )""",
            # The endpoints of a node that is gone
            "CREATE INDEX sync_endpoints_by_node ON sync_endpoints (node)",
            # Identities whose last endpoint is gone, and when a webhook reports that.
            """CREATE TABLE sync_departures (
                service_sid TEXT NOT NULL REFERENCES sync_services (sid) ON DELETE CASCADE,
                identity TEXT NOT NULL,
                endpoint_id TEXT NOT NULL,
                due BIGINT NOT NULL,
                PRIMARY KEY (service_sid, identity)
            )""",
        ),
    ),
    Migration(
        "sync",
        4,
        (
            # Presence is the realtime door's: nodes, endpoints and windows that are not over move to its tables.
            "INSERT INTO realtime_nodes (node, until) SELECT node, until FROM sync_nodes",
            """INSERT INTO realtime_endpoints
                (product, service_sid, identity, endpoint_id, account_sid, connection_id, node)
                SELECT 'sync', service_sid, identity, endpoint_id, account_sid, connection_id, node
                FROM sync_endpoints""",
            """INSERT INTO realtime_absences (product, service_sid, identity, endpoint_id, due)
                SELECT 'sync', service_sid, identity, endpoint_id, due FROM sync_departures""",
            # No text inside the payload can match: its quotes are escaped.
            """UPDATE jobs SET kind = 'presence_absence',
                payload = replace(payload, '"departure":[', '"absence":["sync",')
                WHERE kind = 'sync_departure'""",
            "DROP TABLE sync_departures",
            "DROP TABLE sync_endpoints",
            "DROP TABLE sync_nodes",
        ),
    ),
    Migration(
        "sync",
        5,
        (
            # source.events_after
            "CREATE INDEX sync_items_by_event ON sync_items (object_sid, last_event_id)",
            """CREATE INDEX sync_events_of_removals ON sync_events (object_sid, event_id)
                WHERE type IN ('list_item_removed', 'map_item_removed')""",
        ),
    ),
    Migration(
        "sync",
        6,
        (
            # A resource that is deleted, but has too much below it for one transaction; queries read the views.
            "ALTER TABLE sync_services ADD COLUMN deleted BOOLEAN NOT NULL DEFAULT FALSE",
            "CREATE VIEW live_sync_services AS SELECT * FROM sync_services WHERE NOT deleted",
            "ALTER TABLE sync_objects ADD COLUMN deleted BOOLEAN NOT NULL DEFAULT FALSE",
            """CREATE VIEW live_sync_objects AS SELECT * FROM sync_objects WHERE NOT deleted
                AND EXISTS (SELECT 1 FROM sync_services parent
                    WHERE parent.sid = sync_objects.service_sid AND NOT parent.deleted)""",
        ),
    ),
)

_ITEMS = ("object_sid", "item_index", "item_key")
_EVENTS = ("object_sid", "event_id")
_PERMISSIONS = ("object_sid", "identity")
_PAGE = "(SELECT sid FROM sync_objects WHERE service_sid = :sid ORDER BY kind, date_created, sid LIMIT 100)"
_EMPTY = """
NOT EXISTS (SELECT 1 FROM sync_items WHERE sync_items.object_sid = sync_objects.sid)
AND NOT EXISTS (SELECT 1 FROM sync_events WHERE sync_events.object_sid = sync_objects.sid)
AND NOT EXISTS (SELECT 1 FROM sync_permissions WHERE sync_permissions.object_sid = sync_objects.sid)
"""

SERVICE_REMOVAL = RemovalPlan(
    "sync_services",
    below=(
        RemovalGroup(
            (
                Removal("sync_items", _ITEMS, f"object_sid IN {_PAGE}"),
                Removal("sync_events", _EVENTS, f"object_sid IN {_PAGE}"),
                Removal("sync_permissions", _PERMISSIONS, f"object_sid IN {_PAGE}"),
                # Objects that others remove meanwhile let new ones onto the page, which have rows below them still.
                Removal("sync_objects", ("sid",), f"sid IN {_PAGE}", ready=_EMPTY),
            )
        ),
    ),
    released="unique_name = NULL",
)
OBJECT_REMOVAL = RemovalPlan(
    "sync_objects",
    below=(
        RemovalGroup((Removal("sync_items", _ITEMS, "object_sid = :sid"),)),
        RemovalGroup((Removal("sync_events", _EVENTS, "object_sid = :sid"),)),
        RemovalGroup((Removal("sync_permissions", _PERMISSIONS, "object_sid = :sid"),)),
    ),
    released="unique_name = NULL, date_expires = NULL",
)
REMOVALS = (SERVICE_REMOVAL, OBJECT_REMOVAL)

RETENTION = (
    TableRetention(
        table="sync_items",
        rule="until it is deleted, or its time to live ends",
        key=("object_sid", "item_index", "item_key"),
    ),
    TableRetention(table="sync_permissions", rule="with its object", key=("object_sid", "identity")),
    # expiry.Sweeper
    TableRetention(table="sync_events", rule="for 24 hours; with its object", key=("object_sid", "event_id")),
    TableRetention(
        table="sync_objects",
        rule="until it is deleted, or its time to live ends",
        key=("sid",),
        account="account_sid = :account_sid",
        children=(
            ("sync_items", "object_sid"),
            ("sync_permissions", "object_sid"),
            ("sync_events", "object_sid"),
        ),
    ),
    TableRetention(
        table="sync_services",
        rule="until its account deletes it",
        key=("sid",),
        account="account_sid = :account_sid",
    ),
)
