"""The rows that the engine reads for a page of each list, with each combination of its filters.

The operations and their filters are those that a node mounts, so that a new list, or a filter without values here,
fails. SQLite counts the steps of its virtual machine, PostgreSQL the rows and pages of its plan.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from api.conftest import ACCOUNT_SID
from api.list_rows import FILLS, ROWS, START, insertion, sid
from engines import Engine
from trunkline.api import paging, params
from trunkline.api.errors import ApiError
from trunkline.api.operation import ONE, Call, Operation, OperationKind
from trunkline.api.paging import Cursor, encode
from trunkline.api.principal import Credential, Principal
from trunkline.api.router import Route
from trunkline.app.node import Node
from trunkline.app.products import migrations, products
from trunkline.core.storage.database import NeedsWrite, Tx
from trunkline.core.storage.postgres import PostgresDatabase
from trunkline.core.storage.postgres_tx import numbered
from trunkline.core.storage.sqlite import SqliteDatabase
from trunkline.settings import Settings

MOST_ROWS = 10 * (paging.DEFAULT_SIZE + 1)
"""The rows that a page of the usual size, or a step to its first row, may cost: ten times its own, with the one that
shows that there is another."""
MOST_STEPS = 3
"""The steps of a walk to a row here: the whole request costs as many times the rows. More takes long."""
STEPS = 60
"""The steps of SQLite's virtual machine for a row: it reads up to twenty columns, twice in a walk."""
PAGES = 8
"""The pages of PostgreSQL for a row: an index's levels and the row's own."""

MANY = 5
"""The filters of a list of which each combination is tried: those of messages."""

PAGED = {"PageSize", "PageToken", "Limit"}
COMMON = ("common", "other", "far", "none")
DATES = ("2020-09-13", "2020-09-12", "2020-09-11", "2001-01-01")
FLAGS = ("true", "false")

