"""Tables with so many rows that a list that reads all of them is found out.

The rows are skewed: nearly all belong to one account; a filter's values are ``COMMON`` in one half, ``OTHER`` in the
other half, and ``FAR`` only in the rows at the far end of the list's order.
"""

from __future__ import annotations

from api.conftest import ACCOUNT_SID
from trunkline.api.paging import MOST_WALKED
from trunkline.core.clock import SECOND

MESSAGES = 20_000
ROWS = 4_000
"""The rows of most tables: eight times what a page may read. All together are more than 100,000."""
FAR = 3
"""The rows at the far end."""
START = 1_600_000_000 * SECOND
"""The time of the rows: one day, but for those at the far end, which are two days older in lists newest first."""

ONE = 1_000_000_001
"""The number in the SID of the first row of each table."""


def sid(prefix: str, number: int = ONE) -> str:
    """Return the SID of a row."""
    return f"{prefix}{number:032d}"


UNREACHED = sid("AC", 8)
"""An account none of whose webhooks was delivered, though there are more than a request reads."""

USUAL = sid("MG", 7)
"""The Service of its webhooks."""


def _sid(prefix: str) -> str:
    return f"'{prefix}' || '0000000000000000000000' || CAST({ONE - 1} + i AS TEXT)"


def _pick(common: str, other: str, far: str, *, oldest_first: bool) -> str:
    end = f"i > {ROWS - FAR}" if oldest_first else f"i <= {FAR}"
    return f"CASE WHEN {end} THEN '{far}' WHEN i % 2 = 0 THEN '{common}' ELSE '{other}' END"


def _number(start: str) -> str:
    return f"'{start}' || substr(CAST({ONE - 1} + i AS TEXT), 4)"


_NAME = _pick("common", "other", "far", oldest_first=True)
_MOMENT = f"CAST({START} AS BIGINT) + i"
_AGED = f"CAST({START} AS BIGINT) + i - CASE WHEN i <= {FAR} THEN {2 * 86_400 * SECOND} ELSE 0 END"
# More than are read at a time, also for the items that a Map includes.
_EXPIRED = "CASE WHEN i <= 600 THEN 1 ELSE NULL END"

Fill = tuple[str, int, dict[str, str]]


def _member(kind: str, prefix: str, rows: int = ROWS, one: str = "") -> Fill:
    return (
        "messaging_senders",
        rows,
        {
            "sid": f"'{one}'" if one else _sid(prefix),
            "service_sid": f"'{sid('MG')}'",
            "kind": f"'{kind}'",
            "value": _sid(prefix),
            "iso_country_code": _pick("DE", "FR", "US", oldest_first=True)
            if kind == "destination_alpha"
            else "NULL",
        },
    )


def _objects(kind: str, prefix: str) -> Fill:
    return (
        "sync_objects",
        ROWS,
        {
            "sid": _sid(prefix),
            "service_sid": f"'{sid('IS')}'",
            "kind": f"'{kind}'",
            "unique_name": "NULL",
            # What the paths name is not expired.
            "date_expires": f"CASE WHEN i > 1 THEN {_EXPIRED} ELSE NULL END",
        },
    )


def _numbers(kind: str, start: str, prefix: str | None) -> Fill:
    owner = {"account_sid": "NULL", "sid": "NULL"} if prefix is None else {"sid": _sid(prefix)}
    return (
        "numbers",
        ROWS,
        {
            "number": _number(start)
            if prefix
            else f"{_pick('+1415', '+1212', '+1907', oldest_first=True)} || substr(CAST({ONE - 1} + i AS TEXT), 4)",
            "kind": f"'{kind}'",
            "country": "'US'",
            "locality": _pick("Oakland", "Albany", "Nome", oldest_first=True),
            "region": _pick("CA", "NY", "AK", oldest_first=True),
            "sms": f"i % 2 = 0 OR i > {ROWS - FAR}",
            "mms": f"i % 2 = 1 OR i > {ROWS - FAR}",
            "voice": f"i > {ROWS - FAR}",
            "friendly_name": _NAME,
            "sms_application_sid": "NULL",
            "voice_application_sid": "NULL",
            "settings": "'{}'",
            **owner,
        },
    )


