"""From a matched route to a response: permission, parameters, action, view; without any transport."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import msgspec

from trunkline.api import mutation_ids, paging, params
from trunkline.api.auth import CHALLENGE, Directory, unauthorized, wrong_credentials
from trunkline.api.errors import ApiError, invalid, missing
from trunkline.api.operation import ONE, Call, Handler, OperationKind, Prepare, PrepareContext, Style
from trunkline.api.paging import Cursor, Page, Window
from trunkline.api.params import Fields
from trunkline.api.principal import Access, Credential, Principal
from trunkline.api.request_bodies import Upload
from trunkline.api.response_content import ResponseContent
from trunkline.api.router import Match, Route
from trunkline.api.views import Urls
from trunkline.core import mutation_claims
from trunkline.core.blobs.store import removed_on_failure
from trunkline.core.mutation_claims import Mutation, RepeatedMutation
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import NeedsWrite, StorageError, Tx


class Request(msgspec.Struct, frozen=True):
    """A request whose route, caller and fields are known. ``path`` is the path below the prefix, as requested;
    ``headers`` have lower-case names. ``upload`` yields a body that is streamed."""

    match: Match
    principal: Principal
    base: str
    path: str
    query: Fields = ()
    body: Fields = ()
    headers: Mapping[str, str] = {}
    upload: Upload | None = None


class Response(msgspec.Struct, frozen=True):
    """A status, a body (empty for 204), JSON unless ``media_type`` is another, or a ``content`` that is streamed, and
    headers beyond the standard ones."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    content: ResponseContent | None = None
    media_type: str = "application/json"


