"""The rows that the engine reads for a page of each list, with each combination of its filters.

The operations and their filters are those that a node mounts, so that a new list, or a filter without values here,
fails, and so does a request that finds nothing: it would be cheap whatever its plan. SQLite counts the steps of its
virtual machine, PostgreSQL the rows and pages of its plan.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import asyncpg

from api.conftest import ACCOUNT_SID
from api.list_rows import FILLS, ROWS, START, UNREACHED, USUAL, insertion, sid
from engines import Engine
from trunkline.api import paging, params
from trunkline.api.operation import ONE, Call, Operation, OperationKind
from trunkline.api.paging import Cursor, encode
from trunkline.api.principal import Credential, Principal
from trunkline.api.router import Route
from trunkline.app.node import Node
from trunkline.app.products import migrations, products
from trunkline.core.storage.database import Tx
from trunkline.core.storage.postgres import PostgresDatabase
from trunkline.core.storage.postgres_tx import numbered
from trunkline.core.storage.sqlite import SqliteDatabase
from trunkline.realtime.objects.reads import INCLUDED_ITEMS
from trunkline.settings import Settings

MOST_ROWS = 10 * (paging.DEFAULT_SIZE + 1)
"""The rows that a request for a page of the usual size may cost, or a step of one that walks: ten times its own, with
the one that shows that there is another."""
FEW_ROWS = 10
"""The rows that a request may cost that is no page: SQLite reads them on the event loop."""
STEPS = 60
"""The steps of SQLite's virtual machine for a row: it reads up to twenty columns, twice in a walk."""
PAGES = 8
"""The pages of PostgreSQL for a row: an index's levels and the row's own."""


def _more_than_one_of(*names: str) -> Callable[[dict[str, str]], bool]:
    return lambda query: len(query) > 1 or not query.keys() <= {*names}


def _several_but(name: str) -> Callable[[dict[str, str]], bool]:
    return lambda query: len(query.keys() - {name}) > 1


def _with(name: str, *values: str) -> Callable[[dict[str, str]], bool]:
    return lambda query: name in query and (not values or query[name] in values)


WALKS: dict[str, Callable[[dict[str, str]], bool]] = {
    # One verification or few of each toll-free number
    "/Tollfree/Verifications": _several_but("IncludeSubAccounts"),
    # Parts of numbers, and three flags beside the place
    "/AvailablePhoneNumbers/{CountryCode}/Local": _more_than_one_of("AreaCode", "InRegion", "InLocality"),
    "/IncomingPhoneNumbers": _with("PhoneNumber"),
    "/IncomingPhoneNumbers/Local": _with("PhoneNumber"),
    "/SMS/ShortCodes": _with("ShortCode"),
    # Nearly all are, as a rule
    "/webhooks": _with("Status", "delivered"),
    # Rows that have expired and are not removed yet are passed over.
    "/Lists/{Sid}/Items": lambda _: True,
    "/Maps/{Sid}/Items": lambda _: True,
    "/Maps/{Sid}": _with("Include"),
}
"""The lists, by the end of their paths, that read on while no row matches, with the filters for which they do: no index
holds these. One request checks ``paging.MOST_WALKED`` rows at most."""

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
    "Date": ("2020-09-13", "2020-09-14"),
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
    "Alerts/{Sid}": sid("NO"),
    "/AlphaSenders/{Sid}": sid("AI", 2),
    "Applications/{Sid}": sid("AP"),
    "BrandRegistrations/{Sid}": sid("BN"),
    "ChannelSenders/{Sid}": sid("XE"),
    "DestinationAlphaSenders/{Sid}": sid("AI"),
    "Documents/{Sid}": sid("ET"),
    "Keys/{Sid}": sid("SK"),
    "Lists/{Sid}": sid("ES"),
    "Maps/{Sid}": sid("MP"),
    "Streams/{Sid}": sid("TO"),
    "Media/{Sid}": sid("ME"),
    "Messages/{Sid}": sid("SM"),
    "PhoneNumbers/{Sid}": sid("PN"),
    "Roles/{Sid}": sid("RL"),
    "ShortCodes/{Sid}": sid("SC"),
    "Usa2p/{Sid}": sid("QE"),
    "Verifications/{Sid}": sid("HH"),
    "compliance/{Sid}": sid("BN"),
    "domains/{Sid}": sid("DN"),
    "opt-outs/{Sid}": sid("MG"),
    "webhooks/{Sid}": sid("WA"),
}
"""The SIDs of paths with this part; of others the variable ``Sid`` is a Service's."""

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
        self.found = 0
        self.result: Any = None
        self.statements: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    async def one(self, row: Any, sql: str, /, **values: Any) -> Any:
        """Return the first row of the result, or None."""
        return await self._counted(self._tx.one, (row, sql), values)

    async def all(self, row: Any, sql: str, /, **values: Any) -> Any:
        """Return all rows of the result."""
        found = await self._counted(self._tx.all, (row, sql), values)
        self.found += len(found)
        return found

    async def value(self, sql: str, /, **values: Any) -> Any:
        """Return the first column of the first row, or None."""
        return await self._counted(self._tx.value, (sql,), values)

    def _add(self, cost: float, sql: str) -> None:
        if ") walked " in sql and any(") walked " in one for one in self.statements):
            self.costs.append(0.0)
        self.costs[-1] += cost

    @property
    def total(self) -> float:
        """The rows that the whole request cost."""
        return sum(self.costs)

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
        if not plan["Actual Rows"]:
            return [] if query == self._tx.all else None
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
    """Yield queries: each combination of the filters, of two of them and of all if they are many or an index holds only
    one of them, with all values alike and with one that is unlike the others."""
    path = operation.path
    names = [name for name in params.names(operation.input) if name not in PAGED]
    fixed = {name: values_of(path, name)[0] for name in names if name in REQUIRED}
    names = [name for name in names if name not in fixed]
    many = len(names) > MANY or any(path.endswith(one) for one in WALKS)
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
    service = sid("MG" if route.mount.host in ("messaging", "") else "IS")
    found = dict(named)
    for name in named:
        if name == "ServiceSid":
            found[name] = service
        elif name == "Sid":
            found[name] = next((one for part, one in SIDS.items() if part in path), service)
        else:
            found[name] = NAMES[name]
    return found


