"""Operations: each a method and path of the contract, and everything needed to respond to it.

A product's resource module ends in its list of operations; a product's manifest mounts them under hosts and
versions. The same operation serves REST and tunnelled realtime requests.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from trunkline.api.errors import ApiError, not_found
from trunkline.api.mutation_ids import MutationTarget
from trunkline.api.paging import OLDEST_FIRST, Order, PagingCodes, Window
from trunkline.api.principal import BASIC_ONLY, CONTROL_SCHEMES, Access, Principal, Scheme
from trunkline.api.request_bodies import Upload
from trunkline.api.response_content import ResponseContent
from trunkline.api.views import View
from trunkline.core.blobs.store import BlobStore
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database, Tx
from trunkline.core.webhooks.delivery import Delivery

I = TypeVar("I")  # noqa: E741 - I for input


ONE = Window(OLDEST_FIRST, 1)
"""The window of an operation that is not a list."""


class Empty(msgspec.Struct, frozen=True):
    """The input of an operation without parameters."""


class Call(msgspec.Struct, Generic[I], frozen=True):
    """The input of an action: the caller, the path's variables by their names, the typed parameters, the vault that
    opens and seals secrets, for a list its window, and the request's headers by lower-case name. ``reserved_sid`` is
    the SID for the resource that a creation with a mutation id makes, empty in all other calls. ``upload`` yields the
    request's body where the operation streams it; only ``prepare`` reads it. ``base`` is the address at which a
    handler's client reached the server."""

    principal: Principal
    path: dict[str, str]
    input: I
    vault: Vault
    window: Window = ONE
    headers: Mapping[str, str] = {}
    reserved_sid: str = ""
    base: str = ""
    upload: Upload | None = None

    @property
    def account_sid(self) -> str:
        """The account that the call acts on."""
        return self.principal.account_sid


Act = Callable[[Tx, Call[Any]], Awaitable[Any]]


class PrepareContext(msgspec.Struct, frozen=True):
    """The pieces of a node that a step before the transaction may use: the database to read from, the store of large
    contents, and the delivery of webhooks whose response decides."""

    database: Database
    blobs: BlobStore
    delivery: Delivery


Prepare = Callable[[PrepareContext, Call[Any]], Awaitable[Any]]
"""The step before the transaction: returns the input for the action, the call's own or a changed one. It may take
seconds and may read; no transaction, lock or writer is held meanwhile. It raises ApiError to reject the request."""


Handler = Callable[[Call[Any]], Awaitable[Any]]
"""The whole of an operation that needs no transaction, or has transactions of its own. It may read an upload, and may
return the whole Response."""


class OperationKind(enum.Enum):
    """The kind of an operation; the value is the action's word in a restricted key's policy (spec)."""

    CREATE = "create"
    FETCH = "read"
    LIST = "list"
    UPDATE = "update"
    DELETE = "delete"


class Operation(msgspec.Struct, frozen=True):
    """One method on one path, and everything needed to respond to it."""

    kind: OperationKind
    path: str
    action: Act | None = None
    """The body of one transaction. It returns a row, a list of rows (LIST), or None if there is no such resource; for
    DELETE, whether there was something to delete."""
    view: View | None = None
    """The function that makes the JSON of a row; without it and ``content`` the response has no body."""
    input: type[Any] = Empty
    status: int = 200
    key: str = ""
    """The name of the rows in a list's response."""
    order: Order = OLDEST_FIRST
    maximum: int = 1000
    """The largest page of a list."""
    access: Access = Access.ANY_KEY
    ordering: Callable[[Any], Order] | None = None
    """The function that makes a list's order from its input, in place of ``order``."""
    etag: Callable[[Any], str] | None = None
    """The function that makes a row's entity tag, without quotes."""
    limit: Callable[[Call[Any]], None] | None = None
    """A check before anything is done; it raises ApiError to reject the request."""
    verb: str = ""
    """The HTTP method where the kind does not decide it."""
    outcome: Callable[[Any], int] | None = None
    """The function that makes the status from the result, in place of ``status``."""
    test_action: Act | None = None
    """The action for test credentials, which changes nothing; without it they are rejected."""
    location: str = ""
    """The key of the response whose value becomes the Location header."""
    schemes: frozenset[Scheme] = BASIC_ONLY
    """The forms of credentials that the operation accepts over HTTP."""
    prepare: Prepare | None = None
    """The step before the transaction, after all checks of the request; not for test credentials."""
    mutation: MutationTarget | None = None
    """The resource of a request that carries a mutation id; without it such ids are ignored."""
    handler: Handler | None = None
    """The body of an operation outside any transaction, in place of ``action``."""
    pages: bool = False
    """True for a read of a page of rows that is no LIST: SQLite makes it off the event loop, as it does those."""
    max_upload: int = 0
    """Bytes up to which the body is streamed to ``prepare`` or ``handler``; 0 where it is read as parameters."""
    content: Callable[[Any, BlobStore], ResponseContent] | None = None
    """The function that makes the streamed body of a fetch from its row and the store of large contents, in place of
    ``view``."""

    def __post_init__(self) -> None:
        """Raise ValueError for a read that declares what only writes have, for a handler beside what only actions have,
        and for an upload that nothing reads."""
        if self.handler and (self.action or self.test_action or self.prepare or self.mutation):
            raise ValueError(f"{self.path}: a handler takes the place of all actions, steps and mutation ids")
        if (self.prepare or self.mutation) and not self.writes:
            raise ValueError(f"{self.path}: only writes have a step before the transaction and mutation ids")
        if self.max_upload and not self.prepare and not self.handler:
            raise ValueError(
                f"{self.path}: the step before the transaction reads an upload, and there is none"
            )

    @property
    def method(self) -> str:
        """The HTTP method: over REST updates are POST on the instance, never PUT or PATCH (client)."""
        if self.verb:
            return self.verb
        # Compared, not looked up in a table: an enum's hash is slow, and every request needs its method.
        if self.kind is OperationKind.FETCH or self.kind is OperationKind.LIST:
            return "GET"
        return "DELETE" if self.kind is OperationKind.DELETE else "POST"

    @property
    def writes(self) -> bool:
        """True if the action changes anything."""
        return self.method != "GET"


