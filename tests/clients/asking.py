"""The use of an SDK by a test: an agent process runs it, and requests to the agent have the words of the
wire.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from servers import clean_environment

RESPONSE_SECONDS = 60.0

_STEP = re.compile(r"([a-z0-9_]+)(?:\(([^)]*)\))?")


@dataclass(frozen=True)
class Account:
    """An account's credentials."""

    sid: str
    auth_token: str


@dataclass(frozen=True)
class SdkOptions:
    """The user of an SDK, and the way by which the SDK is led to the server at ``base``.

    ``way`` is ``property`` (the base URL of each product), ``prefix`` or ``host`` (an HTTP client of one's own),
    or ``nothing``: then only the agent's environment leads anywhere. Without a user name the SDK finds its
    credentials there, too. ``auto_retry`` is an option of the Node SDK.
    """

    base: str = ""
    username: str = ""
    password: str = ""
    account_sid: str = ""
    way: str = "property"
    auto_retry: bool = False


class SdkError(Exception):
    """An exception of the SDK. ``details`` has what a program can read from it, by name; None when absent."""

    def __init__(self, details: dict[str, Any]) -> None:
        super().__init__(details["text"])
        self.details = details

    @property
    def status(self) -> int | None:
        """The HTTP status."""
        status: int | None = self.details["status"]
        return status

    @property
    def code(self) -> int | None:
        """The vendor's error code."""
        code: int | None = self.details["code"]
        return code


class Agent:
    """A process that runs one SDK. Usable as a context manager, which ends it."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            env=clean_environment() | dict(environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._unread = b""

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=RESPONSE_SECONDS)

    def request(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return the agent's reply to a request. Raise as ``response``."""
        self.begin(question)
        return self.response()

    def begin(self, question: Mapping[str, Any]) -> None:
        """Send a request. Read its ``response`` before the next one."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question, default=_encoded).encode() + b"\n")
        self._process.stdin.flush()

    def response(self) -> dict[str, Any]:
        """Return the reply to the last request. Raise AssertionError when the agent ends, or is silent for 60 s."""
        return dict(json.loads(self._line(), object_hook=_revived))

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        deadline = time.monotonic() + RESPONSE_SECONDS
        while b"\n" not in self._unread:
            descriptor = self._process.stdout.fileno()
            ready = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]
            assert ready, "the agent is silent"
            piece = os.read(descriptor, 1 << 16)
            assert piece, "the agent ended"
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\n")
        return line


def _encoded(value: datetime.datetime) -> dict[str, str]:
    return {"$date": value.isoformat()}


def _revived(value: dict[str, Any]) -> Any:
    return datetime.datetime.fromisoformat(value["$date"]) if value.keys() == {"$date"} else value


@dataclass(frozen=True)
class Client:
    """A client of the SDK called ``sdk``, made by ``pointing``. ``dropped`` collects the parameters that this
    SDK does not have.
    """

    sdk: str
    agent: Agent
    pointing: SdkOptions
    dropped: set[str] = field(default_factory=set)

    def call(
        self, chain: str, method: str, parameters: Mapping[str, Any] | None = None, /, **more: Any
    ) -> Any:
        """Call a method of the SDK.

        ``chain`` leads to its object as in Python (``chat.v2.services(IS…).roles``), parameters have their
        names on the wire. An instance comes back as a dict of its attributes. Besides the SDK's methods there
        is ``walk``, which turns pages forwards and backwards. Raise SdkError.
        """
        steps = [
            [name] if values is None else [name, [one for one in values.split(",") if one]]
            for name, values in ((found[1], found[2]) for found in _STEP.finditer(chain))
        ]
        response = self.agent.request(
            {
                "client": vars(self.pointing),
                "chain": steps,
                "method": method,
                "arguments": {**(parameters or {}), **more},
            }
        )
        if "error" in response:
            raise SdkError(response["error"])
        self.dropped.update(response["dropped"])
        return response["value"]

    def refused(self, chain: str, method: str, /, **parameters: Any) -> SdkError:
        """Return the error that a call raises. Raise AssertionError when it raises none."""
        try:
            value = self.call(chain, method, **parameters)
        except SdkError as error:
            return error
        raise AssertionError(f"{chain}.{method} answered {value}")

    def but(self, **changes: Any) -> Client:
        """Return the same SDK with another pointing."""
        return replace(self, pointing=replace(self.pointing, **changes), dropped=set())
