"""Deletions of resources with thousands of rows below them: gone at once, in transactions of a bounded size."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from api.conftest import ACCOUNT_SID, OPERATOR, Api
from api.messaging.stock import TO, US, own
from trunkline.api.operation import OperationKind
from trunkline.app.products import products
from trunkline.core.jobs.administration import list_jobs
from trunkline.core.jobs.outcomes import ClaimedJob, Retry, Success
from trunkline.core.jobs.queue import JobState, StoredJob
from trunkline.core.jobs.removals import KIND
from trunkline.core.storage.database import Database, Tx
from trunkline.core.storage.removal import ROWS
from trunkline.settings import Settings

COUNT = 5_000
BOUND = ROWS + 50
"""The rows that a transaction may change: a piece, and what belongs to the deletion itself."""
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
HEAD = "/_trunkline"


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"operator_token": OPERATOR[1]}


class RowCounter:
    """The rows that each write of a database changes, with those that go by a reference."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.changed: list[int] = []
        self._write = database.write
        monkeypatch.setattr(database, "write", self.write)

    async def write(self, action: Callable[[Tx], Awaitable[Any]]) -> Any:
        async def counted(tx: Tx) -> Any:
            before = await _changes(tx)
            result = await action(tx)
            self.changed.append(await _changes(tx) - before)
            return result

        return await self._write(counted)


async def _changes(tx: Tx) -> int:
    if tx.skip_locked:
        sql = "SELECT CAST(sum(n_tup_ins + n_tup_upd + n_tup_del) AS BIGINT) FROM pg_stat_xact_user_tables"
        return int(await tx.value(sql) or 0)
    connection: Any = tx._connection  # type: ignore[attr-defined]
    return int(connection.total_changes())


class Case(msgspec.Struct, frozen=True):
    """A deletion: ``create`` makes the resource by its path and form, ``fill`` are the rows below it, with its SID as
    ``:sid``; ``tables`` are those without its rows in the end."""

    operation: str
    create: tuple[str, dict[str, str]]
    fill: tuple[str, ...]
    tables: tuple[str, ...]
    operator: bool = False


_OBJECT = (
    f"{NUMBERS} INSERT INTO sync_objects (sid, account_sid, service_sid, kind, data, last_event_id, next_index,"
    " created_by, date_created, date_updated)"
    f" SELECT 'EX' || i, '{ACCOUNT_SID}', CAST(:sid AS TEXT), 'document', '{{}}', 0, 0, 'system', i, i FROM n"
)
_OBJECT_EVENTS = (
    f"{NUMBERS} INSERT INTO sync_events (object_sid, event_id, type, data, date_created, endpoint)"
    " SELECT 'EX' || i, 0, 'document_created', '{}', i, '' FROM n WHERE CAST(:sid AS TEXT) <> ''"
)


def _items(parent: str, key: str) -> tuple[str, ...]:
    return (
        f"{NUMBERS} INSERT INTO sync_items (object_sid, item_index, item_key, account_sid, service_sid, data,"
        " created_event_id, last_event_id, created_by, date_created, date_updated)"
        f" SELECT sid, {key}, '{ACCOUNT_SID}', service_sid, '{{}}', i, i, '', i, i"
        f" FROM sync_objects CROSS JOIN n WHERE {parent}",
        f"{NUMBERS} INSERT INTO sync_events (object_sid, event_id, type, data, date_created, endpoint)"
        f" SELECT sid, i, 'map_item_added', '{{}}', i, '' FROM sync_objects CROSS JOIN n WHERE {parent}",
        f"{NUMBERS} INSERT INTO sync_permissions (object_sid, identity, may_read, may_write, may_manage,"
        " date_created) SELECT sid, 'p' || i, TRUE, TRUE, TRUE, i FROM sync_objects CROSS JOIN n"
        f" WHERE {parent}",
    )


