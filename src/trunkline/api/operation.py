"""What an Operation is: a method and path of the contract, and everything needed to answer it.

A product's resource module ends in its list of operations; a product's manifest mounts them under hosts and
versions. The same operation serves REST and tunnelled realtime requests.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from trunkline.api.mutation_ids import Target
from trunkline.api.paging import OLDEST_FIRST, Codes, Order, Window
from trunkline.api.principal import BASIC_ONLY, Access, Principal, Scheme
from trunkline.api.views import View
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database, Tx

I = TypeVar("I")  # noqa: E741 - I for input


ONE = Window(OLDEST_FIRST, 1)
"""The window of an operation that is not a list."""


class Empty(msgspec.Struct, frozen=True):
    """The input of an operation without parameters."""


class Call(msgspec.Struct, Generic[I], frozen=True):
    """The input of an action: the caller, the path's variables by their names, the typed parameters, the vault that
    opens and seals secrets, for a list its window, and the request's headers by lower-case name. ``reserved_sid`` is
    the SID for the resource that a creation with a mutation id makes, empty in all other calls."""

    principal: Principal
    path: dict[str, str]
    input: I
    vault: Vault
    window: Window = ONE
    headers: Mapping[str, str] = {}
    reserved_sid: str = ""

    @property
    def account_sid(self) -> str:
        """The account that the call acts on."""
        return self.principal.account_sid


Act = Callable[[Tx, Call[Any]], Awaitable[Any]]

Prepare = Callable[[Database, Call[Any]], Awaitable[Any]]
"""The step before the transaction: returns the input for the action, the call's own or a changed one. It may take
seconds and may read; no transaction, lock or writer is held meanwhile. Raises ApiError to reject the request."""


class Kind(enum.Enum):
    """What an operation does; the value is the action's word in a restricted key's policy (spec)."""

    CREATE = "create"
    FETCH = "read"
    LIST = "list"
    UPDATE = "update"
    DELETE = "delete"


class Operation(msgspec.Struct, frozen=True):
    """One method on one path. ``action`` answers a row, a list of rows (LIST), or None for not found; for DELETE
    it answers whether there was something to delete. ``ordering`` makes a list's order from its input, in place of
    ``order``; ``etag`` makes a row's entity tag, without quotes; ``limit`` is asked before anything is done and
    may refuse. ``verb`` is the HTTP method where the kind does not decide it; ``outcome`` makes the status from the
    result, in place of ``status``. ``test_action`` answers callers with test credentials in place of ``action`` and
    changes nothing; without one they are refused. ``location`` names the key of the answer that becomes the
    Location header. ``schemes`` are the forms of credentials that the operation accepts over HTTP. ``handler`` runs
    outside any transaction, in place of ``action``."""

    kind: Kind
    path: str
    action: Act | None = None
    view: View | None = None
    input: type[Any] = Empty
    status: int = 200
    key: str = ""
    order: Order = OLDEST_FIRST
    maximum: int = 1000
    access: Access = Access.ANY_KEY
    ordering: Callable[[Any], Order] | None = None
    etag: Callable[[Any], str] | None = None
    limit: Callable[[Call[Any]], None] | None = None
    verb: str = ""
    outcome: Callable[[Any], int] | None = None
    test_action: Act | None = None
    location: str = ""
    schemes: frozenset[Scheme] = BASIC_ONLY
    prepare: Prepare | None = None
    mutation: Target | None = None
    handler: Callable[[Call[Any]], Awaitable[Any]] | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a read that declares what only writes have."""
        if (self.prepare or self.mutation) and not self.writes:
            raise ValueError(f"{self.path}: only writes have a step before the transaction and mutation ids")

    @property
    def method(self) -> str:
        """The HTTP method: over REST updates are POST on the instance, never PUT or PATCH (client)."""
        if self.verb:
            return self.verb
        return {Kind.FETCH: "GET", Kind.LIST: "GET", Kind.DELETE: "DELETE"}.get(self.kind, "POST")

    @property
    def writes(self) -> bool:
        """Whether the action changes anything."""
        return self.method != "GET"


def create(path: str, action: Act, view: View, input: type[Any], **more: Any) -> Operation:
    """POST on a list: 201 and the new resource."""
    return Operation(Kind.CREATE, path, action, view, input, **{"status": 201, **more})


def fetch(path: str, action: Act, view: View, **more: Any) -> Operation:
    """GET on an instance: 200 and the resource."""
    return Operation(Kind.FETCH, path, action, view, **more)


def listing(path: str, key: str, action: Act, view: View, **more: Any) -> Operation:
    """GET on a list: 200 and a page, its rows under ``key``; at most ``maximum`` rows."""
    return Operation(Kind.LIST, path, action, view, key=key, **more)


def update(path: str, action: Act, view: View, input: type[Any], **more: Any) -> Operation:
    """POST on an instance: 200 and the changed resource."""
    return Operation(Kind.UPDATE, path, action, view, input, **more)


def delete(path: str, action: Act, **more: Any) -> Operation:
    """DELETE on an instance: 204 and nothing; a second one is 404."""
    return Operation(Kind.DELETE, path, action, status=204, **more)


class Style(enum.Enum):
    """How a mount writes its lists."""

    META = "meta"
    """A ``meta`` object with absolute URLs (product APIs)."""
    FLAT = "2010"
    """Top-level fields with relative URIs (the 2010 API)."""


class Mount(msgspec.Struct, frozen=True):
    """Operations under one host label and version."""

    host: str
    version: str
    operations: tuple[Operation, ...]
    style: Style = Style.META
    codes: Codes = Codes()
    suffix: bool = False
    """Whether a path may end in ``.json``."""
    names_version: bool = True
    """Whether the text of a 404 names the path with the version in front (seen on the real services)."""
    grant: str = ""
    """The name of the grant that an access token must have, such as ``chat``, where an operation accepts tokens."""
    tunnel: bool = False
    """True for operations that the realtime door's clients reach, and nobody over HTTP."""


class Product(msgspec.Struct, frozen=True):
    """A product as the router sees it: its name, and where its operations are mounted."""

    name: str
    mounts: tuple[Mount, ...]
