"""The ASGI door: host or prefix to product, headers, CORS, request ids, limits.

Every error response is JSON with the documented headers: no redirect, no HTML, no traceback.
"""

from __future__ import annotations

import logging
import time
from collections.abc import MutableMapping
from functools import partial
from typing import Any

import msgspec

from trunkline.api import addressing, cross_origin, form_data, headers, params, request_bodies
from trunkline.api.addressing import RequestAddress
from trunkline.api.auth import AccessTokenVerifier, Authenticator, Directory
from trunkline.api.concurrency import FailedLogins, InFlight
from trunkline.api.errors import ApiError
from trunkline.api.execution import OperationExecutor, Request, Response
from trunkline.api.failures import rejection_of
from trunkline.api.operation import Operation
from trunkline.api.outgoing_content import OutgoingContent, Send, header_lines, open_content
from trunkline.api.params import Fields
from trunkline.api.principal import NOBODY, Principal, Scheme
from trunkline.api.public import PublicPaths, PublicRequest
from trunkline.api.request_bodies import BodyMemory, HeldBody, Receive
from trunkline.api.response_content import ResponseContent
from trunkline.api.router import Match, Router
from trunkline.core.clock import Clock
from trunkline.core.storage.database import Conflict, Database
from trunkline.core.telemetry import Metrics, log_request

Scope = MutableMapping[str, Any]

log = logging.getLogger("trunkline.api")


class HttpLimits(msgspec.Struct, frozen=True):
    """Caps of the door: body size in bytes, seconds for a body to arrive, requests in flight per account."""

    body_bytes: int = 2 * 1024 * 1024
    body_seconds: float = 30.0
    concurrent: int = 100


class HttpDoor(msgspec.Struct, frozen=True):
    """The components and options of the ASGI application."""

    router: Router
    directory: Directory
    verifier: AccessTokenVerifier
    executor: OperationExecutor
    database: Database
    metrics: Metrics
    clock: Clock
    public: PublicPaths
    bodies: BodyMemory
    operator_token: str = ""
    limits: HttpLimits = HttpLimits()
    default_product: str = ""
    trusted_proxies: addressing.Networks = ()
    browser_origins: frozenset[str] = frozenset()
    """The origins whose pages may use a browser's credentials."""
    public_origins: frozenset[str] = frozenset()
    """The origins of the server beside the ones of the Host that a request names."""
    log_requests: bool = False


class _RequestState:
    """One request on its way to its response."""

    __slots__ = (
        "address",
        "concurrent",
        "counted",
        "cross_origin",
        "fields",
        "held",
        "match",
        "private",
        "sid",
        "started",
    )

    def __init__(self, scope: Scope) -> None:
        self.started = time.perf_counter()
        self.sid = headers.new_request_id()
        self.fields: dict[bytes, bytes] = dict(scope["headers"])
        self.private = addressing.is_control(scope["raw_path"])
        self.address: RequestAddress | None = None
        self.match: Match | None = None
        self.concurrent = 0
        self.counted: str | None = None
        self.held: HeldBody | None = None
        self.cross_origin = False

    def header(self, name: bytes) -> str:
        return self.fields.get(name, b"").decode("latin-1")

    def named(self) -> dict[str, str]:
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.fields.items()}