VALUES: dict[str, Sequence[str]] = {
    "AccountSid": (ACCOUNT_SID,),
    "AreaCode": ("415", "212", "907", "999", "41"),
    "Beta": FLAGS,
    "Bounds": ("inclusive", "exclusive"),
    "BrandRegistrationSid": (sid("BN"),),
    "Contains": ("415", "+1212*", "907*******", "999999"),
    "Date": ("2020-08-26", "2020-09-13"),
    "DateCreated": DATES,
    "DateCreated<": DATES,
    "DateCreated>": DATES,
    "DateSent": DATES,
    "DateSent<": DATES,
    "DateSent>": DATES,
    "EndDate": DATES,
    "ExternalReferenceId": COMMON,
    "FaxEnabled": FLAGS,
    "FriendlyName": COMMON,
    "From": ("+14155550201", "+14155550202", "+14155550203", "+14155550209"),
    "InLocality": ("Oakland", "Albany", "Nome", "Rome"),
    "InRegion": ("CA", "NY", "AK", "ZZ"),
    "Include": ("items",),
    "IncludeSubAccounts": FLAGS,
    "Index": ("1", str(ROWS)),
    "IsoCountryCode": ("DE", "FR", "US", "JP"),
    "Key": ("k1", "none"),
    "LogLevel": ("error", "warning", "debug", "notice"),
    "MmsEnabled": FLAGS,
    "Order": ("asc", "desc"),
    "Origin": ("twilio", "hosted"),
    "Phone": ("+14155550101", "+14155550102", "+14155550103", "+14155550109"),
    "PhoneNumber": ("305", "+13050009998", "9998", "999999"),
    "Recipient": ("+14155550101", "+14155560002", "+14155550109"),
    "Scope": ("common", "far1", "none"),
    "ServiceSid": (sid("MG", 1), sid("MG", 2), sid("MG", 3), sid("MG", 9)),
    "ShortCode": ("50", "50009998", "9998", "999999"),
    "Since": ("0", str(START // 1_000_000), "9999999999"),
    "SmsEnabled": FLAGS,
    "StartDate": DATES,
    "To": ("+14155550101", "+14155550102", "+14155550103", "+14155550109"),
    "TollfreePhoneNumberSid": (sid("PN", 1), sid("PN", 2), sid("PN", 3), sid("PN", 9)),
    "TrustProductSid": ("BU1", "BU2", "BU3", "BU9"),
    "VettingProvider": ("campaign-verify", "aegis"),
    "VoiceEnabled": FLAGS,
}
"""The values of a filter: those of half of the rows each, that of the last rows, and one of none."""

OF_PATH: dict[tuple[str, str], Sequence[str]] = {
    ("/Accounts", "Status"): ("active", "suspended", "closed"),
    ("/Tollfree/Verifications", "Status"): (
        "PENDING_REVIEW",
        "IN_REVIEW",
        "TWILIO_APPROVED",
        "TWILIO_REJECTED",
    ),
    ("/webhooks", "Status"): ("delivered", "failed"),
    ("/jobs", "State"): ("ready", "waiting", "dead"),
    ("Lists/{Sid}/Items", "From"): ("0", str(ROWS - 1), str(ROWS * 2)),
    ("Maps/{Sid}/Items", "From"): ("a", "k1000009999", "z"),
}
"""The same for a filter of the paths that end so."""

REQUIRED = {"AccountSid", "Date"}
"""Parameters that every request has."""

SIDS = {
    "Accounts/{Sid}": sid("AC"),
    "AlphaSenders/{Sid}": sid("AI"),
    "Applications/{Sid}": sid("AP"),
    "BrandRegistrations/{Sid}": sid("BN"),
    "Documents/{Sid}": sid("ET"),
    "Lists/{Sid}": sid("ES"),
    "Maps/{Sid}": sid("MP"),
    "Streams/{Sid}": sid("TO"),
    "Messages/{Sid}": sid("SM"),
    "Roles/{Sid}": sid("RL"),
    "Verifications/{Sid}": sid("HH"),
}
"""The SIDs of paths with this part; of others the variable ``Sid`` is of no row."""

NAMES = {
    "AccountSid": ACCOUNT_SID,
    "BrandSid": sid("BN"),
    "BrandVettingSid": sid("VT"),
    "CountryCode": "US",
    "DomainSid": sid("DN"),
    "Id": "dead1",
    "Identity": "u1",
    "Index": str(ROWS),
    "Key": f"k{10**9 + 1 + ROWS}",
    "MessageSid": sid("SM"),
    "MessagingServiceSid": sid("MG"),
    "Number": "+13050000001",
}
"""The values of the other variables of paths."""

OPERATOR = Principal(ACCOUNT_SID, ACCOUNT_SID, Credential.OPERATOR)


class OpenVault:
    """A vault whose secrets are empty."""

    def open(self, *_: Any) -> str:
        return ""

    def seal(self, *_: Any) -> bytes:
        return b""


class Meter:
    """A transaction that counts what its statements read."""

    def __init__(self, tx: Any) -> None:
        self._tx = tx
        self.costs = [0.0]
        self.statements: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    async def one(self, row: Any, sql: str, /, **values: Any) -> Any:
        """Return the first row of the result, or None."""
        return await self._counted(self._tx.one, (row, sql), values)

    async def all(self, row: Any, sql: str, /, **values: Any) -> Any:
        """Return all rows of the result."""
        return await self._counted(self._tx.all, (row, sql), values)

    async def value(self, sql: str, /, **values: Any) -> Any:
        """Return the first column of the first row, or None."""
        return await self._counted(self._tx.value, (sql,), values)

    def _add(self, cost: float, sql: str) -> None:
        if ") walked " in sql and any(") walked " in one for one in self.statements):
            self.costs.append(0.0)
        self.costs[-1] += cost

    async def _counted(self, query: Any, arguments: tuple[Any, ...], values: dict[str, Any]) -> Any:
        raise NotImplementedError


class SqliteMeter(Meter):
    """The steps of SQLite's virtual machine, as rows."""

    async def _counted(self, query: Any, arguments: tuple[Any, ...], values: dict[str, Any]) -> Any:
        steps = 0

        def add(event: dict[str, Any]) -> None:
            nonlocal steps
            steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

        connection: apsw.Connection = self._tx._connection
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, add)
        try:
            return await query(*arguments, **values)
        finally:
            connection.trace_v2(0, None)
            self._add(steps / STEPS, arguments[-1])
            self.statements.append(f"{steps} steps: {arguments[-1]} {values}")


class PostgresMeter(Meter):
    """The rows of PostgreSQL's plan, or its pages."""

    async def _counted(self, query: Any, arguments: tuple[Any, ...], values: dict[str, Any]) -> Any:
        text, names = numbered(arguments[-1])
        connection: asyncpg.Connection[Any] = self._tx._connection
        explained = await connection.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {text}", *(values[name] for name in names)
        )
        plan = json.loads(explained)[0]["Plan"]
        rows = max(map(_rows, _nodes(plan)))
        pages = (plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]) / PAGES
        self._add(max(rows, pages), arguments[-1])
        self.statements.append(f"{rows} rows, {pages} times {PAGES} pages: {text} {values} {explained}")
        return await query(*arguments, **values)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _rows(node: dict[str, Any]) -> float:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return (node["Actual Rows"] + removed) * node["Actual Loops"]


