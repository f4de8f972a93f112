"""A resource whose deletion takes several transactions is marked first: no query sees a marked row, and what is below
it has a place in its plan."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

import pytest

from rules.source import Source, report
from trunkline.app.products import migrations, products
from trunkline.core.storage.removal import RemovalPlan
from trunkline.settings import Settings

MANIFESTS = products(Settings())
STATEMENTS = [statement for one in migrations(MANIFESTS) for statement in one.statements]
PLANS: dict[str, RemovalPlan] = {
    plan.table: plan for one in MANIFESTS for plan in one.removals if not plan.keeps
}
VIEWS = {found[1] for one in STATEMENTS if (found := re.match(r"\s*CREATE VIEW live_(\w+)", one))}
MASKS = {
    view[2]: (view[1], frozenset(columns))
    for one in STATEMENTS
    if (view := re.match(r"\s*CREATE VIEW (\w+) AS SELECT .*\bFROM (\w+)\s*$", one, re.DOTALL))
    and (columns := re.findall(r"NOT \w+\.deleted\)\s+AS (\w+)", one))
}
"""By table: the view in which its references to marked rows are empty, and the columns with these references."""


def _read(tables: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of a query that reads one of the tables."""
    return re.compile(
        rf"(?<!DELETE )\b(?:FROM|JOIN)\s+(?:\w+(?:\s+(?:AS\s+)?\w+)?\s*,\s*)*({'|'.join(sorted(tables))})\b"
    )


