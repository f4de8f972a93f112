"""Permissions of Documents, Lists and Maps: the rights of an identity on one object.

``permissions`` enforces them.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty, Operation, delete, fetch, listing, update
from trunkline.api.paging import Order
from trunkline.api.params import Given, boolean, required
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx, columns
from trunkline.products.sync import objects, permissions
from trunkline.products.sync.objects import Object
from trunkline.products.sync.permissions import Permission
from trunkline.products.sync.scope import enter
from trunkline.realtime.objects.types import ObjectKind

BY_CREATION = Order("date_created", "identity")
MAX_IDENTITY = 256
INVALID_IDENTITY = 54351
MISSING = 54354


class SetPermission(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a write: always all three flags (spec)."""

    read: Annotated[Given[bool], boolean(), required()] = UNSET
    write: Annotated[Given[bool], boolean(), required()] = UNSET
    manage: Annotated[Given[bool], boolean(), required()] = UNSET


class ObjectPermission(msgspec.Struct, frozen=True):
    """A permission with its object."""

    target: Object
    permission: Permission

    @property
    def date_created(self) -> int:
        """The date of the first write of the permission."""
        return self.permission.date_created

    @property
    def identity(self) -> str:
        """The identity of the permission."""
        return self.permission.identity


def view(granted: ObjectPermission, urls: Urls) -> Json:
    """Return the Permission resource; its URL has the object's SID however the object was addressed."""
    target, permission = granted.target, granted.permission
    traits = ObjectKind(target.kind).traits
    name = quote(permission.identity, safe="")
    return {
        "account_sid": target.account_sid,
        "service_sid": target.service_sid,
        f"{target.kind}_sid": target.sid,
        "identity": permission.identity,
        "read": permission.may_read,
        "write": permission.may_write,
        "manage": permission.may_manage,
        "url": urls.to("Services", target.service_sid, traits.path, target.sid, "Permissions", name),
    }


def operations(kind: ObjectKind) -> tuple[Operation, ...]:
    """Return the operations of one kind's permissions."""

    async def fetch_permission(tx: Tx, call: Call[Empty]) -> ObjectPermission:
        target, identity = await _addressed(tx, call, kind)
        found = await permissions.find(tx, target.sid, identity)
        if found is None:
            raise ApiError(MISSING)
        return ObjectPermission(target, found)

    async def page_permissions(tx: Tx, call: Call[Empty]) -> list[ObjectPermission]:
        target = await objects.find(tx, await enter(tx, call), kind, call.path["Sid"])
        rows = await tx.all(
            Permission,
            f"SELECT {columns(Permission)} FROM sync_permissions"
            f" WHERE object_sid = :object_sid {call.window.tail}",
            object_sid=target.sid,
            **call.window.values,
        )
        return [ObjectPermission(target, row) for row in rows]

    async def set_permission(tx: Tx, call: Call[SetPermission]) -> ObjectPermission:
        target, identity = await _addressed(tx, call, kind)
        flags = call.input
        wanted = Permission(
            target.sid, identity, flags.read is True, flags.write is True, flags.manage is True, tx.now
        )
        await permissions.grant(tx, target.service_sid, wanted)
        return ObjectPermission(target, wanted)

    async def delete_permission(tx: Tx, call: Call[Empty]) -> bool:
        target, identity = await _addressed(tx, call, kind)
        if not await permissions.revoke(tx, target.service_sid, target.sid, identity):
            raise ApiError(MISSING)
        return True

    everything = f"/Services/{{ServiceSid}}/{kind.traits.path}/{{Sid}}/Permissions"
    one = f"{everything}/{{Identity+}}"
    return (
        listing(everything, "permissions", page_permissions, view, maximum=100, order=BY_CREATION),
        fetch(one, fetch_permission, view),
        update(one, set_permission, view, SetPermission),
        delete(one, delete_permission),
    )


async def _addressed(tx: Tx, call: Call[Any], kind: ObjectKind) -> tuple[Object, str]:
    identity = call.path["Identity"]
    if not 1 <= len(identity) <= MAX_IDENTITY:
        raise ApiError(INVALID_IDENTITY)
    return await objects.find(tx, await enter(tx, call), kind, call.path["Sid"]), identity
