"""Forty questions of a newcomer, each with the module that has the answer.

They measure names: somebody who sees the tree alone must guess 38 of the modules at once. So when a piece moves, its
question moves with it. The third column is a pattern that the module has, so that an entry cannot go stale unnoticed.
"""

from __future__ import annotations

QUESTIONS: tuple[tuple[str, str, str], ...] = (
    # Requests
    (
        "Where is the product of a request found, by host or path prefix?",
        "api/addressing.py",
        r"def resolve\b",
    ),
    ("Which status and text has error 20404?", "api/error_codes.py", r"\b20404: "),
    ("Where are Basic credentials checked?", "api/auth.py", r"class Authenticator\b"),
    ("Where does a PascalCase form become typed input?", "api/params.py", r"def pascal_case\b"),
    ("Where are page tokens encoded and decoded?", "api/paging.py", r"def encode\w*\b"),
    ("What limits the requests of an account in flight?", "api/concurrency.py", r"class InFlight\b"),
    ("Where is a request's route looked up?", "api/router.py", r"class Router\b"),
    (
        "Where does an action run in its transaction, and its result become a response?",
        "api/execution.py",
        r"class OperationExecutor\b",
    ),
    ("What makes a request with a mutation id run once?", "core/mutation_claims.py", r"def claim\b"),
    # Core
    ("Where are secrets encrypted?", "core/secrets.py", r"AESGCM"),
    (
        "Where is the signature of an access token verified?",
        "core/access_tokens.py",
        r"def check_signature\b",
    ),
    ("What keeps webhooks from private addresses?", "core/egress/guard.py", r"169\.254"),
    ("Where is X-Twilio-Signature made?", "core/webhooks/signature.py", r"HMAC"),
    (
        "Where are #rc=3&rp=5xx in a webhook's URL parsed?",
        "core/webhooks/overrides.py",
        r"class RetryPolicy\b",
    ),
    ("What limits jobs running at once?", "core/jobs/limits.py", r"class ConcurrencyLimits\b"),
    ("Where is a due job claimed?", "core/jobs/claims.py", r"def claim\b"),
    (
        "Where do many writes share one commit on SQLite?",
        "core/storage/sqlite_writer.py",
        r"class SqliteWriter\b",
    ),
    ("Where is a database of a newer version refused?", "core/storage/migrate.py", r"NewerDatabase"),
    ("Where is the token bucket?", "core/rates.py", r"class TokenBucket\b"),
    ("Where do nodes publish to each other over NATS?", "core/nats_bus.py", r"class NatsBus\b"),
    # Realtime
    ("Where are twilsock's frames decoded?", "realtime/twilsock.py", r"def decode\b"),
    (
        "Where does a reconnecting client get the events that it missed?",
        "realtime/objects/replay.py",
        r"def missed\b",
    ),
    (
        "Where is an event delivered to the subscribers of an object?",
        "realtime/objects/live_delivery.py",
        r"class LiveDelivery\b",
    ),
    # Products
    ("Where is a main account suspended?", "products/accounts/accounts.py", r"def update_account\b"),
    ("Where are the permissions of a Chat role listed?", "products/chat/permissions.py", r"sendMessage"),
    ("Where is a Sync permission checked?", "products/sync/permissions.py", r"def require\b"),
    ("What removes expired Sync objects?", "products/sync/expiry.py", r"def purge\b"),
    ("What limits writes of one Sync object to 20 a second?", "products/sync/limits.py", r"54009"),
    ("Where is a STOP keyword recognised?", "products/messaging/opt_outs/keywords.py", r"STOPALL"),
    (
        "Where is the sender of a message through a Service chosen?",
        "products/messaging/senders/sender_choice.py",
        r"def choose_sender\b",
    ),
    ("How many segments has a text?", "products/messaging/text/segments.py", r"def segment\b"),
    ("Where is a landline recipient refused?", "products/messaging/messages/checks.py", r"21635"),
    ("Where is TwiML parsed?", "products/messaging/receiving/twiml.py", r"def read_twiml\b"),
    (
        "What ends a loop of automatic replies?",
        "products/messaging/receiving/loop_guard.py",
        r"def decide_reply\b",
    ),
    (
        "Where is the status callback of a message enqueued?",
        "products/messaging/lifecycle/callbacks.py",
        r"def enqueue_callback\b",
    ),
    (
        "What enforces a campaign's rate?",
        "products/messaging/compliance/enforcement.py",
        r"class Enforcement\b",
    ),
    # Transports, settings, command line
    ("Which carrier does a message leave by?", "transports/routing.py", r"class RoutingTable\b"),
    ("Where is a delivery receipt of SMPP parsed?", "transports/smpp/receipts.py", r"DELIVRD"),
    ("Where is trunkline.toml read?", "settings/loading.py", r"def load\b"),
    ("Where does doctor inspect the database?", "cli/doctor/database.py", r"async def findings\b"),
)
"""Question, module below ``src/trunkline``, and a pattern that the module has."""