class OperationExecutor:
    """The execution of requests."""

    def __init__(self, context: PrepareContext, directory: Directory, vault: Vault) -> None:
        self._context = context
        self._database = context.database
        self._directory = directory
        self._vault = vault

    @staticmethod
    def permit(route: Route, principal: Principal) -> None:
        """Raise ApiError if the principal may not use the route, whatever its parameters are."""
        _permit(route, principal)

    async def handle(self, request: Request) -> Response:
        """Return the response to one request; a change is durable by then. Raise ApiError if it is rejected."""
        route = request.match.route
        operation = route.operation
        self.permit(route, request.principal)
        typed = params.read(operation.input, request.query, request.body if operation.writes else ())
        window = None
        if operation.kind is OperationKind.LIST:
            order = operation.ordering(typed) if operation.ordering else operation.order
            window = paging.window(request.query, order, operation.maximum, route.mount.codes)
        if operation.limit:
            operation.limit(Call(request.principal, request.match.path, typed, self._vault))

        tested = request.principal.credential is Credential.TEST
        if not tested and operation.handler is not None:
            return await self._run_handler(request, operation.handler, typed, window)
        if not tested and (operation.prepare is not None or operation.mutation is not None):
            return await self._mutate(request, typed)
        action = operation.test_action if tested else operation.action

        async def act(tx: Tx) -> Any:
            assert action is not None
            principal = await self._acting(tx, request)
            call = Call(principal, request.match.path, typed, self._vault, window or ONE, request.headers)
            return await action(tx, call)

        writes = operation.writes and not tested
        try:
            if window is not None or operation.pages:
                result = await self._database.query(act)
            else:
                result = await (self._database.write if writes else self._database.read)(act)
        except NeedsWrite:
            result = await self._database.write(act)
        if result is None or result is False:
            raise self._missing(request)
        return self._render(request, result, window)

    async def _run_handler(
        self, request: Request, handler: Handler, typed: Any, window: Window | None
    ) -> Response:
        match = request.match
        call = Call(
            await self._caller(request),
            match.path,
            typed,
            self._vault,
            window or ONE,
            request.headers,
            base=request.base,
            upload=request.upload,
        )
        result = await handler(call)
        if isinstance(result, Response):
            return result
        if result is None or result is False:
            raise self._missing(request)
        return self._render(request, result, window)

    async def _mutate(self, request: Request, typed: Any) -> Response:
        """Execute an operation that has a step before its transaction, accepts mutation ids, or both."""
        match = request.match
        operation = match.route.operation
        principal = await self._caller(request)
        target, mutation, reserved = operation.mutation, None, ""
        if target is not None:
            mutation = mutation_ids.read_mutation(request.headers, principal, target, match.path)
            reserved = mutation.resource_sid if mutation and target.prefix else ""
        call = Call(
            principal,
            match.path,
            typed,
            self._vault,
            ONE,
            request.headers,
            reserved,
            upload=request.upload,
        )
        try:
            if operation.prepare is not None and mutation is not None:
                result = await self._execute_leased(request, call, mutation, operation.prepare)
            elif operation.prepare is not None:
                result = await self._prepare_and_execute(request, call, None, operation.prepare)
            else:
                result = await self._execute(request, call, mutation)
        except RepeatedMutation as repeated:
            assert target is not None
            return self._repeat(request, target.segments(match.path, repeated.resource_sid), repeated)
        return self._render(request, result, None)

    async def _execute_leased(
        self, request: Request, call: Call[Any], mutation: Mutation, prepare: Prepare
    ) -> Any:
        """Lease the mutation, prepare it and execute it; release the lease if anything of that fails."""
        await self._database.write(lambda tx: mutation_claims.lease(tx, mutation))
        try:
            return await self._prepare_and_execute(request, call, mutation, prepare)
        except BaseException:
            # Without this the lease ends by itself, later.
            with suppress(StorageError):
                await self._database.write(lambda tx: mutation_claims.release(tx, mutation))
            raise

    async def _prepare_and_execute(
        self, request: Request, call: Call[Any], mutation: Mutation | None, prepare: Prepare
    ) -> Any:
        """Run the step before the transaction, then the transaction. Remove the blobs that the step wrote if either
        fails."""
        async with removed_on_failure(self._database, self._context.blobs) as blobs:
            context = msgspec.structs.replace(self._context, blobs=blobs)
            prepared = msgspec.structs.replace(call, input=await prepare(context, call))
            return await self._execute(request, prepared, mutation)

    async def _execute(self, request: Request, call: Call[Any], mutation: Mutation | None) -> Any:
        """Run the action, and claim the mutation in its transaction. Raise ApiError 20404 if there is no such resource,
        RepeatedMutation if the mutation is another request's."""
        action = request.match.route.operation.action

        async def act(tx: Tx) -> Any:
            assert action is not None
            if mutation is not None:
                await mutation_claims.claim(tx, mutation)
            # The account may have been closed since the step before the transaction.
            principal = await self._acting(tx, request)
            result = await action(tx, msgspec.structs.replace(call, principal=principal))
            if result is None or result is False:
                raise self._missing(request)
            return result

        return await self._database.write(act)

    @staticmethod
    def _repeat(request: Request, segments: tuple[str, ...], repeated: RepeatedMutation) -> Response:
        url = Urls(request.base, request.match.route.mount.version).to(*segments)
        return Response(
            202, msgspec.json.encode({"resource_sid": repeated.resource_sid, "resource_url": url})
        )

    async def _caller(self, request: Request) -> Principal:
        """Return the acting caller of a step or handler outside the operation's transaction. Only another account is
        read: metrics and carriers are shown while the database is away."""
        if _named_account(request) is None:
            return request.principal
        return await self._database.read(lambda tx: self._acting(tx, request))

    async def _acting(self, tx: Tx, request: Request) -> Principal:
        """Return the caller acting on the account that the request names."""
        named = _named_account(request)
        if named is None:
            return request.principal
        acting = await act_on(tx, self._directory, request.principal, named)
        if acting is None:
            raise self._missing(request)
        return acting

    @staticmethod
    def _missing(request: Request) -> ApiError:
        return request.match.route.mount.missing(request.path)

    def _render(self, request: Request, result: Any, window: Window | None) -> Response:
        operation, mount = request.match.route.operation, request.match.route.mount
        if operation.view is None and operation.content is None:
            return Response(operation.status, b"")
        if operation.content:
            return Response(operation.status, b"", content=operation.content(result, self._context.blobs))
        assert operation.view is not None
        urls = Urls(request.base, mount.version)
        if window is None:
            status = operation.outcome(result) if operation.outcome else operation.status
            shown = operation.view(result, urls)
            more = {"ETag": f'"{operation.etag(result)}"'} if operation.etag else {}
            if operation.location:
                more["Location"] = shown[operation.location]
            return Response(status, msgspec.json.encode(shown), more)
        page = window.page(result)
        rows = [operation.view(row, urls) for row in page.rows]
        write = _meta_page if mount.style is Style.META else _flat_page
        return Response(operation.status, msgspec.json.encode(write(request, window, page, rows)))