def create(path: str, action: Act, view: View, input: type[Any], **more: Any) -> Operation:
    """Return a POST on a list: 201 and the new resource."""
    return Operation(OperationKind.CREATE, path, action, view, input, **{"status": 201, **more})


def fetch(path: str, action: Act, view: View | None, **more: Any) -> Operation:
    """Return a GET on an instance: 200 and the resource."""
    return Operation(OperationKind.FETCH, path, action, view, **more)


def listing(path: str, key: str, action: Act, view: View, **more: Any) -> Operation:
    """Return a GET on a list: 200 and a page, its rows under ``key``; at most ``maximum`` rows."""
    return Operation(OperationKind.LIST, path, action, view, key=key, **more)


def update(path: str, action: Act, view: View, input: type[Any], **more: Any) -> Operation:
    """Return a POST on an instance: 200 and the changed resource."""
    return Operation(OperationKind.UPDATE, path, action, view, input, **more)


def delete(path: str, action: Act, **more: Any) -> Operation:
    """Return a DELETE on an instance: 204 and nothing; a second one is 404."""
    return Operation(OperationKind.DELETE, path, action, status=204, **more)


def handled(kind: OperationKind, path: str, handler: Handler, view: View | None, **more: Any) -> Operation:
    """Return an operation that runs outside any transaction."""
    return Operation(kind, path, None, view, handler=handler, **more)


FOR_ACCOUNT: dict[str, Any] = {"schemes": CONTROL_SCHEMES, "access": Access.ACCOUNT}
"""The options of an operation of the control API that is an account's."""
FOR_OPERATOR: dict[str, Any] = {"schemes": CONTROL_SCHEMES, "access": Access.OPERATOR}
"""The options of an operation of the control API that is the operator's."""


class Style(enum.Enum):
    """The form of a mount's lists."""

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
    codes: PagingCodes = PagingCodes()
    suffix: bool = False
    """True if a path may end in ``.json``."""
    names_version: bool = True
    """True if the text of a 404 names the path with the version in front; not so for Sync, Chat and Notify (seen)."""
    private: bool = False
    """True for the control API: no page of another origin may call it, nothing may cache it."""
    grant: str = ""
    """The name of the grant that an access token must have, such as ``chat``, where an operation accepts tokens."""
    tunnel: bool = False
    """True for operations that the realtime door's clients reach, and nobody over HTTP."""

    def __post_init__(self) -> None:
        """Raise ValueError if operations accept access tokens, and no grant is named."""
        if not self.grant and any(Scheme.TOKEN in operation.schemes for operation in self.operations):
            raise ValueError(f"{self.host}/{self.version}: access tokens need the name of their grant")

    def missing(self, path: str) -> ApiError:
        """Return the error for a route or resource that does not exist: 404, code 20404."""
        return not_found(path if self.names_version else path.removeprefix(f"/{self.version}") or "/")


class Product(msgspec.Struct, frozen=True):
    """A product as the router sees it: its name, and where its operations are mounted."""

    name: str
    mounts: tuple[Mount, ...]