METERS: dict[type, type[Meter]] = {SqliteDatabase: SqliteMeter, PostgresDatabase: PostgresMeter}


def reads(node: Node) -> Iterator[Route]:
    """Yield the routes of all reads in a transaction, each operation once."""
    seen: set[int] = set()
    for route in node.realtime.router.routes:
        operation = route.operation
        if operation.method == "GET" and operation.action is not None and id(operation) not in seen:
            seen.add(id(operation))
            yield route


def values_of(path: str, name: str) -> Sequence[str]:
    """Return the values of a parameter. Raise AssertionError if there are none here."""
    found = next(
        (values for (end, one), values in OF_PATH.items() if one == name and path.endswith(end)), None
    )
    found = found or VALUES.get(name)
    assert found, f"the parameter {name} of {path} needs values that match much, little and nothing"
    return found


def combinations(operation: Operation, *, few: bool) -> Iterator[dict[str, str]]:
    """Yield queries: each combination of the filters, of two of them and of all if they are many, with all values alike
    and with one that is unlike the others."""
    path = operation.path
    names = [name for name in params.names(operation.input) if name not in PAGED]
    fixed = {name: values_of(path, name)[0] for name in names if name in REQUIRED}
    names = [name for name in names if name not in fixed]
    many = len(names) > MANY
    sizes = {0, 1, len(names)} if few else {0, 1, 2, len(names)} if many else {*range(len(names) + 1)}
    for chosen in itertools.chain.from_iterable(
        itertools.combinations(names, size) for size in sorted(sizes)
    ):
        values = [values_of(path, name) for name in chosen]
        made = [tuple(one[min(level, len(one) - 1)] for one in values) for level in range(4)]
        for number, one in enumerate(values):
            if len(chosen) > 1:
                made += [
                    tuple(
                        one[level % len(one)] if at == number else first[0] for at, first in enumerate(values)
                    )
                    for level in (1, -1)
                ]
        for query in dict.fromkeys(made):
            yield {**fixed, **dict(zip(chosen, query, strict=True))}


def path_of(route: Route) -> dict[str, str]:
    """Return the variables of a route's path."""
    path = route.operation.path
    named = {part.strip("{}+"): "" for part in path.split("/") if part.startswith("{")}
    services = {"sync": sid("IS"), "chat": sid("IS"), "ip-messaging": sid("IS")}
    found = dict(named)
    for name in named:
        if name == "ServiceSid":
            found[name] = services.get(route.mount.host or "sync", sid("MG"))
        elif name == "Sid":
            found[name] = next((one for part, one in SIDS.items() if part in path), sid("XX"))
        else:
            found[name] = NAMES[name]
    return found