OPERATOR_ONLY = (
    "This belongs to the server: use the operator's token, as a bearer token or as the password of operator"
)


async def act_on(tx: Tx, directory: Directory, principal: Principal, account_sid: str) -> Principal | None:
    """Return the caller acting on the account that it names; None if that is neither its own nor a subaccount of it.
    Raise ApiError 20001 if the operator names an account that does not exist, 20005 for a subaccount that is not
    active or an account that was closed and emptied."""
    acting = await directory.reach(tx, principal, account_sid)
    if acting is None and principal.credential is Credential.OPERATOR:
        raise invalid("AccountSid", "is not an account of this server")
    return acting


def _named_account(request: Request) -> str | None:
    """Return the account that the request names, None for the caller's own. 2010 paths carry it (doc): the caller's, or
    a subaccount of it. An account's part of the control API has it as a parameter; the operator, who names any account,
    must give it there."""
    operation = request.match.route.operation
    by_operator = request.principal.credential is Credential.OPERATOR
    if by_operator or operation.access is Access.ACCOUNT:
        named = _parameter(request, "AccountSid")
    else:
        named = request.match.path.get("AccountSid")
    if by_operator and not named and operation.access is not Access.OPERATOR:
        bodiless = operation.kind in (OperationKind.FETCH, OperationKind.LIST, OperationKind.DELETE)
        raise missing("AccountSid", "query" if bodiless else "post body")
    return named if named and named != request.principal.account_sid else None


def _parameter(request: Request, name: str) -> str | None:
    return next(
        (value for pairs in (request.body, request.query) for key, value in pairs if key == name), None
    )


def _permit(route: Route, principal: Principal) -> None:
    operation = route.operation
    if operation.access in (Access.ACCOUNT, Access.OPERATOR):
        if not principal.may(Access.MAIN):
            raise wrong_credentials()
        if not principal.may(operation.access):
            raise ApiError(20403, OPERATOR_ONLY)
    if principal.credential is Credential.TEST and operation.test_action is None:
        raise ApiError(20008)
    if not principal.may(operation.access):
        raise unauthorized(detail="This API key may not use this resource.")
    if principal.credential is Credential.RESTRICTED_KEY:
        words = {operation.kind.value} | ({"read"} if operation.kind is OperationKind.LIST else set())
        if not principal.allows(*(f"/twilio/{route.resource}/{word}" for word in words)):
            raise ApiError(70051, headers=CHALLENGE)


def _filters(request: Request) -> str:
    known = params.names(request.match.route.operation.input)
    return "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in request.query if name in known
    )


def _meta_page(request: Request, window: Window, page: Page[Any], rows: list[Any]) -> dict[str, Any]:
    filters, start = _filters(request), request.base + request.path

    def link(cursor: Cursor | None, number: int) -> str:
        return f"{start}?{paging.query_string(filters, window.size, number, cursor)}"

    meta = {
        "page": window.number,
        "page_size": window.size,
        "first_page_url": link(None, 0),
        "previous_page_url": page.previous and link(page.previous, max(window.number - 1, 0)),
        "url": link(window.cursor, window.number),
        "next_page_url": page.following and link(page.following, window.number + 1),
        "key": request.match.route.operation.key,
    }
    return {"meta": meta, request.match.route.operation.key: rows}


def _flat_page(request: Request, window: Window, page: Page[Any], rows: list[Any]) -> dict[str, Any]:
    """Return a page in the 2010 form. URIs are relative, without a path prefix: the SDK prepends its base (client).
    Exactly one further key holds the rows (client)."""
    filters, number = _filters(request), window.number

    def link(cursor: Cursor | None, number: int) -> str:
        return f"{request.path}?{paging.query_string(filters, window.size, number, cursor)}"

    start = number * window.size if rows else 0
    return {
        "first_page_uri": link(None, 0),
        "end": start + len(rows) - 1 if rows else 0,
        "previous_page_uri": page.previous and link(page.previous, max(number - 1, 0)),
        request.match.route.operation.key: rows,
        "uri": link(window.cursor, number),
        "page_size": window.size,
        "start": start,
        "next_page_uri": page.following and link(page.following, number + 1),
        "page": number,
    }