class ApiApplication:
    """The ASGI application."""

    def __init__(self, door: HttpDoor) -> None:
        self._door = door
        self._executor = door.executor
        self._hosts = door.router.hosts
        self._in_flight = InFlight(door.limits.concurrent)
        self._failures = FailedLogins(door.clock)
        self._authenticator = Authenticator(door.database, door.directory, door.verifier, door.operator_token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one HTTP request."""
        if scope["type"] != "http":
            return
        state = _RequestState(scope)
        state.cross_origin = self._is_cross_origin(state, scope)
        if (
            not (state.private or state.cross_origin)
            and self._door.public.claims(scope["raw_path"])
            and await self._public(state, scope, send)
        ):
            return
        try:
            await self._handle(state, scope, receive, send)
        finally:
            self._leave(state)

    async def _handle(self, state: _RequestState, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request of the API. It counts as in flight until its result is known, and with a streamed
        content until that is sent."""
        stream: OutgoingContent | None = None
        try:
            response = await self._respond(state, scope, receive)
            if response.content is not None:
                stream = await self._open(response.content, state, scope)
        except Exception as error:
            self._leave(state)
            response = _error_response(error, state)
        if response.status == 401 and state.match and _checks_secret(state.match.route.operation):
            response = await self._hold(response, state, scope)
        status, body, more = response.status, response.body, header_lines(response.headers)
        seconds = time.perf_counter() - state.started
        host = state.address.host if state.address else ""
        if state.private:
            lines = headers.private(state.sid) + more
        else:
            readers = headers.readable_by(self._door.browser_origins, self._origin(scope))
            lines = headers.standard(state.sid, host, state.concurrent, seconds, readers) + more
        if stream is not None:
            status = stream.selection.status
            try:
                await stream.send(send, lines)
            finally:
                self._observe(state, scope, status, time.perf_counter() - state.started)
        else:
            self._leave(state)
            if status != 204:
                lines += headers.content(response.media_type.encode(), len(body))
            await _send(scope, send, status, lines, body)
            self._observe(state, scope, status, seconds)

    @staticmethod
    async def _open(content: ResponseContent, state: _RequestState, scope: Scope) -> OutgoingContent:
        head = scope["method"] == "HEAD"
        return await open_content(content, "" if head else state.header(b"range"), head=head)

    async def _hold(self, response: Response, state: _RequestState, scope: Scope) -> Response:
        """Return the response to wrong credentials after the delay of the address, or another if too many wait."""
        try:
            await self._fail_login(state, scope)
        except ApiError as busy:
            return _error_response(busy, state)
        return response

    async def _fail_login(self, state: _RequestState, scope: Scope) -> None:
        """Record a failed log-in, and wait for its delay without the body. Raise ApiError as ``FailedLogins.hold``."""
        self._leave(state)
        if "discard_body" in scope:
            scope["discard_body"](scope)
        await self._failures.hold(_peer(scope))

    def _leave(self, state: _RequestState) -> None:
        """Count a request no longer as in flight, and its body no longer as held."""
        if state.held is not None:
            state.held.release()
        if state.counted is not None:
            self._in_flight.leave(state.counted)
            state.counted = None

    async def _respond(self, state: _RequestState, scope: Scope, receive: Receive) -> Response:
        method: str = scope["method"]
        if state.cross_origin and not state.header(b"x-twilio-token"):
            raise ApiError(20403, cross_origin.MESSAGE)
        state.address = address = addressing.resolve(
            self._scheme(state, scope),
            state.header(b"host"),
            scope["raw_path"],
            self._hosts,
            self._door.default_product,
        )
        if method == "OPTIONS" and not state.private:
            return Response(200, b"{}")
        state.match = match = self._door.router.match(
            address.host, "GET" if method == "HEAD" else method, address.segments, address.path
        )
        route = match.route
        if state.cross_origin and Scheme.TOKEN not in route.operation.schemes:
            # The token would be ignored, and what the browser added would count.
            raise ApiError(20403, cross_origin.MESSAGE)
        principal = await self._authenticator.authenticate(
            route.operation.schemes,
            route.mount.grant,
            state.header,
            partial(self._fail_login, state, scope),
            route.operation.writes,
        )
        if principal is not NOBODY and "logged_in" in scope:
            scope["logged_in"]()
        state.private = state.private or route.mount.private
        if not state.private:
            state.concurrent = self._in_flight.count(principal.account_sid)
            state.concurrent = self._in_flight.enter(principal.account_sid)
            state.counted = principal.account_sid
        return await self._execute(state, scope, receive, principal)

    async def _execute(
        self, state: _RequestState, scope: Scope, receive: Receive, principal: Principal
    ) -> Response:
        match, address = state.match, state.address
        assert match is not None
        assert address is not None
        operation = match.route.operation
        self._executor.permit(match.route, principal)
        query = form_data.parse_form(scope["query_string"], "query")
        body: Fields = ()
        upload = None
        limits = self._door.limits
        if operation.writes:
            limit = operation.max_upload or limits.body_bytes
            request_bodies.check_length(state.fields, limit)
            state.held = HeldBody(self._door.bodies, anonymous=principal is NOBODY)
            if operation.max_upload:
                upload = request_bodies.Upload(receive, limit, limits.body_seconds, state.held)
            else:
                whole = await request_bodies.read_body(receive, limit, limits.body_seconds, state.held)
                body = form_data.parse_body(whole, state.header(b"content-type"))
                if state.private and form_data.is_json(state.header(b"content-type")):
                    params.require_known(operation.input, body, "AccountSid")
        return await self._dispatch(
            Request(match, principal, address.base, address.path, query, body, state.named(), upload)
        )

    async def _dispatch(self, request: Request) -> Response:
        try:
            return await self._executor.handle(request)
        except Conflict:
            raise ApiError(20409) from None

    def _is_cross_origin(self, state: _RequestState, scope: Scope) -> bool:
        """Return whether a page of another origin sent a request that changes something with the browser's
        credentials."""
        if b"origin" not in state.fields and b"sec-fetch-site" not in state.fields:
            return False
        if not cross_origin.uses_browser(scope["method"], scope["headers"], control=state.private):
            return False
        hosts = [state.header(b"host")]
        if self._is_proxied(scope):
            hosts.append(state.header(b"x-forwarded-host").partition(",")[0].strip())
        own = cross_origin.own_origins(self._scheme(state, scope), hosts) | self._door.public_origins
        return cross_origin.is_cross_origin(scope["headers"], own, self._door.browser_origins)

    def _origin(self, scope: Scope) -> str | None:
        return cross_origin.read_origin(scope["headers"]) if self._door.browser_origins else None

    def _scheme(self, state: _RequestState, scope: Scope) -> str:
        forwarded = state.header(b"x-forwarded-proto").lower()
        if forwarded in ("http", "https") and self._is_proxied(scope):
            return forwarded
        return str(scope["scheme"])

    def _is_proxied(self, scope: Scope) -> bool:
        """Return whether the peer is a proxy whose headers are trusted."""
        return addressing.is_within(_peer(scope), self._door.trusted_proxies)

    def _observe(self, state: _RequestState, scope: Scope, status: int, seconds: float) -> None:
        if state.private:
            return
        route, address = state.match.route if state.match else None, state.address
        product, operation = (route.product, route.name) if route else ("", "")
        if route is None and address is not None:
            product = self._door.router.product_of(address.host, address.segments)
        self._door.metrics.observe(product, operation, status, seconds)
        if self._door.log_requests:
            path = scope["raw_path"].decode("ascii", "replace")[:512]
            log_request(state.sid, scope["method"], path, status, seconds)

    async def _public(self, state: _RequestState, scope: Scope, send: Send) -> bool:
        """Respond on a public path, without credentials: to a phone or a network. Return False, without a response, if
        there is nothing on it."""
        path = scope["raw_path"].decode("ascii", "replace")
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        request = PublicRequest(
            method,
            state.header(b"host"),
            path,
            state.header(b"authorization"),
            state.header(b"user-agent"),
            state.header(b"if-none-match"),
            head=scope["method"] == "HEAD",
        )
        lines: headers.Headers = [(b"twilio-request-id", state.sid.encode())]
        stream: OutgoingContent | None = None
        try:
            response = await self._door.public.respond(request)
            if response is None:
                return False
            if response.content is not None:
                stream = await self._open(response.content, state, scope)
            status, body, more = response.status, response.body, header_lines(response.headers)
        except Exception as error:
            rejected = _error_response(error, state)
            if rejected.status == 401 and state.header(b"authorization"):
                rejected = await self._hold(rejected, state, scope)
            status, body = rejected.status, rejected.body
            more = header_lines(rejected.headers) + headers.content(headers.JSON, len(body))
        if stream is not None:
            status = stream.selection.status
            await stream.send(send, lines)
        else:
            await _send(scope, send, status, [*lines, *more], body)
        product = self._door.public.product_of(scope["raw_path"])
        seconds = time.perf_counter() - state.started
        self._door.metrics.observe(product, f"{product}.public.fetch", status, seconds)
        return True


def _checks_secret(operation: Operation) -> bool:
    """Return whether an operation checks a secret of its own: that of a log-in's form or of a gateway's report. A page,
    which is read, refuses credentials in a header without a check."""
    return operation.writes and not operation.schemes


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _error_response(error: Exception, state: _RequestState) -> Response:
    """Return the response to an error. One that the client did not cause is logged, and reported without detail."""
    rejection = rejection_of(error, log, "a request", request_id=state.sid)
    more = dict(rejection.headers)
    if b"expect" in state.fields:
        # The client may keep back the body that it announced: what follows on the line could be anything.
        more.setdefault("Connection", "close")
    if state.private and cross_origin.is_browser(state.fields):
        # A browser would ask for credentials, and then add them to the requests of every page.
        more.pop("WWW-Authenticate", None)
    return Response(rejection.status, rejection.body(), more)


async def _send(scope: Scope, send: Send, status: int, lines: headers.Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