def _jobs(state: str) -> Fill:
    return ("jobs", ROWS, {"id": f"'{state}' || CAST(i AS TEXT)", "state": f"'{state}'", "created": _MOMENT})


FILLS: tuple[Fill, ...] = (
    (
        "accounts",
        1,
        {"sid": f"'{ACCOUNT_SID}'", "owner_account_sid": f"'{ACCOUNT_SID}'", "status": "'active'"},
    ),
    (
        "accounts",
        ROWS,
        {
            "sid": _sid("AC"),
            "owner_account_sid": f"'{ACCOUNT_SID}'",
            "friendly_name": _NAME,
            "status": _pick("active", "suspended", "closed", oldest_first=True),
        },
    ),
    ("api_keys", ROWS, {"sid": _sid("SK")}),
    (
        "alerts",
        ROWS,
        {
            "sid": _sid("NO"),
            "log_level": _pick("error", "warning", "debug", oldest_first=False),
            "date_created": _AGED,
        },
    ),
    ("applications", ROWS, {"sid": _sid("AP"), "friendly_name": _NAME}),
    ("chat_services", ROWS, {"sid": _sid("IS")}),
    ("chat_roles", ROWS, {"sid": _sid("RL"), "service_sid": f"'{sid('IS')}'"}),
    ("notify_services", ROWS, {"sid": _sid("IS"), "friendly_name": _NAME}),
    ("messaging_services", ROWS, {"sid": _sid("MG")}),
    (
        "messages",
        MESSAGES,
        {
            "sid": _sid("SM"),
            "date_created": _AGED,
            "date_sent": f"CASE WHEN i > {MESSAGES // 2} THEN NULL ELSE {_AGED} END",
            "recipient": _pick("+14155550101", "+14155550102", "+14155550103", oldest_first=False),
            "sender": _pick("+14155550201", "+14155550202", "+14155550203", oldest_first=False),
        },
    ),
    ("message_media", ROWS, {"sid": _sid("ME"), "message_sid": f"'{sid('SM')}'", "blob": "NULL"}),
    _numbers("local", "+1305", "PN"),
    _numbers("short-code", "5", "SC"),
    _numbers("local", "", None),
    _member("phone_number", "PN"),
    _member("destination_alpha", "AI"),
    _member("short_code", "SC", 1),
    _member("alpha", "AI", 1, sid("AI", 2)),
    _member("channel", "XE", 1),
    ("a2p_brands", ROWS, {"sid": _sid("BN"), "status": "'PENDING'"}),
    (
        "a2p_vettings",
        ROWS,
        {
            "sid": _sid("VT"),
            "brand_sid": f"'{sid('BN')}'",
            "vetting_provider": _pick("campaign-verify", "campaign-verify", "aegis", oldest_first=True),
            "vetting_status": "'PENDING'",
        },
    ),
    (
        "a2p_campaigns",
        ROWS,
        {"sid": _sid("QE"), "service_sid": _sid("MG"), "brand_sid": f"'{sid('BN')}'", "status": "'PENDING'"},
    ),
    (
        "tollfree_verifications",
        ROWS,
        {
            "sid": _sid("HH"),
            "number_sid": _pick(sid("PN", 1), sid("PN", 2), sid("PN", 3), oldest_first=True),
            "status": _pick("PENDING_REVIEW", "IN_REVIEW", "TWILIO_APPROVED", oldest_first=True),
            "external_reference_id": _NAME,
            "trust_product_sid": _pick("BU1", "BU2", "BU3", oldest_first=True),
            "owner_account_sid": f"'{ACCOUNT_SID}'",
        },
    ),
    ("deactivated_numbers", ROWS, {"day": "18518", "number": _number("+1")}),
    (
        "opt_outs",
        ROWS,
        {
            "scope": "CASE WHEN i % 2 = 0 THEN 'common' ELSE 'far' || CAST(i AS TEXT) END",
            "recipient": "CASE WHEN i % 2 = 1 THEN '+14155550101' ELSE '+1' || CAST(4155560000 + i AS TEXT) END",
            "date_created": str(START),
        },
    ),
    (
        "link_domain_services",
        1,
        {"service_sid": f"'{sid('MG')}'", "domain_sid": f"'{sid('DN')}'"},
    ),
    ("link_domains", ROWS, {"sid": _sid("DN"), "name": "'a' || CAST(i AS TEXT) || '.example'"}),
    ("sync_services", ROWS, {"sid": _sid("IS"), "unique_name": "NULL"}),
    _objects("document", "ET"),
    _objects("list", "ES"),
    _objects("map", "MP"),
    _objects("stream", "TO"),
    (
        "sync_items",
        ROWS,
        {"object_sid": f"'{sid('ES')}'", "item_index": "i", "item_key": "''", "date_expires": _EXPIRED},
    ),
    (
        "sync_items",
        ROWS,
        {
            "object_sid": f"'{sid('MP')}'",
            "item_index": "0",
            "item_key": f"'k' || CAST({ONE} + i AS TEXT)",
            "date_expires": _EXPIRED,
        },
    ),
    *(
        (
            "sync_permissions",
            ROWS // 2,
            {"object_sid": f"'{sid(prefix)}'", "identity": "'u' || CAST(i AS TEXT)"},
        )
        for prefix in ("ET", "ES", "MP")
    ),
    (
        "webhook_attempts",
        ROWS,
        {
            "sid": _sid("WA"),
            "service_sid": _pick(sid("MG", 1), sid("MG", 2), sid("MG", 3), oldest_first=False),
            "status": _pick("delivered", "failed", "failed", oldest_first=False),
            "content": "NULL",
            "started": _MOMENT,
        },
    ),
    (
        "webhook_attempts",
        MOST_WALKED + ROWS,
        {
            "sid": _sid("WB"),
            "account_sid": f"'{UNREACHED}'",
            "service_sid": f"'{USUAL}'",
            "status": "'failed'",
            "content": "NULL",
            "started": _MOMENT,
        },
    ),
    _jobs("ready"),
    _jobs("waiting"),
    _jobs("dead"),
    (
        "sandbox_messages",
        ROWS,
        {
            "id": "'m' || CAST(i AS TEXT)",
            "phone": _pick("+14155550101", "+14155550102", "+14155550103", oldest_first=False),
            "moment": _MOMENT,
            "arrived": f"i <= {ROWS // 2}",
        },
    ),
)
"""The tables with their rows and the expressions of their columns; ``i`` is the number of the row, from 1."""

_DEFAULTS = {"TEXT": "'x'", "BIGINT": "0", "BOOLEAN": "TRUE"}
_JSON = (
    "options",
    "content",
    "webhook",
    "permissions",
    "limits",
    "webhooks",
    "notifications",
    "media",
    "sets",
)


def insertion(fill: Fill, columns: list[tuple[str, str]], empty_blob: str) -> str:
    """Return the statement that fills a table with these columns, each with its type."""
    table, rows, given = fill
    values: list[str] = []
    for name, kind in columns:
        if name in given:
            values.append(given[name])
        elif name in ("date_created", "date_updated"):
            values.append(_MOMENT)
        elif name == "account_sid":
            values.append(f"'{ACCOUNT_SID}'")
        elif name == "deleted":
            values.append("FALSE")
        elif name in _JSON:
            values.append("'{}'")
        else:
            values.append(_DEFAULTS.get(kind, empty_blob))
    names = ", ".join(name for name, _ in columns)
    return (
        f"WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
        f" INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM n"
    )