async def cost(
    node: Node, route: Route, query: dict[str, str], token: str, account_sid: str = ACCOUNT_SID
) -> Meter:
    """Return the meter of one request. Raise AssertionError if it finds nothing: then it is cheap for that reason."""
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
    operator = Principal(account_sid, account_sid, Credential.OPERATOR)
    call: Call[Any] = Call(operator, path_of(route), typed, vault, window)

    async def act(tx: Tx) -> Meter:
        meter = METERS[type(node.database)](tx)
        assert operation.action is not None
        meter.result = await operation.action(meter, call)  # type: ignore[arg-type]
        return meter

    meter = await node.database.scan(act)
    assert meter.result is not None, f"{operation.path} {call.path} {query}"
    return meter


def step_of(query: dict[str, str]) -> int:
    """Return the rows that a request may cost at a time."""
    return 10 * (INCLUDED_ITEMS + 1) if "Include" in query else MOST_ROWS


def most(operation: Operation, query: dict[str, str]) -> int:
    """Return the rows that a request may cost."""
    if operation.kind is not OperationKind.LIST and not operation.pages:
        return FEW_ROWS
    filters = {name: value for name, value in query.items() if name not in REQUIRED}
    # Each row of a table once to look at it, and an entry of an index to find where the next step begins
    return 2 * ROWS + MOST_ROWS if _walks(operation, filters) else step_of(query)


def _walks(operation: Operation, filters: dict[str, str]) -> bool:
    return any(operation.path.endswith(path) and when(filters) for path, when in WALKS.items())


async def offences(node: Node) -> list[str]:
    """Return the requests that read too much, lists without rows, and walks that no request took."""
    found: list[str] = []
    seen: set[Any] = set()
    idle = set(WALKS)
    for route in reads(node):
        action: Any = route.operation.action
        action = action.func if isinstance(action, partial) else action
        few = (action, route.operation.input) in seen
        seen.add((action, route.operation.input))
        for number, query in enumerate(combinations(route.operation, few=few)):
            for token in ("", FAR_BEHIND) if number < 4 else ("",):
                meter = await cost(node, route, query, token)
                if route.operation.kind is OperationKind.LIST and not (number or token or few or meter.found):
                    found.append(f"{route.operation.path} is empty")
                if max(meter.costs) > step_of(query) or meter.total > most(route.operation, query):
                    found.append(f"{route.operation.path} {query} {token}: {meter.costs} {meter.statements}")
                if len(meter.costs) > 1:
                    idle -= {path for path in idle if route.operation.path.endswith(path)}
    return [*found, *idle]


async def unbounded(node: Node) -> list[str]:
    """Return the requests that read less or more than the rows that one may read: of a list that matches nothing, in
    the order of its pages, and of the usual Service behind many newer rows of another."""
    route = next(one for one in reads(node) if one.operation.path == "/webhooks")
    query, token, found = {"Status": "delivered"}, "", []
    for rows in (paging.MOST_WALKED, ROWS):
        meter = await cost(node, route, query, token, UNREACHED)
        # To look at a row, and to pass over its entry to find where the next step begins
        if not rows / 2 < meter.total <= 2 * rows + MOST_ROWS or meter.result.rows:
            found.append(f"{meter.total} of {rows}: {meter.result}")
        token = meter.result.next_page_token or ""
    # PostgreSQL has seen rows of one Service only when it counted.
    change = "UPDATE webhook_attempts SET service_sid = 'MG' WHERE service_sid = :usual AND started > :after"
    await node.database.write(
        lambda tx: tx.run(change, usual=USUAL, after=START + paging.MOST_WALKED + ROWS - 600)
    )
    meter = await cost(node, route, {"ServiceSid": USUAL}, "", UNREACHED)
    if meter.total > MOST_ROWS or not meter.result.rows:
        found.append(f"{meter.total}: {meter.statements}")
    meter = await cost(node, route, {"ServiceSid": USUAL}, "", ACCOUNT_SID)
    if meter.total > FEW_ROWS or meter.result.rows or meter.result.next_page_token:
        found.append(f"another account's: {meter.total} {meter.result}")
    return [*found, *([f"another page: {token}"] if token else ())]


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
    # So many rows are sampled that it is all of them: the plans are the same in each run.
    await connection.execute("SET session_replication_role = replica; SET default_statistics_target = 100")
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
        return [*await offences(node), *await unbounded(node)]
    finally:
        await node.database.stop()


def test_no_list_reads_many_rows_for_a_page(engine: Engine, tmp_path: Path) -> None:
    url = engine.migrated_url(tmp_path, migrations(products(Settings())))
    assert asyncio.run(run(url, tmp_path)) == []