async def cost(node: Node, route: Route, query: dict[str, str], token: str) -> Meter:
    """Return the meter of one request."""
    operation = route.operation
    fields = [*query.items()]
    if token and (operation.kind is OperationKind.LIST or "PageToken" in params.names(operation.input)):
        fields.append(("PageToken", token))
    typed = params.read(operation.input, fields)
    window = ONE
    if operation.kind is OperationKind.LIST:
        order = operation.ordering(typed) if operation.ordering else operation.order
        window = paging.window(fields, order, operation.maximum, route.mount.codes)
    vault: Any = OpenVault()
    call: Call[Any] = Call(OPERATOR, path_of(route), typed, vault, window)
    meters: list[Meter] = []

    async def act(tx: Tx) -> None:
        meters.append(METERS[type(node.database)](tx))
        assert operation.action is not None
        # Contents of rows that nothing has written cannot be read.
        with suppress(ApiError, NeedsWrite, ValueError):
            await operation.action(meters[-1], call)  # type: ignore[arg-type]

    await node.database.scan(act)
    return meters[-1]


async def offences(node: Node) -> list[str]:
    """Return the requests that read too much."""
    found: list[str] = []
    seen: set[Any] = set()
    for route in reads(node):
        action: Any = route.operation.action
        action = action.func if isinstance(action, partial) else action
        few = (action, route.operation.input) in seen
        seen.add((action, route.operation.input))
        for number, query in enumerate(combinations(route.operation, few=few)):
            for token in ("", FAR_BEHIND) if number < 4 else ("",):
                meter = await cost(node, route, query, token)
                if max(meter.costs) > MOST_ROWS or len(meter.costs) > MOST_STEPS:
                    found.append(f"{route.operation.path} {query} {token}: {meter.costs} {meter.statements}")
    return found


FAR_BEHIND = encode(Cursor((START + ROWS // 2, "")))
"""The token of a page in the middle."""


def fill_sqlite(path: Path) -> None:
    """Fill all tables. Their indexes are made afterwards, which is quicker."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA foreign_keys=OFF; PRAGMA synchronous=OFF; BEGIN").fetchall()
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    for one in FILLS:
        columns = [
            (str(name), str(kind)) for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({one[0]})")
        ]
        connection.execute(insertion(one, columns, "x''"))
    for _, sql in indexes:
        connection.execute(sql)
    connection.execute("COMMIT")
    connection.close()


async def fill_postgres(url: str) -> None:
    """Fill all tables, and analyze them, as the server does by itself while they grow."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET session_replication_role = replica; SET default_statistics_target = 10")
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
    )
    types = {"text": "TEXT", "bigint": "BIGINT", "boolean": "BOOLEAN"}
    async with connection.transaction():
        for name, _ in indexes:
            await connection.execute(f"DROP INDEX {name}")
        for one in FILLS:
            rows = await connection.fetch(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = $1", one[0]
            )
            columns = [(row[0], types.get(row[1], "BLOB")) for row in rows]
            await connection.execute(insertion(one, columns, "''::bytea"))
        for _, sql in indexes:
            await connection.execute(sql)
    await connection.execute("ANALYZE")
    await connection.close()


async def run(url: str, folder: Path) -> list[str]:
    """Return the requests that read too much of a database at ``url``."""
    if url.startswith("sqlite:"):
        fill_sqlite(Path(url.removeprefix("sqlite:///")))
    else:
        await fill_postgres(url)
    settings = Settings.of(data_dir=folder, database_url=url, account_sid=ACCOUNT_SID, proxy_port=-1)
    node = Node(settings)
    # Without its job runner and sweepers.
    await node.database.start()
    try:
        return await offences(node)
    finally:
        await node.database.stop()


def test_no_list_reads_many_rows_for_a_page(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_WALKED", MOST_STEPS * paging.WALKED_PAGES * paging.DEFAULT_SIZE)
    url = engine.migrated_url(tmp_path, migrations(products(Settings())))
    assert asyncio.run(run(url, tmp_path)) == []
