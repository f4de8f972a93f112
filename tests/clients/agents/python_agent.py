"""A program that uses the vendor's Python SDK as requested, one JSON line in and one out.

It runs with whatever version of the `twilio` package its interpreter has, so nothing else may be imported. A line in
names how the client is made and pointed (``client``), the way to a resource (``chain``), a method and its arguments
by their names on the wire; a line out is what the SDK answered, or the exception it raised. With the argument
``async`` the asynchronous client is used.
"""

from __future__ import annotations

import asyncio
import datetime
import inspect
import json
import keyword
import re
import sys
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

DOMAINS = ("accounts", "api", "chat", "iam", "ip_messaging", "messaging", "notify", "sync")
"""The SDK's attributes of the products; 6.10 has no ``iam``."""


def rewritten(base: str, way: str, url: str, headers: Any) -> tuple[str, dict[str, str]]:
    """Return the vendor's URL as one of the server at ``base``, with the product in the path or in the Host
    header.
    """
    target, headers = urlsplit(url), dict(headers or {})
    if not (target.hostname or "").endswith(".twilio.com"):
        return url, headers
    path, server = target.path, urlsplit(base)
    if way == "prefix":
        path = f"/{str(target.hostname).partition('.')[0]}{path}"
    else:
        headers["Host"] = target.netloc
    return urlunsplit((server.scheme, server.netloc, path, target.query, "")), headers


class RewritingClient(TwilioHttpClient):
    """The SDK's own HTTP client with another address."""

    def __init__(self, base: str, way: str) -> None:
        super().__init__()
        self.base, self.way = base, way

    def request(self, method: str, url: str, *more: Any, headers: Any = None, **options: Any) -> Any:
        """Send a request to where it belongs."""
        url, headers = rewritten(self.base, self.way, url, headers)
        return super().request(method, url, *more, headers=headers, **options)


def asynchronous_client(base: str, way: str) -> Any:
    """Adapt the asynchronous client as `RewritingClient` does."""
    from twilio.http.async_http_client import AsyncTwilioHttpClient

    class AsyncRewriting(AsyncTwilioHttpClient):
        async def request(
            self, method: str, url: str, *more: Any, headers: Any = None, **options: Any
        ) -> Any:
            if way in ("prefix", "host"):
                url, headers = rewritten(base, way, url, headers)
            return await super().request(method, url, *more, headers=headers, **options)

    return AsyncRewriting()


def made(settings: dict[str, Any], asynchronous: bool) -> Any:
    """Return a client, made and pointed as requested."""
    base, way = settings["base"], settings["way"]
    options: dict[str, Any] = {}
    if asynchronous:
        options["http_client"] = asynchronous_client(base, way)
    elif way in ("prefix", "host"):
        options["http_client"] = RewritingClient(base, way)
    if settings["account_sid"]:
        options["account_sid"] = settings["account_sid"]
    credentials = (settings["username"], settings["password"]) if settings["username"] else ()
    client = Client(*credentials, **options)
    if way == "property":
        for name in DOMAINS:
            if hasattr(client, name):
                getattr(client, name).base_url = f"{base}/{name.replace('_', '-')}"
    return client


def argument_name(wire: str) -> str:
    """Return ``limits_channel_members`` for ``Limits.ChannelMembers``, ``from_`` for ``From``,
    ``date_sent_before`` for ``DateSent<``.
    """
    wire = wire.replace("<", "Before").replace(">", "After")
    parts = [re.sub("(?<!^)([A-Z])", r"_\1", part).lower() for part in wire.split(".")]
    name = "_".join(parts)
    return f"{name}_" if keyword.iskeyword(name) else name


def revived(value: dict[str, Any]) -> Any:
    """Return a date that came as JSON."""
    return datetime.datetime.fromisoformat(value["$date"]) if value.keys() == {"$date"} else value


