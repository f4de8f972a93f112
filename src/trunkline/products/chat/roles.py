"""Roles (RL…): named sets of permissions, for a channel's members or a Service's users.

Name and type of a role never change (doc). A role that is a default of its Service cannot be deleted (inferred).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.api.params import choice, many, required, text
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.sids import new_sid
from trunkline.core.storage.account_rows import delete_row, update_row
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.chat.parent_service import lock_service, require_service
from trunkline.products.chat.permissions import DEFAULT_ROLES, PERMISSIONS, DefaultRole, RoleType


class CreateRole(msgspec.Struct, frozen=True, kw_only=True):
    """A new role. Names have 1 to 64 characters (doc), error codes are the vendor's."""

    friendly_name: Annotated[str, text(1, 64, code=50003, clears=True), required(50000)]
    type: Annotated[str, choice(*RoleType, code=50105), required(50105)]
    permission: Annotated[list[str], many(text()), required()]


class UpdateRole(msgspec.Struct, frozen=True, kw_only=True):
    """The permissions that replace the ones so far (doc)."""

    permission: Annotated[list[str], many(text()), required()]


class Role(Row, frozen=True):
    """A row of ``chat_roles``. ``permissions`` is a JSON list."""

    sid: str
    account_sid: str
    service_sid: str
    friendly_name: str
    type: str
    permissions: str
    date_created: int
    date_updated: int


def view(role: Role, urls: Urls) -> Json:
    """Return the Role resource (spec)."""
    return {
        "sid": role.sid,
        "account_sid": role.account_sid,
        "service_sid": role.service_sid,
        "friendly_name": role.friendly_name,
        "type": role.type,
        "permissions": msgspec.json.decode(role.permissions),
        "date_created": iso(role.date_created),
        "date_updated": iso(role.date_updated),
        "url": urls.to("Services", role.service_sid, "Roles", role.sid),
    }


async def create_role(tx: Tx, call: Call[CreateRole]) -> Role:
    """Make a role. Raise ApiError 50050 if there is no such Service, 50104 for a permission that its type cannot
    have."""
    given = call.input
    permissions = _permitted(given.type, given.permission)
    service_sid = call.path["ServiceSid"]
    await lock_service(tx, service_sid)
    await require_service(tx, call.account_sid, service_sid)
    role = Role(
        sid=new_sid("RL"),
        account_sid=call.account_sid,
        service_sid=service_sid,
        friendly_name=given.friendly_name,
        type=given.type,
        permissions=permissions,
        date_created=tx.now,
        date_updated=tx.now,
    )
    await tx.insert("chat_roles", role)
    return role


async def fetch_role(tx: Tx, call: Call[Empty]) -> Role | None:
    """Return a role. Raise ApiError 50050 if there is no such Service."""
    return await _addressed(tx, call.account_sid, call.path)


async def page_roles(tx: Tx, call: Call[Empty]) -> list[Role]:
    """Return the Service's roles, oldest first. Raise ApiError 50050 if there is no such Service."""
    service_sid = call.path["ServiceSid"]
    found = await tx.all(
        Role,
        f"SELECT {columns(Role)} FROM live_chat_roles"
        f" WHERE service_sid = :service_sid AND account_sid = :account_sid {call.window.tail}",
        service_sid=service_sid,
        account_sid=call.account_sid,
        **call.window.values,
    )
    if not found:
        await require_service(tx, call.account_sid, service_sid)
    return found


async def update_role(tx: Tx, call: Call[UpdateRole]) -> Role | None:
    """Replace a role's permissions. Raise ApiError 50050 if there is no such Service, 50104 for a permission that its
    type cannot have."""
    await lock_service(tx, call.path["ServiceSid"])
    role = await _addressed(tx, call.account_sid, call.path)
    if role is None:
        return None
    changes = {"permissions": _permitted(role.type, call.input.permission), "date_updated": tx.now}
    await update_row(tx, "chat_roles", call.account_sid, role.sid, changes)
    return msgspec.structs.replace(role, **changes)


async def delete_role(tx: Tx, call: Call[Empty]) -> bool:
    """Remove a role. Raise ApiError 50050 if there is no such Service, 20409 for a default of the Service
    (inferred)."""
    await lock_service(tx, call.path["ServiceSid"])
    role = await _addressed(tx, call.account_sid, call.path)
    if role is None:
        return False
    if await _is_default(tx, role):
        raise ApiError(20409, f"The role {role.sid} is a default of its Service")
    return await delete_row(tx, "chat_roles", call.account_sid, role.sid)


def default_roles(account_sid: str, service_sid: str, now: int) -> list[tuple[DefaultRole, Role]]:
    """Return the roles of a new Service, not yet stored, a microsecond apart so that lists keep their order."""
    return [
        (
            default,
            Role(
                sid=new_sid("RL"),
                account_sid=account_sid,
                service_sid=service_sid,
                friendly_name=default.friendly_name,
                type=default.type.value,
                permissions=_permitted(default.type, list(default.permissions)),
                date_created=now + position,
                date_updated=now + position,
            ),
        )
        for position, default in enumerate(DEFAULT_ROLES)
    ]


async def find_role(tx: Tx, account_sid: str, service_sid: str, sid: str) -> Role | None:
    """Return a role of this Service."""
    return await tx.one(
        Role,
        f"SELECT {columns(Role)} FROM live_chat_roles"
        " WHERE sid = :sid AND service_sid = :service_sid AND account_sid = :account_sid",
        sid=sid,
        service_sid=service_sid,
        account_sid=account_sid,
    )


def _permitted(kind: str, names: list[str]) -> str:
    """Return the given permissions, each once, as JSON. Raise ApiError 50104 for one that this type cannot have."""
    if not PERMISSIONS[kind].issuperset(names):
        raise ApiError(50104)
    return msgspec.json.encode(list(dict.fromkeys(names))).decode()


async def _addressed(tx: Tx, account_sid: str, path: dict[str, str]) -> Role | None:
    role = await find_role(tx, account_sid, path["ServiceSid"], path["Sid"])
    if role is None:
        await require_service(tx, account_sid, path["ServiceSid"])
    return role


async def _is_default(tx: Tx, role: Role) -> bool:
    found = await tx.value(
        "SELECT 1 FROM live_chat_services WHERE sid = :service_sid AND account_sid = :account_sid"
        " AND :sid IN"
        " (default_service_role_sid, default_channel_role_sid, default_channel_creator_role_sid)",
        service_sid=role.service_sid,
        account_sid=role.account_sid,
        sid=role.sid,
    )
    return found is not None


def operations(maximum: int) -> tuple[Operation, ...]:
    """Return the operations, with at most ``maximum`` roles a page."""
    return (
        create("/Services/{ServiceSid}/Roles", create_role, view, CreateRole),
        listing("/Services/{ServiceSid}/Roles", "roles", page_roles, view, maximum=maximum),
        fetch("/Services/{ServiceSid}/Roles/{Sid}", fetch_role, view),
        update("/Services/{ServiceSid}/Roles/{Sid}", update_role, view, UpdateRole),
        delete("/Services/{ServiceSid}/Roles/{Sid}", delete_role),
    )