def _returned(tables: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of a change that returns rows of one of the tables."""
    return re.compile(rf"\bUPDATE ({'|'.join(sorted(tables))})\b.*\bRETURNING\b", re.DOTALL)


READ, RETURNED = _read(VIEWS), _returned(VIEWS)
READ_MASKED, RETURNED_MASKED = _read(MASKS), _returned(MASKS)
DELETION = re.compile(rf"\bDELETE FROM ({'|'.join(sorted(PLANS))})\b")
CASCADE = re.compile(r"REFERENCES (\w+) \(\w+\) ON DELETE (?:CASCADE|SET NULL)")
ROW_HELPERS = {"find_row": VIEWS | MASKS.keys(), "ListQuery": VIEWS | MASKS.keys(), "delete_row": set(PLANS)}
"""By helper: the tables that it must not be given. ``update_row`` returns nothing of a row."""

EXEMPT = {
    ("products/messaging/senders/candidates.py", "messaging_senders"): "its callers have found the Service",
    ("products/messaging/numbers/owned_numbers.py", "messaging_senders"): "it removes what is stale",
    (
        "products/messaging/numbers/available_phone_numbers.py",
        "numbers",
    ): "a number without an owner refers to none",
    ("products/messaging/numbers/inventory.py", "numbers"): "a number without an owner refers to none",
    ("products/messaging/numbers/owned_numbers.py", "numbers"): "the application is found in its view",
    ("products/sync/expiry.py", "sync_objects"): "it takes what is due from the index, and then looks at it",
}
"""By module and table: why a query may read the table itself."""

KEPT = {
    "accounts": "an account is closed and never deleted",
    "messages": "a message has ten attachments, a hundred segments and a row of each other kind",
    "message_media": "an attachment has one link",
    "blobs": "one content: at most 600 pieces of 256 KiB",
    "a2p_brands": "there is no way to delete a brand",
    "a2p_campaigns": "a campaign has one row of counters",
}
"""By table with rows below it: why the deletion of a row is bounded without a plan."""


def _texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each text with its line; of one with values in it, what stands around them."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)):
                yield node.lineno, text
            case ast.JoinedStr(values=parts):
                yield (
                    node.lineno,
                    "".join(
                        str(part.value)
                        if isinstance(part, ast.Constant)
                        else "NOT deleted"
                        if "deleted" in ast.unparse(part).lower()
                        else "?"
                        for part in parts
                    ),
                )


def _masked_columns(text: str) -> Iterator[tuple[str, str]]:
    """Yield each column with references to marked rows that a statement reads from its table, with the table; also
    columns that are put in, which may be all of them."""
    # Behind the last SELECT stand the columns of a query, in front of its table; those of a change stand at its end.
    reads = [(one[1], text[: one.start()].rpartition("SELECT")[2]) for one in READ_MASKED.finditer(text)]
    reads += [(one[1], text.rpartition("RETURNING")[2]) for one in RETURNED_MASKED.finditer(text)]
    for table, chosen in reads:
        named = MASKS[table][1].intersection(re.findall(r"\w+", text.partition(" SET ")[0] + chosen))
        for masked in [*sorted(named), *re.findall(r"[?*]", chosen)]:
            yield table, masked


def _named_tables(source: Source) -> Iterator[tuple[int, str, str]]:
    """Yield each table that a helper is given, itself or as a constant of the module, with the line and the helper."""
    constants = {
        target.id: node.value.value
        for node in source.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[*arguments]) if name in ROW_HELPERS:
                for argument in arguments:
                    match argument:
                        case ast.Constant(value=str(table)):
                            yield node.lineno, name, table
                        case ast.Name(id=constant) if isinstance(table := constants.get(constant), str):
                            yield node.lineno, name, table


def unseen_marks(source: Source) -> Iterator[str]:
    """Yield queries that read a table where marked rows are, and deletions that pass a plan by."""
    path = source.path.removeprefix("src/trunkline/")
    if path.endswith("schema.py"):
        return
    for line, text in _texts(source.tree):
        if "CREATE VIEW" in text:
            continue
        for table in READ.findall(text):
            if (path, table) not in EXEMPT:
                yield source.at(line, f"reads {table}: read live_{table}")
        for table in RETURNED.findall(text):
            if "deleted" not in text and (path, table) not in EXEMPT:
                yield source.at(line, f"returns rows of {table}: add NOT deleted")
        for table, masked in _masked_columns(text):
            if (path, table) not in EXEMPT:
                yield source.at(line, f"reads {masked} of {table}: read {MASKS[table][0]}")
        for table in DELETION.findall(text):
            yield source.at(line, f"deletes from {table}: use its RemovalPlan")
    for line, name, table in _named_tables(source):
        if table in ROW_HELPERS[name] and (path, table) not in EXEMPT:
            yield source.at(line, f"{name} of {table}")


def test_every_query_reads_the_views_without_marked_rows() -> None:
    assert not (found := report(unseen_marks, "src")), found


@pytest.mark.parametrize(
    ("text", "offends"),
    [
        ("q = 'SELECT sid FROM sync_objects WHERE sid = :sid'", True),
        ("q = 'SELECT 1 FROM numbers n JOIN messaging_senders s ON s.sid = n.sid'", True),
        ("q = 'DELETE FROM chat_services WHERE sid = :sid'", True),
        ("q = find_row(tx, Row, 'chat_services', account_sid, sid)", True),
        ("q = ListQuery('chat_services', ())", True),
        ("q = delete_row(tx, 'notify_services', account_sid, sid)", True),
        ("q = find_row(tx, Row, 'chat_roles', account_sid, sid)", True),
        ("T = 'sync_objects'\nq = ListQuery(T, ())", True),
        ("q = 'SELECT 1 FROM sync_items i, sync_objects o WHERE i.object_sid = o.sid'", True),
        ("q = 'UPDATE sync_objects SET revision = 1 WHERE sid = :sid RETURNING sid'", True),
        ("q = f'UPDATE sync_objects SET {x} WHERE sid = :sid RETURNING {y}'", True),
        ("q = f'UPDATE sync_objects SET {x} WHERE NOT deleted RETURNING {y}'", False),
        ("q = 'UPDATE sync_objects SET revision = 1 WHERE sid = :sid'", False),
        ("q = 'SELECT sid FROM live_sync_objects WHERE sid = :sid'", False),
        ("q = 'SELECT n.sms_application_sid FROM numbers n WHERE n.number = :number'", True),
        ("q = 'SELECT number FROM numbers WHERE voice_application_sid = :sid'", True),
        ("q = 'SELECT n.* FROM messaging_services s JOIN numbers n ON n.account_sid = s.account_sid'", True),
        ("q = f'SELECT {columns(Number)} FROM numbers WHERE number = :number'", True),
        ("q = f'SELECT {columns(Number, x)} FROM messages m, numbers n'", True),
        ("q = f'UPDATE numbers SET rate = 1 RETURNING {columns(Number)}'", True),
        ("q = find_row(tx, Number, 'numbers', account_sid, sid)", True),
        ("q = ListQuery('numbers', ())", True),
        ("q = f'SELECT {columns(Number)} FROM owned_and_free_numbers WHERE number = :number'", False),
        ("q = 'SELECT account_sid FROM numbers WHERE number = :number'", False),
        ("q = 'UPDATE numbers SET sms_application_sid = NULL WHERE number = :number'", False),
        ("q = 'UPDATE numbers SET rate = 1 WHERE number = :number RETURNING sid'", False),
        ("q = 'DELETE FROM messaging_senders WHERE sid = :sid'", False),
        ("q = find_row(tx, Row, 'live_chat_services', account_sid, sid)", False),
    ],
)
def test_a_query_that_would_see_marked_rows_is_caught(text: str, offends: bool) -> None:
    assert bool(list(unseen_marks(Source.of("src/trunkline/products/x.py", text)))) is offends


def _references() -> Iterator[tuple[str, str]]:
    """Yield each table with the one above it, whose rows take its rows with them."""
    for statement in STATEMENTS:
        created = re.match(r"\s*(?:CREATE TABLE|ALTER TABLE) (\w+)", statement)
        for above in CASCADE.findall(statement):
            assert created is not None
            if f"DROP TABLE {created[1]}" not in STATEMENTS:
                yield created[1], above


def test_a_plan_has_every_table_below_its_own() -> None:
    missing = []
    for table, plan in PLANS.items():
        planned = {removal.table for group in plan.below for removal in group.removals} | {table}
        for below, above in _references():
            if above in planned and above not in KEPT and below not in planned:
                missing.append(f"{table}: {below} refers to {above}")
    assert not missing, missing


def test_a_table_with_rows_below_it_has_a_plan() -> None:
    above = {above for _, above in _references()}
    assert above <= PLANS.keys() | KEPT.keys(), above - PLANS.keys() - KEPT.keys()
    assert PLANS.keys() <= VIEWS
