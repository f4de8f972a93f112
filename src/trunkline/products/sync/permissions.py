"""Access control: the rights of an actor on an object, as a rule, and the rows of ``sync_permissions``.

REST credentials may do everything. An access token may too, unless the Service has its access control on: then only
what its identity was granted (doc). Flags do not imply each other.

Streams have no permissions (spec): every token may read them and publish, and the identity that created one may set its
expiry and delete it.
"""

from __future__ import annotations

import enum

from trunkline.api.errors import ApiError
from trunkline.core.storage.database import Row, Tx, columns, placeholders
from trunkline.products.sync.scope import SYSTEM, Scope
from trunkline.products.sync.services import AccessChanged


class Flag(enum.Enum):
    """The rights of a permission (doc): to fetch and subscribe; to change data, items and expiry; to delete."""

    READ = "read"
    WRITE = "write"
    MANAGE = "manage"


class Permission(Row, frozen=True):
    """A row of ``sync_permissions``."""

    object_sid: str
    identity: str
    may_read: bool
    may_write: bool
    may_manage: bool
    date_created: int

    def grants(self, flag: Flag) -> bool:
        """Return whether ``flag`` is set."""
        return {Flag.READ: self.may_read, Flag.WRITE: self.may_write, Flag.MANAGE: self.may_manage}[flag]


def allowed(scope: Scope, permission: Permission | None, flag: Flag) -> bool:
    """Return whether the actor has a right, given its identity's permission on the object, if it has one."""
    if scope.actor.identity is None or not scope.service.acl_enabled:
        return True
    return permission is not None and permission.grants(flag)


async def require(tx: Tx, scope: Scope, object_sid: str, flag: Flag) -> None:
    """Raise ApiError 54007 unless the actor may."""
    if allowed(scope, None, flag):
        return
    if not allowed(scope, await find(tx, object_sid, scope.actor.name), flag):
        raise ApiError(54007)


def require_creator(scope: Scope, created_by: str, flag: Flag) -> None:
    """Raise ApiError 54007 unless the actor may use a right on a Stream that ``created_by`` made."""
    if flag is Flag.READ or allowed(scope, None, flag):
        return
    # A token may have no identity, or the one that REST credentials stand as.
    if scope.actor.name != created_by or created_by in ("", SYSTEM):
        raise ApiError(54007)


async def find(tx: Tx, object_sid: str, identity: str) -> Permission | None:
    """Return the identity's permission on an object."""
    return await tx.one(
        Permission,
        f"SELECT {columns(Permission)} FROM sync_permissions"
        " WHERE object_sid = :object_sid AND identity = :identity",
        object_sid=object_sid,
        identity=identity,
    )


async def grant(tx: Tx, service_sid: str, permission: Permission) -> None:
    """Set all three flags; none set is the same as no permission (doc)."""
    if not (permission.may_read or permission.may_write or permission.may_manage):
        await revoke(tx, service_sid, permission.object_sid, permission.identity)
        return
    await tx.run(
        f"INSERT INTO sync_permissions ({columns(Permission)}) VALUES ({placeholders(Permission)})"
        " ON CONFLICT (object_sid, identity) DO UPDATE SET may_read = excluded.may_read,"
        " may_write = excluded.may_write, may_manage = excluded.may_manage",
        object_sid=permission.object_sid,
        identity=permission.identity,
        may_read=permission.may_read,
        may_write=permission.may_write,
        may_manage=permission.may_manage,
        date_created=permission.date_created,
    )
    tx.announce(AccessChanged(service_sid, permission.object_sid, permission.identity))


async def revoke(tx: Tx, service_sid: str, object_sid: str, identity: str) -> bool:
    """Remove all rights of an identity. Return whether it had any."""
    gone = await tx.run(
        "DELETE FROM sync_permissions WHERE object_sid = :object_sid AND identity = :identity",
        object_sid=object_sid,
        identity=identity,
    )
    if gone:
        tx.announce(AccessChanged(service_sid, object_sid, identity))
    return bool(gone)