_SYNC = ("sync_items", "sync_events", "sync_permissions", "sync_objects")
_SYNC_SERVICE = "/sync/v1/Services/default"
CASES = (
    Case(
        "sync/v1/Services/{Sid}",
        ("/sync/v1/Services", {}),
        (_OBJECT, _OBJECT_EVENTS, *_items("sid = 'EX1' AND :sid <> ''", "0, 'k' || i")),
        _SYNC,
    ),
    Case(
        "sync/v1/Services/{ServiceSid}/Maps/{Sid}",
        (f"{_SYNC_SERVICE}/Maps", {"UniqueName": "name"}),
        _items("sid = :sid", "0, 'k' || i"),
        _SYNC,
    ),
    Case(
        "sync/v1/Services/{ServiceSid}/Lists/{Sid}",
        (f"{_SYNC_SERVICE}/Lists", {"UniqueName": "name"}),
        _items("sid = :sid", "i, ''"),
        _SYNC,
    ),
    Case(
        "sync/v1/Services/{ServiceSid}/Documents/{Sid}",
        (f"{_SYNC_SERVICE}/Documents", {"UniqueName": "name"}),
        _items("sid = :sid", "i, ''")[1:],
        _SYNC,
    ),
    Case(
        "chat/v2/Services/{Sid}",
        ("/chat/v2/Services", {"FriendlyName": "name"}),
        (
            f"{NUMBERS} INSERT INTO chat_roles (sid, account_sid, service_sid, friendly_name, type, permissions,"
            f" date_created, date_updated) SELECT 'RL' || i, '{ACCOUNT_SID}', CAST(:sid AS TEXT), '', 'channel', '[]',"
            " i, i FROM n",
        ),
        ("chat_roles", "chat_services"),
    ),
    Case(
        "messaging/v1/Services/{Sid}",
        ("/messaging/v1/Services", {"FriendlyName": "name"}),
        (
            f"{NUMBERS} INSERT INTO messaging_senders (sid, account_sid, service_sid, kind, value, date_created,"
            f" date_updated) SELECT 'PN' || i, '{ACCOUNT_SID}', CAST(:sid AS TEXT), 'phone-number', '+1' || i, i, i"
            " FROM n",
            f"{NUMBERS} INSERT INTO sticky_senders (service_sid, channel, recipient, account_sid, sender_sid, sender,"
            f" date_created) SELECT CAST(:sid AS TEXT), '', '+4' || i, '{ACCOUNT_SID}', 'PN1', '+11', i FROM n",
        ),
        ("messaging_senders", "sticky_senders", "messaging_services"),
    ),
    Case(
        "api/2010-04-01/Accounts/{AccountSid}/Applications/{Sid}",
        (f"/2010-04-01/Accounts/{ACCOUNT_SID}/Applications.json", {"FriendlyName": "name"}),
        (
            f"{NUMBERS} INSERT INTO numbers (number, kind, country, sms, mms, voice, carrier, rate, account_sid, sid,"
            " sms_application_sid, voice_application_sid) SELECT '+1' || i, 'local', 'US', TRUE, TRUE, TRUE, '', 0,"
            f" '{ACCOUNT_SID}', 'PN' || i, CAST(:sid AS TEXT), CAST(:sid AS TEXT) FROM n",
        ),
        ("applications",),
    ),
    Case(
        "control/domains/{Sid}",
        (f"{HEAD}/domains", {"Name": "links.example", "AccountSid": ACCOUNT_SID}),
        (
            f"{NUMBERS} INSERT INTO short_links (domain_sid, code, account_sid, message_sid, service_sid, url,"
            f" date_created) SELECT CAST(:sid AS TEXT), 'c' || i, '{ACCOUNT_SID}', 'SM', 'MG', 'http://u', i FROM n",
        ),
        ("short_links", "link_domains"),
        operator=True,
    ),
)


async def _fill(tx: Tx, case: Case, sid: str) -> None:
    for sql in case.fill:
        await tx.run(sql, sid=sid)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.operation)
