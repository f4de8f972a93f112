"""The checks of the database: reachable, of this version, durable, encrypted with this key, in step with the clock."""

from __future__ import annotations

from functools import partial

from trunkline.app.data import BLOBS_DIRECTORY, require_master_key
from trunkline.app.products import migrations, products
from trunkline.cli.doctor.finding import DoctorFinding, Level, failed, ok, warned
from trunkline.core.blobs.files import blob_path
from trunkline.core.clock import SECOND, Clock, system_clock
from trunkline.core.database_clock import ClockState, describe_skew
from trunkline.core.secrets import BadMasterKey
from trunkline.core.storage.damage import find_damage, find_damaged_files
from trunkline.core.storage.database import NewerDatabase, StorageError
from trunkline.core.storage.inspection import Inspection, database_file, inspect_database
from trunkline.core.storage.migrate import Migration, due
from trunkline.core.storage.wal import WalState, read_wal
from trunkline.settings import Settings
from trunkline.settings.values import without_password


async def findings(settings: Settings, clock: Clock = system_clock) -> list[DoctorFinding]:
    """Check everything in the order of printing, or only the address if the database cannot be read."""
    name, path = "database", database_file(settings.storage.url)
    try:
        log = WalState() if path is None else read_wal(path)
        if path is not None and not path.exists():
            return [ok(name, f"{path} is made at the first start")]
        inspection = await inspect_database(settings.storage.url)
    except (StorageError, PermissionError) as error:
        return [failed(name, str(error), "see to it, or name another database_url or data_dir")]
    checked = [schema(migrations(products(settings)), inspection), durability(inspection)]
    if inspection.applied and checked[0].level is not Level.FAIL:
        checked.append(await secrets(settings))
        found = await find_damage(settings.storage.url)
        if path is not None:
            found += find_damaged_files(path, partial(blob_path, settings.storage.data_dir / BLOBS_DIRECTORY))
        checked.append(integrity(found))
    if path is not None:
        checked.append(write_ahead_log(log))
    if inspection.connections is not None:
        checked.append(connections(settings.storage.bounds().connections, inspection.connections))
    shown = path or without_password(settings.storage.url)
    return [ok(name, f"{shown} can be read"), *checked, time(clock(), inspection)]


def schema(known: list[Migration], inspection: Inspection) -> DoctorFinding:
    """Check the version of the schema."""
    name = "schema"
    try:
        pending = due(known, inspection.applied)
    except NewerDatabase as error:
        return failed(name, str(error), "run the version of Trunkline that wrote it, or a later one")
    if not inspection.applied:
        return ok(name, "empty; the first start fills it")
    if pending:
        remedy = "back up; the next start of the server applies what is due"
        return warned(name, f"{len(pending)} of {len(known)} migrations are due", remedy)
    return ok(name, f"up to date, {len(inspection.applied)} migrations")


def durability(inspection: Inspection) -> DoctorFinding:
    """Check that committed changes survive a power cut."""
    if inspection.weak:
        return failed(
            "durability", ", ".join(inspection.weak), "a power cut loses acknowledged writes: switch it back"
        )
    return ok("durability", "no setting of the database weakens it")


async def secrets(settings: Settings) -> DoctorFinding:
    """Check that the master key decrypts the stored secrets."""
    name = "secrets"
    try:
        await require_master_key(settings)
    except (BadMasterKey, UnicodeDecodeError) as error:
        return failed(name, str(error), "restore the master key that belongs to this database")
    except (StorageError, OSError) as error:
        return failed(name, f"cannot be read: {error}", "let this user read the data directory")
    return ok(name, "the master key opens them")


def connections(needed: int, allowed: int) -> DoctorFinding:
    """Check that PostgreSQL allows the connections that a node may open."""
    text = f"a node opens up to {needed}, PostgreSQL allows {allowed}"
    if allowed < needed:
        return failed("connections", text, "raise max_connections, or lower pool_size")
    nodes = allowed // needed
    return ok("connections", f"{text}: enough for {nodes} {'node' if nodes == 1 else 'nodes'}")


def integrity(found: list[str]) -> DoctorFinding:
    """Check that no page of the database is damaged."""
    if found:
        return failed(
            "integrity",
            "; ".join(found),
            "stop the server and restore a backup; of PostgreSQL, a damaged index alone can be rebuilt (REINDEX)",
        )
    return ok("integrity", "no damage was found")


def write_ahead_log(log: WalState) -> DoctorFinding:
    """Check that the write-ahead log of an SQLite database has all that was committed."""
    name = "WAL"
    if lost := log.lost(log.transactions):
        return failed(
            name,
            f"it was cut short: {lost} pages of acknowledged changes are missing",
            "restore the file trunkline.db-wal, or a backup, before the next start, which drops its end",
        )
    if log.rest or log.frames > log.transactions:
        return warned(
            name,
            "it ends within a transaction, as it may after a crash, or if it was copied or cut short",
            "the next start drops that transaction; if the file was cut short, restore it first",
        )
    return ok(name, "complete")


def time(now: int, inspection: Inspection) -> DoctorFinding:
    """Check the clock that a node goes by against the times in the database, and the machine's against PostgreSQL's."""
    name, remedy = "clock", "set the clock (NTP): expiries and schedules follow it"
    clock = inspection.clock
    if clock is not None:
        now, remedy = clock(), "set the clock of the database's host (NTP): expiries and schedules follow it"
    newest = max(inspection.applied.values(), default=0)
    if now < newest:
        return failed(
            name, f"it is {(newest - now) // SECOND} s before the database's last migration", remedy
        )
    if clock is not None and clock.state is not ClockState.RIGHT:
        idle = "" if clock.permits_due_work else ", and does no work that falls due"
        return warned(
            name,
            f"it is {describe_skew(clock.skew)}'s: a node here is not ready{idle}",
            "set the clock of this machine or of the database's host (NTP)",
        )
    return ok(name, "fits the database")
