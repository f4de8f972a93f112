"""Forty questions of a newcomer, each with the module that has the answer.

They measure names: somebody who sees the tree alone must guess 38 of the modules at once. So when a piece moves, its
question moves with it. The third column is a pattern that the module has, so that an entry cannot go stale unnoticed.
"""

from __future__ import annotations

QUESTIONS: tuple[tuple[str, str, str], ...] = (
    # Requests
    ("Where is the product of a request found, by host or path prefix?", "api/addressing.py", r"X-|Host"),
    ("Which status and text has error 20404?", "api/error_codes.py", r"\b20404: "),
    ("Where are Basic credentials checked?", "api/auth.py", r"Basic"),
    ("Where does a PascalCase form become typed input?", "api/params.py", r"PascalCase|msgspec\.convert"),
    ("Where are page tokens encoded and decoded?", "api/paging.py", r"def encode"),
    ("What limits the requests of an account in flight?", "api/concurrency.py", r"20429"),
    ("Where is a request's route looked up?", "api/router.py", r"class Router"),
    (
        "Where does an action run in its transaction, and its result become a response?",
        "api/dispatch.py",
        r"transaction",
    ),
    ("What makes a request with a mutation id run once?", "api/mutation_ids.py", r"utation"),
    # Core
    ("Where are secrets encrypted?", "core/secrets.py", r"AESGCM"),
    ("Where is the signature of an access token verified?", "core/tokens.py", r"compare_digest"),
    ("What keeps webhooks from private addresses?", "core/egress/guard.py", r"169\.254"),
    ("Where is X-Twilio-Signature made?", "core/webhooks/signature.py", r"HMAC"),
    ("Where are #rc=3&rp=5xx in a webhook's URL parsed?", "core/webhooks/overrides.py", r"\brp\b"),
    ("What limits jobs running at once?", "core/jobs/runner.py", r"class Runner|class JobRunner"),
    ("Where is a due job claimed?", "core/jobs/claims.py", r"lease|until"),
    ("Where do many writes share one commit on SQLite?", "core/storage/sqlite_writer.py", r"SAVEPOINT"),
    ("Where is a database of a newer version refused?", "core/storage/migrate.py", r"NewerDatabase"),
    ("Where is the token bucket?", "core/rates.py", r"class \w*Bucket"),
    ("Where do nodes publish to each other over NATS?", "core/bus.py", r"nats"),
    # Realtime
    ("Where are twilsock's frames decoded?", "realtime/frames.py", r"TWILSOCK|def "),
    (
        "Where does a reconnecting client get the events that it missed?",
        "realtime/objects/replay.py",
        r"class |def ",
    ),
    (
        "Where is an event delivered to the subscribers of an object?",
        "realtime/objects/live.py",
        r"class Live",
    ),
    # Products
    ("Where is a main account suspended?", "products/accounts/accounts.py", r"suspend"),
    ("Where are the permissions of a Chat role listed?", "products/chat/permissions.py", r"sendMessage"),
    ("Where is a Sync permission checked?", "products/sync/permission_checks.py", r"54007"),
    ("What removes expired Sync objects?", "products/sync/expiry.py", r"class "),
    ("What limits writes of one Sync object to 20 a second?", "products/sync/limits.py", r"54009"),
    ("Where is a STOP keyword recognised?", "products/messaging/opt_outs/keywords.py", r"STOPALL"),
    (
        "Where is the sender of a message through a Service chosen?",
        "products/messaging/senders/sender_choice.py",
        r"geomatch",
    ),
    ("How many segments has a text?", "products/messaging/text/segments.py", r"153"),
    ("Where is a landline recipient refused?", "products/messaging/messages/checks.py", r"21635"),
    ("Where is TwiML parsed?", "products/messaging/receiving/twiml.py", r"def "),
    ("What ends a loop of automatic replies?", "products/messaging/receiving/loop_guard.py", r"14107"),
    (
        "Where is the status callback of a message enqueued?",
        "products/messaging/lifecycle/callbacks.py",
        r"enqueue_webhook",
    ),
    ("What enforces a campaign's rate?", "products/messaging/compliance/enforcement.py", r"30022"),
    # Transports, settings, command line
    ("Which carrier does a message leave by?", "transports/routing.py", r"class RoutingTable"),
    ("Where is a delivery receipt of SMPP parsed?", "transports/smpp/receipts.py", r"DELIVRD"),
    ("Where is trunkline.toml read?", "settings/loading.py", r"toml"),
    ("Where does doctor inspect the database?", "cli/doctor/database.py", r"Finding"),
)
"""Question, module below ``src/trunkline``, and a pattern that the module has."""