def attributes(instance: Any) -> dict[str, Any]:
    """Return everything that an instance exposes. 6.10 reads it through properties, later versions keep
    attributes.
    """
    names = getattr(instance, "_properties", None) or [name for name in vars(instance) if name[0] != "_"]
    return {name: plain(getattr(instance, name)) for name in names}


def plain(value: Any) -> Any:
    """Return a value as JSON; a date becomes ``{"$date": …}`` so that text cannot pass for one."""
    if isinstance(value, datetime.datetime):
        return {"$date": value.isoformat()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return attributes(value)


def failure(error: TwilioException) -> dict[str, Any]:
    """Return the parts of the SDK's exception that a program can read."""
    names = ("status", "code", "msg", "uri", "method", "details")
    return {
        "kind": type(error).__name__,
        "text": str(error),
        **{name: getattr(error, name, None) for name in names},
    }


class Agent:
    """The clients of a process; a call is one use of one of them."""

    def __init__(self, asynchronous: bool) -> None:
        self.asynchronous = asynchronous
        self.clients: dict[str, Any] = {}

    async def respond(self, line: str) -> dict[str, Any]:
        """Carry out a line."""
        request = json.loads(line, object_hook=revived)
        key = json.dumps(request["client"], sort_keys=True)
        if key not in self.clients:
            self.clients[key] = made(request["client"], self.asynchronous)
        try:
            return await self.use(self.clients[key], request)
        except TwilioException as error:
            return {"error": failure(error)}

    async def use(self, client: Any, request: dict[str, Any]) -> dict[str, Any]:
        """Follow the chain and call the method. Report what this version of the SDK cannot send."""
        resource = client
        for name, *values in request["chain"]:
            resource = getattr(resource, name)
            if values:
                resource = resource(*values[0])
        given = {argument_name(wire): (wire, value) for wire, value in request["arguments"].items()}
        method = request["method"]
        known = inspect.signature(getattr(resource, "page" if method == "walk" else method)).parameters
        arguments = {name: value for name, (_, value) in given.items() if name in known}
        dropped = [wire for name, (wire, _) in given.items() if name not in known]
        if method == "walk":
            value: Any = await self.walk(resource, arguments)
        elif method == "stream":
            value = await self.stream(resource, arguments)
        else:
            value = await self.call(resource, method, arguments)
        return {"value": plain(value), "dropped": dropped}

    async def call(self, resource: Any, method: str, arguments: dict[str, Any]) -> Any:
        """Return the method, or its asynchronous counterpart."""
        if self.asynchronous:
            return await getattr(resource, f"{method}_async")(**arguments)
        return getattr(resource, method)(**arguments)

    async def stream(self, resource: Any, arguments: dict[str, Any]) -> list[Any]:
        """Return all rows of a stream."""
        rows = await self.call(resource, "stream", arguments)
        return [row async for row in rows] if self.asynchronous else list(rows)

    async def walk(self, resource: Any, arguments: dict[str, Any]) -> dict[str, Any]:
        """Turn the pages forwards to the last one and backwards again; each page's URL also leads to it alone."""
        page = await self.call(resource, "page", arguments)
        forwards, backwards, addressed = [sids(page)], [], []
        while page.next_page_url:
            alone = await self.call(resource, "get_page", {"target_url": page.next_page_url})
            addressed.append(sids(alone))
            page = await self.call(page, "next_page", {})
            forwards.append(sids(page))
        while page.previous_page_url:
            page = await self.call(page, "previous_page", {})
            backwards.append(sids(page))
        return {"forwards": forwards, "backwards": backwards, "addressed": addressed}


def sids(page: Any) -> list[str]:
    """Return the SIDs on a page."""
    return [row.sid for row in page]


async def main() -> None:
    """Reply until the lines end."""
    agent = Agent("async" in sys.argv)
    for line in sys.stdin:
        print(json.dumps(await agent.respond(line)), flush=True)
    if agent.asynchronous:
        for client in agent.clients.values():
            await client.http_client.close()


if __name__ == "__main__":
    asyncio.run(main())