def test_it_is_gone_at_once_and_its_rows_go_in_pieces(
    api: Api, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.run(api.node.runner.stop())
    collection, form = case.create
    options = {"auth": OPERATOR} if case.operator else {}
    made = api.post(collection, form, **options).json()
    other = None if form.get("UniqueName") or case.operator else api.post(collection, form).json()
    path = f"{collection.removesuffix('.json')}/{made['sid']}{'.json' * collection.endswith('.json')}"
    api.run(api.node.database.write(lambda tx: _fill(tx, case, made["sid"])))
    counter = RowCounter(api.node.database, monkeypatch)
    assert api.delete(path, **options).status_code == 204
    assert counter.changed
    assert max(counter.changed) <= BOUND

    jobs = api.run(api.node.database.read(lambda tx: list_jobs(tx, JobState.READY, 10)))
    assert [job.kind for job in jobs] == [KIND]
    assert api.delete(path, **options).status_code == 404
    if not case.operator:
        assert api.get(path).status_code == 404
    listed = msgspec.json.encode(api.get(collection, **options).json()).decode()
    assert made["sid"] not in listed
    again = api.post(collection, form, **options)
    assert again.status_code in (200, 201)
    assert again.json()["sid"] != made["sid"]

    finish(api, jobs[0])
    assert len(counter.changed) > COUNT // ROWS
    assert max(counter.changed) <= BOUND
    left = {again.json()["sid"], "" if other is None else other["sid"]}
    for table in case.tables:
        assert rows_of(api, table, made["sid"]) == 0, table
    for sid in left - {""}:
        assert api.get(path.replace(made["sid"], sid)).status_code == 200 or case.operator


def finish(api: Api, job: StoredJob) -> None:
    """Carry out a removal's job to its end."""
    claimed = ClaimedJob(job.id, job.kind, job.payload, "", None, 1, 0)
    while not isinstance(outcome := api.run(api.node.removals.run_job(claimed)), Success):
        assert isinstance(outcome, Retry)
        assert outcome.after == 0


def rows_of(api: Api, table: str, sid: str) -> int:
    """Return the number of rows of a table that belong to a resource."""
    columns = {"sync_items": "object_sid", "sync_events": "object_sid", "sync_permissions": "object_sid"}
    column = columns.get(
        table, "sid" if table.endswith(("services", "domains", "objects", "applications")) else "service_sid"
    )
    if table == "short_links":
        column = "domain_sid"
    sql = f"SELECT count(*) FROM {table} WHERE {column} = :sid OR {column} LIKE 'EX%' ESCAPE '!'"
    found: int = api.run(api.node.database.read(lambda tx: tx.value(sql, sid=sid)))
    return found


PLANNED = (
    {case.operation for case in CASES}
    | {"chat/v1/Services/{Sid}"}
    | {f"ip-messaging/{version}/Services/{{Sid}}" for version in ("v1", "v2")}
)
BOUNDED = {
    "sync/v1/Services/{ServiceSid}/Streams/{Sid}": "a Stream has no log, no items and no permissions",
    "notify/v1/Services/{Sid}": "nothing is below a Notify Service yet",
    "messaging/v1/Services/{MessagingServiceSid}/Compliance/Usa2p/{Sid}": "a campaign and its counters",
    "api/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}": "a message, its parts and attachments",
    "control/compliance/deactivations": "one row",
    "control/opt-outs": "one row",
    "control/jobs/{Id}": "one row",
}
"""By operation: why it changes few rows, whatever there is."""
ONE_ROW = (
    "Keys/{Sid}",
    "SigningKeys/{Sid}",
    "Secondary",
    "Roles/{Sid}",
    "Verifications/{Sid}",
    "Certificate",
    "MessagingServices/{MessagingServiceSid}",
    "Media/{Sid}",
    "Permissions/{Identity+}",
    "Items/{Index}",
    "Items/{Key+}",
)


def test_every_deletion_has_a_case_or_is_bounded() -> None:
    found = set()
    for manifest in products(Settings()):
        mounts = [(f"{mount.host}/{mount.version}", mount.operations) for mount in manifest.product.mounts]
        for prefix, operations in [*mounts, ("control", manifest.control)]:
            for operation in operations:
                if operation.kind is OperationKind.DELETE and not operation.path.endswith(ONE_ROW):
                    found.add(f"{prefix}{operation.path}")
    expected = PLANNED | (BOUNDED.keys() - {"control/jobs/{Id}"}) | LEAVING
    assert found == expected, found ^ expected


LEAVING = {
    *(
        f"messaging/v1/Services/{{ServiceSid}}/{kind}/{{Sid}}"
        for kind in (
            "PhoneNumbers",
            "ShortCodes",
            "AlphaSenders",
            "DestinationAlphaSenders",
            "ChannelSenders",
        )
    ),
    "api/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/{Sid}",
    "control/numbers/{Number}",
}
"""Senders that leave their pools: all of them call ``leave_pool``."""


def test_a_sender_that_leaves_its_pool_is_nobodys_sticky_sender_at_once(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.run(api.node.runner.stop())
    number = own(api, US).sid
    service = api.post("/messaging/v1/Services", {"FriendlyName": "name"}).json()["sid"]
    pool = f"/messaging/v1/Services/{service}/PhoneNumbers"
    assert api.post(pool, {"PhoneNumberSid": number}).status_code == 201
    fill = (
        f"{NUMBERS} INSERT INTO sticky_senders (service_sid, channel, recipient, account_sid, sender_sid, sender,"
        f" date_created) SELECT '{service}', '', '+4' || i, '{ACCOUNT_SID}', '{number}', '{US}', "
        f"{api.clock.now} FROM n"
    )
    api.run(api.node.database.write(lambda tx: tx.run(fill)))
    kept = "SELECT count(*) FROM live_sticky_senders"
    assert api.run(api.node.database.read(lambda tx: tx.value(kept))) == COUNT
    counter = RowCounter(api.node.database, monkeypatch)
    assert api.delete(f"{pool}/{number}").status_code == 204
    assert max(counter.changed) <= BOUND
    api.clock.advance(1)
    assert api.post(pool, {"PhoneNumberSid": number}).status_code == 201
    assert api.run(api.node.database.read(lambda tx: tx.value(kept))) == 0
    finish(api, queued(api))
    assert max(counter.changed) <= BOUND
    assert api.run(api.node.database.read(lambda tx: tx.value("SELECT count(*) FROM sticky_senders"))) == 0


def test_the_inbox_is_empty_at_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.run(api.node.runner.stop())
    fill = (
        f"{NUMBERS} INSERT INTO sandbox_messages (id, account_sid, message_sid, phone, peer, outgoing, body, segments,"
        f" encoding, media, tries, arrived, moment) SELECT 'B' || i, '{ACCOUNT_SID}', 'SM' || i, '{TO}', '{US}', FALSE,"
        " '', 1, '', '[]', 1, TRUE, i FROM n"
    )
    api.run(api.node.database.write(lambda tx: tx.run(fill)))
    assert api.get(f"{HEAD}/inbox/messages").json()["messages"]
    counter = RowCounter(api.node.database, monkeypatch)
    assert api.delete(f"{HEAD}/inbox/messages").status_code == 204
    assert api.get(f"{HEAD}/inbox/messages").json()["messages"] == []
    finish(api, queued(api))
    assert max(counter.changed) <= BOUND
    assert api.run(api.node.database.read(lambda tx: tx.value("SELECT count(*) FROM sandbox_messages"))) == 0


def test_the_sessions_of_a_suspended_account_end_in_pieces(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.run(api.node.runner.stop())
    sub = api.post("/2010-04-01/Accounts.json", {}).json()["sid"]
    fill = f"{NUMBERS} INSERT INTO browser_sessions SELECT 'h' || i, '{sub}', '{sub}', '', i, 9000000000000000 FROM n"
    api.run(api.node.database.write(lambda tx: tx.run(fill)))
    counter = RowCounter(api.node.database, monkeypatch)
    assert api.post(f"/2010-04-01/Accounts/{sub}.json", {"Status": "suspended"}).status_code == 200
    finish(api, queued(api))
    assert max(counter.changed) <= BOUND
    assert api.run(api.node.database.read(lambda tx: tx.value("SELECT count(*) FROM browser_sessions"))) == 0


def queued(api: Api) -> StoredJob:
    """Return the one job that is queued."""
    (job,) = api.run(api.node.database.read(lambda tx: list_jobs(tx, JobState.READY, 10)))
    assert isinstance(job, StoredJob)
    return job


def test_creations_beside_a_deletion_leave_nothing_behind(api: Api) -> None:
    api.run(api.node.runner.stop())
    service = api.post("/sync/v1/Services", {}).json()["sid"]
    path = f"/sync/v1/Services/{service}"
    map_sid = api.post(f"{path}/Maps", {}).json()["sid"]
    fill = _items(f"sid = '{map_sid}' AND :sid <> ''", "0, 'k' || i")[0]
    api.run(api.node.database.write(lambda tx: tx.run(fill, sid=service)))
    item = ("POST", f"{path}/Maps/{map_sid}/Items", {"Key": "new", "Data": "{}"})
    made = ("POST", f"{path}/Documents", {"UniqueName": "new"})
    responses = api.together(item, made, ("DELETE", path, None), item, made)
    assert responses[2].status_code == 204
    assert {response.status_code for response in responses} <= {201, 204, 404, 409}
    for method, below, form in (item, made):
        assert api.request(method, below, data=form).status_code == 404
    finish(api, queued(api))
    for table in _SYNC:
        assert rows_of(api, table, map_sid) == 0, table
    count = "SELECT count(*) FROM sync_objects WHERE service_sid = :sid"
    assert api.run(api.node.database.read(lambda tx: tx.value(count, sid=service))) == 0
